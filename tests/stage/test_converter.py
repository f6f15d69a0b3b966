"""Version conversion: where it starts, when it is made again, and the stage's command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders.faulty import save
from builders.stage_files import X, run_define, run_export, settings
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.config.specs import Specs
from opset_atlas.records import ExportRecord
from opset_atlas.stages.export import main

MODELS = """
from torch import nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return self.linear(x)
"""
SMALL = {"factory": "models.py:Small", "inputs": [X], "outputs": ["y"]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def base(root: Path, outcomes: dict[int, str]) -> None:
    """A sweep of `torchscript` whose cells came out as given."""
    folder = root / "results/export/m/torchscript"
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    cells = []
    for opset, outcome in outcomes.items():
        cell = {"requested": opset, "outcome": outcome, "file": None, "sha256": None, "tensors": {}}
        if outcome in {"ok", "moved", "invalid"}:
            path = folder / "cells" / f"opset_{opset:02d}.onnx"
            save(opset if outcome == "ok" else 18, path)
            cell |= {"file": path.name, "sha256": file_sha256(path)}
        cells.append(cell)
    record: ExportRecord = {
        "version": 1,
        "stage": "export",
        "model": "m",
        "exporter": "torchscript",
        "versions": {},
        "cells": cells,  # type: ignore[typeddict-item]
    }
    write_json(folder / "record.json", record)


@pytest.mark.parametrize(
    ("outcomes", "chosen"),
    [
        ({9: "ok", 11: "ok", 12: "ok"}, 11),
        ({9: "ok", 11: "refused", 14: "ok", 12: "ok"}, 12),
        ({10: "ok", 11: "moved", 12: "invalid", 17: "ok"}, 17),
        ({8: "ok", 10: "ok", 11: "timeout"}, 10),
    ],
)
def test_where_a_conversion_starts(root: Path, outcomes: dict[int, str], chosen: int) -> None:
    run_define(root, SMALL)
    base(root, outcomes)
    (cell,) = run_export(root, SMALL, "converter", opsets=[15])["cells"]
    assert (cell["outcome"], cell["delivered"]) == ("ok", 15)
    assert cell["base"] == f"torchscript at opset {chosen}"


def test_nothing_to_convert_from(root: Path) -> None:
    run_define(root, SMALL)
    base(root, {11: "refused", 12: "moved", 13: "invalid"})
    cells = run_export(root, SMALL, "converter", opsets=[12, 13])["cells"]
    reason = "no usable export of torchscript to convert from"
    assert [(cell["outcome"], cell["detail"]) for cell in cells] == [("refused", reason)] * 2


def test_a_conversion_is_made_again_when_its_base_changes(root: Path) -> None:
    run_define(root, SMALL)
    base(root, {11: "ok"})
    first = run_export(root, SMALL, "converter")["cells"][0]
    assert run_export(root, SMALL, "converter")["cells"][0] == first
    base(root, {11: "ok", 12: "ok"})  # another cell, which this conversion does not start from
    assert run_export(root, SMALL, "converter")["cells"][0] == first
    base(root, {12: "ok"})
    assert run_export(root, SMALL, "converter")["cells"][0]["fingerprint"] != first["fingerprint"]


def test_an_onnx_file_is_its_own_base(root: Path) -> None:
    save(11, root / "net.onnx")
    run_define(root, {"onnx": "net.onnx"})
    (cell,) = run_export(root, {"onnx": "net.onnx"}, "converter", opsets=[13])["cells"]
    assert (cell["outcome"], cell["base"]) == ("ok", "the file itself")


def test_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_define(root, SMALL)
    base(root, {11: "ok"})
    made = settings(root, SMALL, exporters=["converter", "torchscript"], opsets=[11, 12])
    arguments = [
        *("--spec", json.dumps(Specs(made).job("export", model="m", exporter="converter"))),
        *("--define", "results/define/m", "--base", "results/export/m/torchscript"),
        *("--code", "models.py", "--output", "out"),
    ]
    main(arguments)
    record = json.loads((root / "out/record.json").read_text())
    assert [cell["outcome"] for cell in record["cells"]] == ["ok", "ok"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" in ")[0] for line in lines] == [
        "m × converter × 11: ok",
        "m × converter × 12: ok",
    ]
    assert json.loads((root / "out/timing.json").read_text()).keys() == {"11", "12"}
