"""What the first page of a large run folds: the limits are lowered, everything else is real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import small_report
from opset_atlas.stages.report import index as report_index
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models, each in a separate part; the advice is grouped and expands on a click."""
    for name, value in (("TOGETHER", 1), ("SENTENCES", 0), ("PICKS", 0), ("FILES", 0)):
        monkeypatch.setattr(report_index, f"MOST_{name}", value)
    monkeypatch.setattr(report_index, "PART", 1)
    folder: Path = small_report.build(tmp_path)
    return folder / "index.html"


def test_the_matrix_is_parts_of_which_the_first_is_open(index: Path, watch: Callable) -> None:
    watched = watch()
    page = watched.open(index)
    parts = page.locator("details.part")
    assert parts.evaluate_all("all => all.map(part => part.open)") == [True, False]
    assert page.locator(".matrix .line").locator("visible=true").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400
    assert not watched.errors


def test_a_filter_opens_the_part_that_has_it_and_clearing_closes_it(
    index: Path, watch: Callable
) -> None:
    page = watch().open(index)
    page.locator("[name=model]").fill("broken")
    rows = page.locator(".matrix .line").locator("visible=true")
    expect(rows).to_have_count(2)
    assert set(rows.evaluate_all("all => all.map(row => row.dataset.model)")) == {"broken"}
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("details.part[open]")).to_have_count(1)


def test_the_advice_is_one_line_a_model_with_the_reasons_behind_a_click(
    index: Path, watch: Callable
) -> None:
    page = watch().open(index)
    pick = page.locator(".pick", has_text="Use dynamo")
    expect(pick.locator(".picks li")).to_be_hidden()
    pick.locator("summary").first.click()
    assert pick.locator(".picks li").inner_text().split() == ["alpha", "14"]
    pick.locator("summary").nth(1).click()
    expect(pick.locator(".advice dd")).to_contain_text("Use dynamo at opset 14")


def test_what_is_too_long_a_list_is_left_to_the_tables(index: Path) -> None:
    text = index.read_text(encoding="utf-8")
    assert 'are in <a href="tables/cells.csv">cells.csv</a>' in text
    assert (index.parent / "tables" / "cells.csv").is_file()
