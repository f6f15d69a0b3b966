"""The report of a real run, in a real browser."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect

# The specification, and where a fault is reported.
OUTSIDE = (
    "https://onnx.ai/",
    "https://github.com/pytorch/pytorch/issues/new",
    "https://github.com/microsoft/onnxscript/issues/new",
    "https://github.com/microsoft/onnxruntime/issues/new",
    "https://github.com/onnx/onnx/issues/new",
)

pytestmark = pytest.mark.browser

LINES = ".matrix tr.line"


def pages(report: Path) -> list[Path]:
    found = [report / "index.html"]
    for part in ("models/*.html", "pairs/*/*.html", "operators/*.html"):
        kind = sorted(report.glob(part))
        assert kind, part
        found += kind
    return found


def some_pages(report: Path) -> list[Path]:
    """The index, and the largest and smallest pages of each kind: those that the browser opens."""
    chosen = [report / "index.html"]
    for part in ("models/*.html", "pairs/*/*.html", "operators/*.html"):
        kind = sorted(report.glob(part), key=lambda path: (path.stat().st_size, path))
        chosen += dict.fromkeys([kind[0], *kind[-2:]])
    return chosen


class Places(HTMLParser):
    """The ids of a page and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found["href"]))


def visible(page: Page, selector: str) -> int:
    return page.locator(selector).locator("visible=true").count()


def test_pages_open_without_an_error_and_ask_for_nothing_but_themselves(
    report: Path, watch: Callable
) -> None:
    watched = watch()
    for path in some_pages(report):
        page = watched.open(path)
        assert page.title()
        assert page.locator("h1").count() == 1
    assert not watched.errors
    pages = {path.resolve().as_uri() for path in some_pages(report)}
    shared = {path.resolve().as_uri() for path in (report / "assets").iterdir()}
    assert pages <= set(watched.requests) <= pages | shared


def test_the_policy_lets_the_script_run_and_forbids_any_other(
    report: Path, watch: Callable
) -> None:
    watched = watch()
    page = watched.open(report / "index.html")
    expect(page.locator("#filters")).to_be_visible()  # the script alone shows them
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.__pwned = 1";
            document.body.append(script);
            const image = new Image();
            image.src = "https://example.invalid/x.png";
            document.body.append(image);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.__pwned") is None
    assert sum("Content Security Policy" in error for error in watched.errors) == 2
    sent = [url for url in watched.requests if not url.startswith("file://")]
    assert sent == watched.forbidden == ["https://example.invalid/x.png"]


def test_the_page_reads_without_a_script(report: Path, watch: Callable) -> None:
    page = watch(java_script_enabled=False).open(report / "index.html")
    expect(page.locator("#filters")).to_be_hidden()
    assert visible(page, LINES) > 0
    assert visible(page, "#use dt") > 0


def test_filters_work_and_are_kept_in_the_address(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    everything = visible(page, LINES)
    exporter = page.locator("#filters [name=exporter] option").nth(1).inner_text()
    model = page.locator(LINES).first.get_attribute("data-model")
    assert model

    page.locator("[name=exporter]").select_option(exporter)
    some = visible(page, LINES)
    assert 0 < some < everything
    assert page.url.endswith(f"#exporter={exporter}")
    expect(page.locator("#filters output")).to_have_text(f"{some} of {everything} rows")

    page.locator("[name=model]").fill(model)
    few = visible(page, LINES)
    assert 0 < few < some
    shown = page.locator(LINES).locator("visible=true")
    assert all(
        model in (shown.nth(i).get_attribute("data-model") or "") for i in range(shown.count())
    )

    again = watch().page
    again.goto(page.url)
    assert visible(again, LINES) == few
    assert again.locator("[name=model]").input_value() == model

    page.get_by_role("button", name="Clear").click()
    expect(page.locator(LINES).locator("visible=true")).to_have_count(everything)
    assert "#" not in page.url


def test_the_operator_filter_leaves_what_uses_it(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    everything = visible(page, LINES)
    page.locator("[name=operator]").select_option("Resize")
    assert page.url.endswith("#operator=Resize")
    assert 0 < visible(page, LINES) < everything
    users = (
        page.locator(LINES)
        .locator("visible=true")
        .evaluate_all("all => [...new Set(all.map(line => line.dataset.model))]")
    )
    assert page.locator("#use dt").locator("visible=true").all_inner_texts() == users
    for model in users:
        assert "Resize" in (report / "models" / f"{model}.html").read_text(encoding="utf-8")


def test_the_matrix_has_five_views_kept_in_the_address(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    cell = page.locator(".matrix td.agrees").first
    seen = {}
    for view in ("outcome", "parity", "nodes", "size", "time"):
        page.locator(f"#view-{view}").check()
        assert page.url.endswith("" if view == "outcome" else f"#view={view}")
        assert cell.locator(".v:visible").count() == 1
        seen[view] = cell.locator(".v:visible").inner_text()
    assert "agrees" in seen["outcome"]
    assert seen["nodes"].isdigit() and "B" in seen["size"] and seen["time"].endswith(" s")
    again = watch().page
    again.goto(page.url)
    assert again.locator("#view-time").is_checked()
    assert again.locator(".matrix td.agrees .v.seconds").first.is_visible()
    still = watch(java_script_enabled=False).open(report / "index.html")
    still.locator("#view-nodes").check()
    assert still.locator(".matrix td.agrees").first.locator(".v:visible").inner_text().isdigit()


def test_the_outcome_filter_leaves_rows_with_that_outcome(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    values = page.locator("[name=outcome] option").evaluate_all("all => all.map(o => o.value)")
    assert len(values) > 2  # "all", and more than one that occurs
    for value in filter(None, values):
        page.locator("[name=outcome]").select_option(value)
        shown = page.locator(LINES).locator("visible=true")
        assert shown.count() > 0
        for i in range(shown.count()):
            assert value in (shown.nth(i).get_attribute("data-outcome") or "").split()


def test_a_link_to_a_place_keeps_the_filters(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    page.locator("[name=model]").fill("no such model")
    assert visible(page, LINES) == 0
    page.get_by_role("link", name="Matrix").click()
    assert visible(page, LINES) == 0
    assert page.locator("[name=model]").input_value() == "no such model"


def test_the_folder_is_whole_every_link_leads_somewhere_inside_it(
    report: Path, tmp_path: Path
) -> None:
    """As a recipient of an email has it: packed, then unpacked in an otherwise empty folder."""
    with zipfile.ZipFile(tmp_path / "report.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in report.rglob("*"):
            packed.write(path, path.relative_to(report))
    with zipfile.ZipFile(tmp_path / "report.zip") as packed:
        packed.extractall(tmp_path / "elsewhere")
    found = {path: Places(path) for path in pages(tmp_path / "elsewhere")}
    for path, places in found.items():
        assert len(places.ids) == len(set(places.ids)), f"an id stands twice in {path.name}"
        assert places.links
        for link in places.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert link.startswith(OUTSIDE), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_relative_to(tmp_path / "elsewhere"), f"{path.name}: {link}"
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment:
                assert parts.fragment in found[target].ids, f"{path.name}: {link}"


def test_a_card_of_snakemakes_report_leads_nowhere_else(report: Path, watch: Callable) -> None:
    cards = sorted((report.parent / "cards").glob("*.html"))
    assert [card.name for card in cards] == [p.name for p in sorted(report.glob("models/*.html"))]
    for card in cards:
        assert all(link.startswith(("#", *OUTSIDE)) for link in Places(card).links)
    watched = watch()
    expect(watched.open(cards[0]).locator(".matrix")).to_be_visible()
    assert not watched.errors


def test_no_address_of_the_machine_stands_in_a_page(report: Path) -> None:
    for path in pages(report):
        text = path.read_text(encoding="utf-8")
        assert str(report.resolve().parents[1]) not in text
        assert str(Path.home()) not in text


def test_the_keyboard_reaches_the_content_and_the_matrix(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("#matrix .scroll").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('.matrix')")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_cell_leads_to_its_row_on_the_page_of_its_model(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    page.locator(".matrix td a").first.click()
    assert "/models/" in page.url
    fragment = urlsplit(page.url).fragment
    assert page.locator(f"tr[id='{fragment}']").count() == 1


@pytest.mark.parametrize(
    ("width", "scheme"), [(320, "light"), (380, "dark"), (768, "light"), (2200, "dark")]
)
def test_no_page_is_wider_than_its_window(
    report: Path, watch: Callable, width: int, scheme: str
) -> None:
    watched = watch(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in some_pages(report):
        page = watched.open(path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name


def test_nothing_is_cut_off_on_paper(report: Path, watch: Callable) -> None:
    page = watch(viewport={"width": 794, "height": 1123}).open(report / "index.html")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    assert page.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "none"
    assert visible(page, LINES) > 0


@pytest.mark.parametrize(
    ("scheme", "rules"), [("light", None), ("dark", {"runOnly": ["color-contrast"]})]
)
def test_axe_finds_nothing(
    report: Path, watch: Callable, scheme: str, rules: dict[str, Any] | None
) -> None:
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    index, *others = some_pages(report)
    for path in [*([] if rules else [index]), *others[::3]]:
        page = watch(color_scheme=scheme).open(path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.evaluate(source)
        found = page.evaluate(
            "rules => axe.run(document, {...rules, resultTypes: ['violations']})", rules
        )
        assert found["passes"]
        told = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
        assert not told, (path.name, told)


def test_text_keeps_its_contrast_in_both_schemes(report: Path, watch: Callable) -> None:
    for scheme in ("light", "dark"):
        for path in (report / "index.html", report / "operators" / "Resize.html"):
            page = watch(color_scheme=scheme).open(path)
            worst = page.evaluate(CONTRAST)
            assert worst[0] >= 4.5, (scheme, path.name, worst)


def test_an_operator_in_a_change_leads_to_its_page_and_that_back(
    report: Path, watch: Callable
) -> None:
    page = watch().open(report / "index.html")
    link = page.locator("#changes th a[href^='operators/']").first
    name = link.inner_text()
    link.click()
    assert urlsplit(page.url).path.endswith(f"/operators/{name}.html")
    place = urlsplit(page.url).fragment
    if place:
        expect(page.locator(f"section[id='{place}'] h3")).to_be_in_viewport()
    step = page.locator(".places a").first
    model = step.locator(".id").inner_text()
    step.click()
    assert f"/pairs/{model}/" in urlsplit(page.url).path
    expect(page.locator("#changes .numbered li a.id", has_text=name).first).to_be_visible()


def test_tables_have_headers_with_a_scope_and_captions(report: Path, watch: Callable) -> None:
    watched = watch()
    for path in some_pages(report):
        page = watched.open(path)
        assert page.locator("th:not([scope])").count() == 0
        assert page.locator("table:not(:has(caption))").count() == 0


# The lowest contrast of a text against the nearest opaque background behind it.
CONTRAST = """() => {
  const channels = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = color => {
    const [r, g, b] = channels(color).slice(0, 3).map(c => {
      c /= 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      const alpha = channels(color)[3];
      if (alpha === undefined || alpha === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = [99, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("svg, script, .hidden, .skip, option")) continue;
    const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 200)];
  }
  return worst;
}"""
