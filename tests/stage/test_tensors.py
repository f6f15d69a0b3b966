"""Large tensors of a sweep are kept once beside its files; the files are otherwise unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders.stage_files import parse, run_define, run_export, settings
from onnx.numpy_helper import from_array, to_array
from opset_atlas import exporters
from opset_atlas.base.files import file_sha256
from opset_atlas.config.specs import Specs
from opset_atlas.exporters import Job
from opset_atlas.onnx_files import tensors
from opset_atlas.onnx_files.facts import canonical_sha256
from opset_atlas.records import ExportRecord
from opset_atlas.stages import dump, parity

MODELS = """
from torch import nn


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(64, 40000), nn.Linear(40000, 64, bias=False)

    def forward(self, x):
        return self.two(self.one(x).softmax(-1))
"""
WIDE = {"factory": "models.py:Wide", "inputs": [{"name": "x", "shape": [2, 64]}], "outputs": ["y"]}
WEIGHTS = 2 * 64 * 40000 * 4
EXPORTERS = ("torchscript", "dynamo", "converter")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wide")
    (folder / "models.py").write_text(MODELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_define(folder, WIDE)
        for exporter in EXPORTERS:
            sweep(folder, exporter, [13, 18])
        yield folder


def sweep(root: Path, exporter: str, opsets: list[int], **top: Any) -> ExportRecord:
    base = {"exporter": "torchscript", "opset": 18}
    return run_export(root, WIDE, exporter, opsets=opsets, converter=base, **top)


def cells(root: Path, exporter: str) -> Path:
    return root / "results/export/m" / exporter / "cells"


def whole(folder: Path) -> onnx.ModelProto:
    """A model with all tensors loaded into it and no trace of their location."""
    model = onnx.load(folder)
    for tensor in tensors.all_tensors(model):
        tensor.ClearField("data_location")
    return model


def test_a_sweep_holds_its_weights_once(root: Path) -> None:
    for exporter in EXPORTERS:
        record = sweep(root, exporter, [13, 18])
        assert [cell["outcome"] for cell in record["cells"]][-1] == "ok"
        held = {name for cell in record["cells"] for name in cell["tensors"]}
        on_disk = {path.name: path.stat().st_size for path in cells(root, exporter).iterdir()}
        assert on_disk.keys() == {"opset_13.onnx", "opset_18.onnx", *held}
        assert WEIGHTS < sum(on_disk.values()) < 1.02 * WEIGHTS
        assert all(file_sha256(cells(root, exporter) / n) == n.removesuffix(".bin") for n in held)
        for cell in record["cells"]:
            assert WEIGHTS < (cell["size_bytes"] or 0) < 1.01 * WEIGHTS + 300_000
            onnx.checker.check_model(str(cells(root, exporter) / str(cell["file"])))
    ways = {e: sweep(root, e, [13, 18])["cells"][0]["way"] for e in EXPORTERS}
    assert ways == {"torchscript": "plain", "dynamo": "memoized", "converter": "by reference"}


def test_with_its_tensors_put_back_a_file_is_the_one_that_was_delivered(
    root: Path, tmp_path: Path
) -> None:
    made = settings(root, WIDE, exporters=["torchscript"], opsets=[13])
    spec = Specs(made).job("export", model="m", exporter="torchscript")
    spec |= {"input_set": "random-0", "input_names": ["x"], "output_names": ["y"]}
    spec["flattened"] = False
    export = exporters.load("torchscript").prepare(Job(spec, root / "results/define/m", None))
    export(13, tmp_path / "opset_13.onnx")
    kept = sweep(root, "torchscript", [13, 18])["cells"][0]
    assert kept["delivered_sha256"] == file_sha256(tmp_path / "opset_13.onnx") != kept["sha256"]
    again = whole(cells(root, "torchscript") / "opset_13.onnx")
    assert again == onnx.load(tmp_path / "opset_13.onnx")
    assert again.ByteSize() == kept["size_bytes"]
    assert kept["canonical_sha256"] == canonical_sha256(tmp_path / "opset_13.onnx")


def test_conversion_by_reference_gives_what_conversion_of_the_whole_gives(root: Path) -> None:
    by_reference = sweep(root, "converter", [13, 18])["cells"]
    for cell in by_reference:
        base = whole(cells(root, "torchscript") / "opset_18.onnx")
        plain = onnx.version_converter.convert_version(base, cell["requested"])
        assert whole(cells(root, "converter") / str(cell["file"])) == plain
    model = whole(cells(root, "converter") / "opset_13.onnx")
    assert model.opset_import[0].version == 13


def test_dump_and_parity_read_such_files(root: Path) -> None:
    export, define = root / "results/export/m", root / "results/define/m"
    dumped = dump.dump(export, EXPORTERS, root / "dump")
    entries = [cell for of_sweep in dumped["sweeps"].values() for cell in of_sweep]
    assert all(cell["graph"] and not cell["detail"] for cell in entries) and len(entries) == 6
    sweeps = [export / exporter for exporter in EXPORTERS]
    job = parity.Job({"limits": {"cell_seconds": 60}}, define, sweeps, "onnxruntime")
    ran = parity.measure_files(job, root / "parity.json", root / "parity.timing.json")
    assert {cell["outcome"] for cell in ran["cells"]} == {"ran"}
    errors = [m["n_runtime"] for cell in ran["cells"] for m in cell["measures"]]
    assert len(errors) == 12 and all(error is not None and error < 100 for error in errors)


def test_what_is_whole_is_kept_and_what_no_cell_needs_goes(root: Path) -> None:
    folder = cells(root, "torchscript")
    before = sweep(root, "torchscript", [13, 18])

    def times() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    old = times()
    (folder / f"{'0' * 64}.bin").write_bytes(b"of an earlier configuration")
    more = sweep(root, "torchscript", [11, 13, 18])
    assert more["cells"][1:] == before["cells"]
    assert times().keys() - old.keys() == {"opset_11.onnx"}
    assert {name: times()[name] for name in old} == old
    damaged = folder / next(iter(before["cells"][0]["tensors"]))
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    assert sweep(root, "torchscript", [13, 18]) == before
    assert file_sha256(damaged) == damaged.stem


@pytest.mark.parametrize("location", ["inside", "one file", "a file each", "in an attribute"])
def test_the_canonical_hash_does_not_tell_where_tensors_lie(tmp_path: Path, location: str) -> None:
    def made() -> onnx.ModelProto:
        model = parse("g (float[300] x) => (float[300] y) { a = Mul(x, w)  y = Add(a, v) }", 17)
        model.graph.initializer.append(from_array(np.arange(300, dtype=np.float32), "w"))
        model.graph.initializer.append(from_array(np.float32([2]), "v"))
        return model

    if location == "in an attribute":
        model = made()
        constant = onnx.helper.make_node("Constant", [], ["w"], value=model.graph.initializer[0])
        model.graph.node.insert(0, constant)
        del model.graph.initializer[0]
    else:
        model = made()
    plain, path = tmp_path / "plain.onnx", tmp_path / "m.onnx"
    onnx.save(model, plain)
    if location == "inside":
        tensors.set_apart(model, tmp_path, tmp_path)
        onnx.save(model, path)
        assert to_array(onnx.load(path).graph.initializer[0])[299] == 299
    else:
        together = location != "a file each"
        onnx.save_model(
            model, path, save_as_external_data=True, all_tensors_to_one_file=together,
            location="weights" if together else None, size_threshold=0, convert_attribute=True,
        )  # fmt: skip
    assert canonical_sha256(path) == canonical_sha256(plain)
    other = onnx.load(plain)
    (large,) = (tensor for tensor in tensors.all_tensors(other) if len(tensor.raw_data) == 1200)
    large.raw_data = bytes(1200)
    onnx.save(other, plain)
    assert canonical_sha256(path) != canonical_sha256(plain)


def test_external_data_that_is_not_there_or_too_short(tmp_path: Path) -> None:
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=1)
    tensor.external_data.add(key="location", value="w")
    tensor.external_data.add(key="length", value="12")
    with pytest.raises(ValueError, match="there is no file w"):
        tensors.Place.of(tensor, tmp_path)
    (tmp_path / "w").write_bytes(bytes(11))
    with pytest.raises(ValueError, match="ends beyond its file"):
        tensors.Place.of(tensor, tmp_path)
