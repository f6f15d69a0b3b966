"""Where torch shows a way out: real modules that fail, what is advised, and the same rewritten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders.stage_files import run_define, run_export
from opset_atlas.findings import ways_out
from opset_atlas.records import Cell

MODELS = """
import torch
from torch import nn
from torch._higher_order_ops import while_loop


class Branch(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        return x - 1


class Cond(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda y: y * 2, lambda y: y - 1, (x,))


@torch.jit.script
def branch(x: torch.Tensor) -> torch.Tensor:
    if bool(x.sum() > 0):
        y = x * 2
    else:
        y = x - 1
    return y


class Scripted(nn.Module):
    def forward(self, x):
        return branch(x)


class Loop(nn.Module):
    def forward(self, x):
        while x.sum() > 2:
            x = x / 2
        return x


class While(nn.Module):
    def forward(self, x):
        return while_loop(lambda y: y.sum() > 2, lambda y: (y / 2,), (x,))[0]


class Count(nn.Module):
    def forward(self, x):
        n = (x > 0).sum().item()
        if n < 10:
            return x * 2
        return x - n


class Checked(nn.Module):
    def forward(self, x):
        n = (x > 0).sum().item()
        torch._check(n < 10)
        if n < 10:
            return x * 2
        return x - n


class Fixed(nn.Module):
    def forward(self, x):
        return x + torch.arange(3)


class Open(nn.Module):
    def forward(self, x):
        return x + torch.arange(x.shape[1])


class Number(nn.Module):
    def forward(self, x):
        return x.reshape(-1, int(x.shape[1]) * 2)


class Size(nn.Module):
    def forward(self, x):
        return x.reshape(-1, x.shape[1] * 2)


class Special(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)
"""
OPEN = {"dynamic_shapes": {"x": {"1": "n"}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(root: Path, name: str, exporter: str, **more: Any) -> Cell:
    inputs = [{"name": "x", "shape": [2, 3]}]
    model = {"factory": f"models.py:{name}", "inputs": inputs, **more}
    assert run_define(root, model, opsets=[18])["outcome"] == "ok"
    (cell,) = run_export(root, model, exporter, opsets=[18])["cells"]
    return cell


@pytest.mark.parametrize(
    ("exporter", "refused", "advice", "line", "rewritten", "more"),
    [
        ("dynamo", "Branch", "`torch.cond`", "if x.sum() > 0:", "Cond", {}),
        ("dynamo", "Loop", "`torch.while_loop`", "while x.sum() > 2:", "While", {}),
        ("dynamo", "Count", "`torch._check(n < 10)`", "if n < 10:", "Checked", {}),
        ("dynamo", "Fixed", "`dynamic_shapes`", "", "Open", OPEN),
        ("torchscript", "Cond", "`torch.jit.script`", "", "Scripted", {}),
        ("torchscript", "Special", "`torch.onnx.register_custom_op_symbolic`", "", "", {}),
        ("dynamo", "Special", "`custom_translation_table`", "", "", {}),
    ],
)
def test_a_refusal_names_the_line_and_torchs_way_out_which_works(
    exporter: str,
    refused: str,
    advice: str,
    line: str,
    rewritten: str,
    more: dict[str, Any],
    root: Path,
) -> None:
    cell = export(root, refused, exporter, **more)
    assert cell["outcome"] == "refused", cell["detail"]
    way = ways_out.of(cell, False, [])
    assert advice in way.advice and way.url
    assert line in cell["source"]
    if rewritten:
        done = export(root, rewritten, exporter, **more)
        assert done["outcome"] == "ok", done["detail"]
        assert ways_out.of(done, False, []) == ways_out.NONE


@pytest.mark.parametrize(
    ("frozen", "advice", "rewritten", "more"),
    [("Branch", "`torch.jit.script`", "Scripted", {}), ("Number", "`x.shape[i]`", "Size", OPEN)],
)
def test_a_frozen_value_has_a_way_out_where_the_file_is_wrong(
    frozen: str, advice: str, rewritten: str, more: dict[str, Any], root: Path
) -> None:
    cell = export(root, frozen, "torchscript", **more)
    assert cell["outcome"] == "ok"
    way = ways_out.of(cell, True, cell["messages"])
    assert advice in way.advice and way.line.startswith("models.py:")
    assert ways_out.of(cell, False, cell["messages"]) == ways_out.NONE
    done = export(root, rewritten, "torchscript", **more)
    assert ways_out.of(done, True, done["messages"]) == ways_out.NONE


def test_an_opset_that_the_refusal_names_itself_needs_no_advice() -> None:
    text = "Exporting the operator 'aten::tril' to ONNX opset version 9 is not supported"
    cell: Any = {"outcome": "refused", "detail": f"{text}. Support for this operator", "source": ""}
    assert ways_out.of(cell, False, []) == ways_out.NONE
    assert ways_out.of({**cell, "detail": text}, False, []).advice


def test_every_way_out_has_one_pattern_and_a_page_of_torchs() -> None:
    path = Path(ways_out.__file__).with_suffix(".yaml")
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in entries:
        assert len(entry.keys() & {"says", "warns"}) == 1
        assert entry.keys() <= {"says", "warns", "code", "advice", "url"}
        assert all(re.compile(entry.get(key, "")) for key in ("says", "warns", "code"))
        assert entry["url"].startswith("https://docs.pytorch.org/")
        assert entry["advice"].endswith(".") and entry["advice"].count("`") % 2 == 0
