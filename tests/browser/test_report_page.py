"""The report of a real run, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

LINES = ".matrix tr.line"


def pages(report: Path) -> list[Path]:
    models = sorted((report / "models").glob("*.html"))
    operators = sorted((report / "operators").glob("*.html"))
    assert models and operators
    return [report / "index.html", *models, *operators]


def visible(page: Page, selector: str) -> int:
    return page.locator(selector).locator("visible=true").count()


def test_pages_open_without_an_error_and_ask_for_nothing_but_themselves(
    report: Path, watch: Callable
) -> None:
    watched = watch()
    for path in pages(report):
        page = watched.open(path)
        assert page.title()
        assert page.locator("h1").count() == 1
    assert not watched.errors
    assert len(watched.requests) == len(pages(report))
    assert all(url.startswith("file://") for url in watched.requests)


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


def test_every_link_leads_somewhere(report: Path, watch: Callable) -> None:
    watched = watch()
    anchors: dict[Path, set[str]] = {}
    links: dict[Path, list[str]] = {}
    for path in pages(report):
        page = watched.open(path)
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids)), f"an id stands twice in {path.name}"
        anchors[path.resolve()] = set(ids)
        links[path] = page.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        )
    for path, found in links.items():
        assert found
        for link in found:
            parts = urlsplit(link)
            if parts.scheme:
                assert link.startswith("https://onnx.ai/"), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment:
                assert parts.fragment in anchors[target], f"{path.name}: {link}"


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


@pytest.mark.parametrize("width", [320, 380, 768, 1400, 2200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_window(
    report: Path, watch: Callable, width: int, scheme: str
) -> None:
    watched = watch(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in pages(report):
        page = watched.open(path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name


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
    assert urlsplit(page.url).path.endswith(f"/models/{model}.html")
    expect(page.locator(f"section[id='{urlsplit(page.url).fragment}'] h3")).to_be_in_viewport()


def test_tables_have_headers_with_a_scope_and_captions(report: Path, watch: Callable) -> None:
    watched = watch()
    for path in pages(report):
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
