"""A pair's page of a real run, in a real browser: both graphs in one layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

BOXES = """side => Object.fromEntries(
  [...document.querySelectorAll(`.scene .box[id^='${side}-']`)].map(box => {
    const graph = box.closest(".graph").getBoundingClientRect();
    const twin = document.querySelector(`use[href='#${box.id}']`);  // equal: compared as a whole
    const part = twin || box.matches("use") ? box : box.querySelector(".card");
    const place = part.getBoundingClientRect();
    return [box.id.slice(side.length), [place.x - graph.x, place.y - graph.y, place.width]
      .map(Math.round).join(" ")];
  }))"""


@pytest.fixture
def page(report: Path, watch: Callable) -> Page:
    """The opsets between which Resize loses its empty `roi`."""
    found: Page = watch().open(report / "pairs" / "simple_model" / "torchscript-12-13.html")
    return found


def test_equal_nodes_stand_at_equal_places(page: Page) -> None:
    left, right = page.evaluate(BOXES, "left"), page.evaluate(BOXES, "right")
    assert len(left) == 5  # input, three nodes, output
    assert left == right


def test_what_one_side_lacks_is_a_gap_at_its_place(report: Path, watch: Callable) -> None:
    page = watch().open(report / "pairs" / "layer_norm" / "torchscript-16-17.html")
    left, right = page.evaluate(BOXES, "left"), page.evaluate(BOXES, "right")
    shared = left.keys() & right.keys()
    assert 0 < len(shared) < len(left)
    assert all(left[key] == right[key] for key in shared)
    gaps = [panes.locator(".gap").count() for panes in page.locator(".scene").all()]
    assert gaps == [len(right.keys() - left.keys()), len(left.keys() - right.keys())]


def test_the_omitted_input_is_drawn_and_marked_on_both_sides(page: Page) -> None:
    for side, given in (("left", "empty float[0]"), ("right", "omitted")):
        box = page.locator(f".scene [id^='{side}-']", has_text="Resize-")
        assert box.locator(".diff").all_text_contents()[-2:] == ["roi", given]
        assert "sizes" in box.locator(".name").all_text_contents()
        assert box.locator(".number").text_content() == "1"
    assert page.locator("#change-1 .count-of").inner_text() == "1"
    flows = page.locator(".graph").first.locator(".link text").all_text_contents()
    assert [flow.split()[0] for flow in flows[:3]] == ["X", "X", "X"]


def test_the_schemas_own_difference_stands_below(page: Page) -> None:
    row = page.locator("#schema tbody tr", has=page.locator("th code", has_text="roi"))
    cells = [text.split()[0] for text in row.locator("td").all_inner_texts()]
    assert cells == ["required", "optional"]


def test_both_panes_zoom_and_pan_in_step(page: Page) -> None:
    left, right = page.locator(".graph").all()
    page.get_by_role("button", name="Zoom in").click(click_count=6)
    expect(page.locator(".tools output").first).to_have_text("381 %")
    assert left.locator("svg").get_attribute("width") == right.locator("svg").get_attribute("width")
    left.evaluate("pane => { pane.scrollTop = 111; pane.scrollLeft = 55; }")
    expect(right).to_have_js_property("scrollTop", 111)
    expect(right).to_have_js_property("scrollLeft", 55)
    right.focus()
    page.keyboard.press("ArrowDown")
    expect(left).not_to_have_js_property("scrollTop", 111)
    page.keyboard.press("0")
    expect(page.locator(".tools output").first).to_have_text("100 %")


def test_it_reads_without_a_script(report: Path, watch: Callable) -> None:
    page = watch(java_script_enabled=False).open(
        report / "pairs" / "simple_model" / "torchscript-12-13.html"
    )
    assert page.locator(".tools").count() == 0
    assert page.locator(".scene").count() == 2
    for graph in page.locator(".graph").all():
        assert graph.evaluate("g => g.firstElementChild.getBoundingClientRect().width") > 200


def test_the_pointer_finds_the_counterpart(page: Page) -> None:
    page.locator("[id^='left-']", has_text="Relu").hover()
    assert page.locator("[id^='right-'].pointed").count() == 1
    found = "box => (document.querySelector(box.getAttribute('href') || null) ?? box).textContent"
    assert page.locator("[id^='right-'].pointed").evaluate(found).startswith("Relu")


LARGE = ("layer_norm", "torchscript-16-17.html")


def test_it_opens_at_the_first_change_and_steps_by_key_button_and_number(
    report: Path, watch: Callable
) -> None:
    watched = watch(viewport={"width": 1400, "height": 400})
    page = watched.open(report.joinpath("pairs", *LARGE))
    links = page.locator("#changes [data-boxes]")
    assert page.locator(".current").count() >= 1
    first = links.first.get_attribute("data-boxes").split(" ")[0]  # type: ignore[union-attr]
    ids = "boxes => boxes.map(box => box.id.slice(box.id.indexOf('-') + 1))"
    assert set(page.locator(".current").evaluate_all(ids)) == {first}
    seen = """box => { const pane = box.closest('.graph').getBoundingClientRect(),
        own = box.getBoundingClientRect();
        return own.top < pane.bottom && own.bottom > pane.top }"""
    assert page.locator(".current").first.evaluate(seen)
    places = sum(len(link.get_attribute("data-boxes").split()) for link in links.all())  # type: ignore[union-attr]
    for key in "njnk":
        page.keyboard.press(key)
    page.get_by_role("button", name="Previous").click()
    page.keyboard.press("p")
    assert set(page.locator(".current").evaluate_all(ids)) == {first}
    visited = set()
    for _ in range(places):
        page.get_by_role("button", name="Next").click()
        visited |= set(page.locator(".current").evaluate_all(ids))
    wanted = {
        key for link in links.all() for key in (link.get_attribute("data-boxes") or "").split()
    }
    assert visited == wanted
    links.last.click()
    assert set(page.locator(".current").evaluate_all(ids)) <= wanted
    assert not watched.errors


def test_search_finds_a_node_and_the_overview_marks_every_change(
    report: Path, watch: Callable
) -> None:
    page = watch(viewport={"width": 1400, "height": 400}).open(report.joinpath("pairs", *LARGE))
    search = page.get_by_role("searchbox")
    search.fill("LayerNormalization")
    search.press("Enter")
    assert "LayerNormalization" in (page.locator(".current").first.text_content() or "")
    search.fill("no such thing")
    search.press("Enter")
    expect(page.locator(".tools output").last).to_have_text("none")
    count = page.locator(".box:is(.added, .removed)").count()
    assert page.locator(".overview .changed").count() >= count > 0


def test_a_number_leads_to_its_node_without_a_script(report: Path, watch: Callable) -> None:
    page = watch(java_script_enabled=False).open(report.joinpath("pairs", *LARGE))
    for link in page.locator("#changes [data-boxes]").all():
        assert page.locator(f"[id='{(link.get_attribute('href') or '')[1:]}']").count() == 1
