"""The control of the first page that says up to which opset a runtime reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import small_report
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_report.build(tmp_path_factory.mktemp("upto")) / "index.html"


def test_a_bound_on_the_opset_changes_every_line_and_goes_into_the_address(
    index: Path, watch: Callable
) -> None:
    page = watch().open(index)
    line = page.locator("#use [data-model=alpha] [data-upto]")
    expect(line).to_contain_text("Use dynamo at opset 14: right in every runtime")
    page.get_by_label("My runtime reads up to opset").select_option("12")
    expect(line).to_have_text("Use torchscript at opset 12", use_inner_text=True)
    expect(page.locator(".lead:visible")).to_contain_text("up to opset 12: torchscript 11–12.")
    expect(page).to_have_url(re.compile("#upto=12$"))
    page.locator("[name=model]").fill("alp")
    expect(page).to_have_url(re.compile("#model=alp&upto=12$"))
    page.reload()
    expect(line).to_have_text("Use torchscript at opset 12", use_inner_text=True)
    page.get_by_role("button", name="Clear").click()
    expect(line).to_contain_text("Use dynamo at opset 14")


def test_without_a_script_the_page_reads_as_for_any_runtime(index: Path, browser) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(index.as_uri())
    expect(page.locator("#upto")).to_be_hidden()
    expect(page.locator(".lead:visible")).to_have_count(1)
