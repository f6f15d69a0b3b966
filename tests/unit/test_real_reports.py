"""docs/real-reports.md: page, data, modules and configuration belong together."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders.programs import load
from builders.project import ROOT

program = load("docs/real_reports.py")
KINDS = program.read()
REPORTS = program.reports(KINDS)
MODELS = yaml.safe_load((ROOT / "config/reports.yaml").read_text(encoding="utf-8"))["models"]


def test_page_is_what_the_program_writes() -> None:
    assert program.PAGE.read_text(encoding="utf-8") == program.page(KINDS)


def test_each_report_has_a_module_that_the_configuration_runs() -> None:
    names = [report["model"] for report in REPORTS]
    assert len(set(names)) == len(names) >= 40
    assert sorted(names) == sorted(MODELS)
    files = {path.stem for path in (ROOT / "workflow/reports").glob("*.py")}
    assert files == set(names)
    for name, model in MODELS.items():
        assert model["factory"].startswith(f"workflow/reports/{name}.py:")


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report["model"])
def test_a_module_names_the_report_that_it_shows(report: dict[str, Any]) -> None:
    path = ROOT / f"workflow/reports/{report['model']}.py"
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said is not None
    behavior, source = said.rsplit("\n\n", 1)
    assert behavior.endswith((".", "?"))
    assert source == report["source"]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report["model"])
def test_what_is_not_answered_says_what_is_missing(report: dict[str, Any]) -> None:
    assert report["verdict"] in program.VERDICTS
    assert (report["verdict"] == "answered") == ("gap" not in report)
    assert report["facts"]


def test_sources_are_told_apart() -> None:
    pull = "https://github.com/onnx/onnx/pull/8"
    assert program.named(pull) == "onnx#8"
    assert program.named("https://github.com/onnx/optimizer/issues/8") == "onnx/optimizer#8"
    assert program.named("https://discuss.pytorch.org/t/a/1") == "discuss.pytorch.org"
    sources = [url for report in REPORTS for url in [report["source"], *report.get("also", [])]]
    assert len(set(sources)) == len(sources)
    assert len({program.named(url).partition("#")[0] for url in sources}) >= 15


def test_a_fact_that_a_run_does_not_have_is_named(tmp_path: Path) -> None:
    facts = [
        {"cells": {"requested": 13, "detail": "asked for 13"}},
        {"cells": {"requested": 13, "detail": "asked for 17"}},
        {"cells": {"requested": 18}},
        {"page": "the axis & the rest"},
        {"page": "absent"},
    ]
    kinds = [{"kind": "k", "reports": [{"model": "m", "facts": facts}]}]
    rows = [
        {"model": "m", "requested": 13, "detail": "asked for 13; got 18"},
        {"model": "other", "requested": 18, "detail": None},
    ]
    for name, text in (
        ("tables/cells.json", json.dumps(rows)),
        ("report/models/m.html", "<p>the <b>axis</b>\n&amp; the rest</p>"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    failed = list(program.unmet(kinds, tmp_path))
    assert [line.partition("{")[0] for line in failed] == [
        "m: cells has no ",
        "m: cells has no ",
        "m: page has no absent",
    ]
    assert "asked for 17" in failed[0] and "18" in failed[1]
