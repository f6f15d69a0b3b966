"""Cards of wrong results, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_card_shows_both_results_and_copies_its_command_and_its_report(
    watch: Callable[..., Any], report: Path
) -> None:
    watched = watch(permissions=["clipboard-read", "clipboard-write"])
    page = watched.open(report / "models/scatter_add_duplicates.html")
    card = page.locator(".wrong-card").first
    expect(card.locator("h3")).to_contain_text("adds only the last value where indices repeat")
    assert card.locator(".array").count() == 2
    assert card.locator(".array .off").count() > 0

    command, whole = card.locator(".copied").all()
    command.get_by_role("button").click()
    expect(command.get_by_role("button")).to_have_text("Copied")
    written = page.evaluate("navigator.clipboard.readText()")
    assert written == command.locator("pre").text_content()
    script = written.split()[-1]
    assert (report / script).is_file()

    assert not whole.is_visible()
    card.get_by_text("Report for").click()
    whole.get_by_role("button").click()
    expect(whole.get_by_role("button")).to_have_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "```python" in text
    assert "Versions: torch" in text
    assert not watched.errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_open_cards(
    watch: Callable[..., Any], report: Path, scheme: str
) -> None:
    page = watch(color_scheme=scheme, viewport={"width": 420, "height": 800}).open(
        report / "models/scatter_add_duplicates.html"
    )
    for summary in page.locator(".wrong-card summary").all():
        summary.click()
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    found = page.evaluate("axe.run('#wrong', {resultTypes: ['violations']})")
    assert [each["id"] for each in found["violations"]] == []
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_without_a_script_a_card_can_be_read(watch: Callable[..., Any], report: Path) -> None:
    page = watch(java_script_enabled=False).open(report / "models/scatter_add_duplicates.html")
    assert page.locator(".wrong-card .copy").locator("visible=true").count() == 0
    page.get_by_text("Report for").first.click()
    expect(page.locator(".wrong-card pre").nth(1)).to_be_visible()
