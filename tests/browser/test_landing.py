"""The first page of hundreds of models, and what a reader takes out of a page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import small_report
from opset_atlas.stages.report import index as report_index
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models as if they were hundreds: a row each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_index, "MOST_WHOLE", 1)
        folder: Path = small_report.build(tmp_path_factory.mktemp("landing"))
    return folder


def strips(page: Page) -> list[str]:
    shown = page.locator("td.line").locator("visible=true")
    return shown.evaluate_all("all => all.map(td => `${td.dataset.model} ${td.dataset.exporter}`)")


def test_a_model_is_a_row_with_a_strip_for_each_exporter(report: Path, watch: Callable) -> None:
    watched = watch()
    page = watched.open(report / "index.html")
    assert page.locator(".compact tbody tr").count() == 2
    strip = page.locator("td.line[data-model=alpha][data-exporter=dynamo] a")
    assert strip.get_attribute("title") == "11 wrong; 12 is 14; 13 refused; 14 agrees"
    expect(page.locator(".compact tbody tr").first).to_contain_text("dynamo 14")
    strip.click()
    expect(page).to_have_url(re.compile("/models/alpha.html#dynamo$"))
    assert not watched.errors


def test_the_filters_know_an_outcome_at_one_opset(report: Path, watch: Callable) -> None:
    page = watch().open(report / "index.html")
    page.locator("[name=outcome]").select_option("wrong")
    assert strips(page) == ["alpha dynamo"]
    page.locator("[name=opset]").select_option("12")
    assert strips(page) == []
    page.locator("[name=opset]").select_option("11")
    assert strips(page) == ["alpha dynamo"]
    expect(page).to_have_url(re.compile("#outcome=wrong&opset=11$"))
    page.locator("[name=outcome]").select_option("")
    page.locator("[name=opset]").select_option("13")  # a file of opset 13
    assert strips(page) == ["alpha torchscript"]
    again = watch().page
    again.goto(page.url)
    assert strips(again) == ["alpha torchscript"]


def test_the_search_leads_to_operators_and_models_and_is_kept(
    report: Path, watch: Callable
) -> None:
    page = watch().open(report / "index.html")
    found = page.locator("#lookup li")
    page.locator("#find").fill("resi")
    expect(found).to_have_text(["Resize operator"])
    expect(page).to_have_url(re.compile("#find=resi$"))
    page.locator("#find").fill("torch.ops.aten.upsample_bilinear2d")
    expect(found).to_have_text(["Resize operator, aten.upsample_bilinear2d"])
    page.locator("#find").fill("alp")
    expect(found).to_have_text(["alpha model"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/models/alpha.html$"))
    page.go_back()
    assert page.locator("#find").input_value() == "alp"
    page.locator("#find").fill("nobody")
    expect(page.locator("#lookup output")).to_have_text("nothing found")


def test_an_operator_has_what_torch_calls_it_and_what_was_wrong(
    report: Path, watch: Callable
) -> None:
    page = watch().open(report / "index.html")
    page.locator(".atlas a", has_text="Resize").click()
    expect(page.locator(".top")).to_contain_text("aten.upsample_bilinear2d")
    expect(page.locator(".history .strip")).to_have_attribute("role", "img")
    expect(page.locator("#uses tbody tr").first).to_contain_text("alpha")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_table_is_sorted_and_copied_as_it_is_shown(report: Path, watch: Callable) -> None:
    watched = watch(permissions=["clipboard-read", "clipboard-write"])
    page = watched.open(report / "index.html")
    head = page.locator(".compact thead th", has_text="bad files")
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    tools = page.locator("#matrix .take")
    tools.get_by_role("button", name="Copy CSV").click()
    expect(tools.locator("output")).to_have_text("2 rows copied")
    rows = list(csv.reader(io.StringIO(clipboard(page))))
    assert rows[0][:3] == ["model", "use", "bad files"]
    assert [row[0] for row in rows[1:]] == ["alpha", "broken"]
    assert rows[1][4] == "11 wrong; 12 is 14; 13 refused; 14 agrees"
    head.get_by_role("button").click()  # ascending
    tools.get_by_role("button", name="Copy Markdown").click()
    expect(page.locator("#matrix .take output")).to_have_text("2 rows copied")
    lines = clipboard(page).splitlines()
    assert lines[1] == "|" + " --- |" * 5
    assert lines[2].startswith("| broken |")
    assert not watched.errors


def test_a_formula_is_copied_as_text(tmp_path: Path, watch: Callable) -> None:
    folder = small_report.build(tmp_path, text="=HYPERLINK(1)")
    page = watch(permissions=["clipboard-read", "clipboard-write"]).open(
        folder / "models" / "alpha.html"
    )
    for each in page.get_by_role("button", name="Copy CSV").all():
        each.click()
        page.wait_for_timeout(20)
        for row in csv.reader(io.StringIO(clipboard(page))):
            assert not any(cell.startswith("=") for cell in row)


def test_a_picture_is_saved_with_its_colors(report: Path, watch: Callable, tmp_path: Path) -> None:
    watched = watch()
    pair = next((report / "pairs" / "alpha").glob("*.html"))
    page = watched.open(pair)
    with page.expect_download() as started:
        page.get_by_role("button", name="Save picture 2 as SVG").click()
    path = tmp_path / "picture.svg"
    started.value.save_as(path)
    text = path.read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "Resize" in text and 'stroke="rgb(' in text and "font-family=" in text
    named = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'(?:<use[^>]* href="|url\()#([^")]+)', text)) <= named
    assert not watched.errors


def test_every_column_has_its_meaning_on_a_page_of_the_report(
    report: Path, watch: Callable
) -> None:
    page = watch().open(report / "index.html")
    page.get_by_role("link", name="what each column means").click()
    row = page.locator("#cells tr", has=page.get_by_text("delivered", exact=True))
    expect(row).to_contain_text("opset of the file")
    page.get_by_role("link", name="cells.csv").wait_for()
