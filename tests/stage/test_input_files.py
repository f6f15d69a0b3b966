"""Inputs from files: each is a set, and what they hold reaches the module and the exporters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from builders.stage_files import parse, run_define, run_export
from safetensors.numpy import load_file

MODELS = """
import numpy
import torch
from torch import nn

class Scaled(nn.Module):
    def forward(self, x, by=1.0, *, pair=None):
        if x.min() < -100:
            raise ValueError(f"{pair}")
        return x * by + (pair[0] if pair else 0)

def pixels(path):
    return torch.from_numpy(numpy.fromfile(path, dtype="uint8").reshape(1, 4) / 255).float()
"""
MODEL = {"factory": "models.py:Scaled", "inputs": {"files": "data"}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sets(record: Any) -> list[str]:
    return [each["name"] for each in record["sets"]]


@pytest.mark.parametrize("kind", ["npz", "safetensors", "pt"])
def test_a_file_of_each_kind_is_an_input_set(root: Path, kind: str) -> None:
    for name, value in (("a b", 1.5), ("c", 2.5)):
        x, by = np.full((2, 3), value), np.float32(2)
        path = root / f"data/{name}.{kind}"
        if kind == "npz":
            np.savez(path, by=by, x=x)
            continue
        given = {"by": torch.tensor(by), "x": torch.from_numpy(x).float()}
        if kind == "pt":
            torch.save({**given, "pair": (given["x"], 3)}, path)
        else:
            safetensors.torch.save_file(given, path)
    record = run_define(root, MODEL)
    assert record["outcome"] == "ok", record["detail"]
    assert sets(record) == ["file-a_b", "file-c"]
    ports = [(port["name"], port["dtype"], port["shape"]) for port in record["inputs"]]
    assert ports[:2] == [("x", "float32", [2, 3]), ("by", "float32", [])]
    assert len(ports) == (3 if kind == "pt" else 2)
    if kind == "pt":
        assert record["call"] == "forward(x, by, pair=(pair_0, 3))"
    given = load_file(root / "results/define/m/inputs.safetensors")
    assert (given["file-a_b/0"] == 1.5).all() and (given["file-c/0"] == 2.5).all()
    export = run_export(root, MODEL, "torchscript", opsets=[17])
    assert [cell["outcome"] for cell in export["cells"]] == ["ok"], export
    assert f"data/a b.{kind}" in {source["path"] for source in record["sources"]}


def test_files_of_other_sizes_are_sets_at_these_sizes(root: Path) -> None:
    for name, rows in (("a", 2), ("b", 2), ("c", 7)):
        np.savez(root / f"data/{name}.npz", x=np.ones((rows, 3), np.float32))
    model = {**MODEL, "dynamic_shapes": {"x": {0: "n"}}, "dynamic_sizes": {"n": [5]}}
    record = run_define(root, model)
    assert sets(record) == ["file-a", "file-b", "file-c@n=7", "file-a@n=5"]
    record = run_define(root, MODEL)
    assert record["outcome"] == "failed" and record["detail"] == (
        "inputs: x is [2, 3] in file-a and [7, 3] in file-c; only dimensions of `dynamic_shapes` "
        "may differ"
    )


def test_a_transform_reads_any_file(root: Path) -> None:
    for name, byte in (("a.raw", 0), ("b.raw", 255)):
        (root / "data" / name).write_bytes(bytes([byte] * 4))
    (root / "data/.hidden").write_bytes(b"")
    inputs = {"files": ["data/b.raw", "data"], "transform": "models.py:pixels"}
    record = run_define(root, {**MODEL, "inputs": inputs})
    assert record["outcome"] == "ok", record["detail"]
    assert sets(record) == ["file-b", "file-a"]
    given = load_file(root / "results/define/m/inputs.safetensors")
    assert (given["file-b/0"] == 1).all() and (given["file-a/0"] == 0).all()


def test_what_a_file_holds_may_be_wrong(root: Path) -> None:
    np.savez(root / "data/a.npz", x=np.array(["text"]))
    record = run_define(root, MODEL)
    assert record["outcome"] == "failed"
    assert record["detail"].startswith("inputs: data/a.npz: x: can't convert np.ndarray")
    np.savez(root / "data/a.npz", z=np.ones(3), x=np.ones(3))
    record = run_define(root, MODEL)
    assert record["detail"] == "inputs: forward has no parameter z; there are: x, by, pair"


def test_the_same_file_is_given_where_the_model_is_run_by_itself(root: Path) -> None:
    torch.save({"x": torch.full((3,), -200.0), "pair": (1, 2)}, root / "data/a.pt")
    record = run_define(root, MODEL)
    assert (record["outcome"], record["detail"]) == ("failed", "ValueError: (1, 2)")


def test_an_onnx_file_takes_arrays_by_name(root: Path) -> None:
    text = "g (float[N, 3] x, int32[K] n) => (float[N, 3] y) { f = Cast<to=1>(n) y = Mul(x, f) }"
    onnx.save(parse(text, 13), root / "net.onnx")
    for name, rows in (("a", 2), ("b", 4)):
        np.savez(root / f"data/{name}.npz", n=np.arange(3), x=np.full((rows, 3), 2.5), more=1)
    model = {"onnx": "net.onnx", "inputs": {"files": "data"}}
    record = run_define(root, model)
    assert record["outcome"] == "ok", record["detail"]
    names = sets(record)
    assert names[:2] == ["file-a", "file-b@N=4"] and "file-a@N=5" in names
    given = load_file(root / "results/define/m/inputs.safetensors")
    assert given["file-b@N=4/0"].shape == (4, 3) and given["file-a/1"].dtype == np.int32
    reference = load_file(root / "results/define/m/reference.safetensors")
    assert reference["file-a/eager/0"].tolist() == [[0, 2.5, 5]] * 2
    for wrong, said in (
        ({"n": np.ones(3), "x": np.ones((2, 3))}, "n takes int32, and is float64"),
        ({"x": np.ones((2, 3))}, "data/a.npz has no n; it holds x"),
    ):
        np.savez(root / "data/a.npz", **wrong)
        record = run_define(root, model)
        assert (record["outcome"], record["detail"]) == ("failed", f"ValueError: {said}")
