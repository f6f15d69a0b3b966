"""Coverage: which transitions a run's files reach, from the records of the dump stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opset_atlas.base.files import write_json
from opset_atlas.findings.coverage import rows, summarize
from opset_atlas.records import VERSION
from opset_atlas.tools.coverage import main

Graphs = dict[int, list[str]]


def dumped(model: str, **sweeps: Graphs) -> Any:
    """A record of the dump stage: per exporter the operators of the file at each opset."""
    empty = {"json": "", "text": "", "picture": "", "notice": "", "nodes": 1}
    return {
        "version": VERSION,
        "stage": "dump",
        "model": model,
        "sweeps": {
            exporter: [
                {"requested": o, "graph": f"{exporter} {o}", "imports": {"": o}, "detail": ""}
                for o in graphs
            ]
            for exporter, graphs in sweeps.items()
        },
        "graphs": {
            f"{exporter} {opset}": {**empty, "operators": dict.fromkeys(operators, 1)}
            for exporter, graphs in sweeps.items()
            for opset, operators in graphs.items()
        },
    }


RESIZE = {10: ["Upsample-9", "Resize-10"], 11: ["Resize-11"], 13: ["Resize-13", "Relu-13"]}
RECORDS = [
    dumped("up", torchscript=RESIZE, dynamo={18: ["Resize-18", "ai.onnx.ml:Scaler-1"]}),
    dumped("other", dynamo={18: ["Relu-14", "Split-18"]}),
    dumped("another", dynamo={13: ["Split-13"]}),
]


def row(op: str, new: int) -> dict[str, Any]:
    (found,) = [r for r in rows(RECORDS) if (r["operator"], r["to_version"]) == (op, new)]
    return found


def test_a_model_reaches_a_transition_by_having_both_versions_whoever_exported_them() -> None:
    assert row("Resize", 11)["reached"] and row("Resize", 13)["reached"]
    assert row("Resize", 18)["models"] == 1 and row("Resize", 18)["example"] == "up"
    assert not row("Resize", 19)["reached"]


def test_two_models_with_a_version_each_do_not_reach_it() -> None:
    assert not row("Split", 18)["reached"]
    assert not row("Relu", 14)["reached"]


def test_a_deprecation_needs_the_older_version_alone() -> None:
    assert row("Upsample", 10)["transition"] == "deprecated"
    assert row("Upsample", 10)["reached"]
    assert not row("Scatter", 11)["reached"]


def test_types_and_text_are_not_structural() -> None:
    assert (row("Relu", 14)["transition"], row("Relu", 14)["structural"]) == ("types only", False)
    assert (row("Resize", 13)["transition"], row("Resize", 13)["structural"]) == (
        "optionality",
        True,
    )
    assert all(r["to_version"] >= 10 for r in rows(RECORDS))


def test_the_summary_counts_what_lies_within_the_runs_opsets() -> None:
    found = summarize(RECORDS)
    assert (found["operators"], found["models"], found["last"]) == (4, 3, 18)
    assert found["reached"] == 4  # Upsample 10, Resize 11, 13 and 18
    assert found["reached"] + len(found["missing"]) == found["within"] < found["known"]
    assert "Split 13 → 18" in found["missing"] and "Resize 18 → 19" not in found["missing"]


def test_the_command_line_reads_a_finished_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for record in RECORDS:
        write_json(tmp_path / "dump" / record["model"] / "record.json", record)
    main([str(tmp_path)])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "4 operators in the files of 3 models"
    assert printed[1].startswith("4 of ")
    assert "not reached: Split 13 → 18" in printed
