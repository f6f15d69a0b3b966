"""Known facts about the case that started the project, checked through the real stages.

Convolution, ReLU and bilinear upsampling: what every exporter makes of every opset, how Resize gets
its inputs, and the sentence that explains where the empty `roi` went. Golden facts: measured once,
kept true. A new version of torch or onnx may change them; then this table says what changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opset_atlas import exporters
from opset_atlas.base.files import write_json
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.records import Cell, Compared, DefineRecord, DumpCell, ExportRecord
from opset_atlas.stages import define, export
from opset_atlas.stages.compare import compare_model
from opset_atlas.stages.dump import dump

ROOT = Path(__file__).parents[2]
INPUT = {"name": "input", "shape": [1, 3, 224, 224]}
MODEL = {"factory": "workflow/zoo/simple_model.py:SimpleModel", "outputs": ["output"]}
OPSETS = {
    "torchscript": range(9, 25),
    "dynamo": range(5, 27),
    "converter": range(9, 29),
    "converter-18": range(12, 29),
}
# How X, roi, scales and sizes of Resize are given.
EMPTY = ("value", "empty", "constant", "omitted")
OMITTED = ("value", "omitted", "constant", "omitted")
OMITTED_BY_DYNAMO = ("value", "omitted", "initializer", "omitted")


@dataclass(frozen=True)
class Sweep:
    export: ExportRecord
    dump: list[DumpCell]
    compare: Compared
    graphs: Mapping[str, Any]

    def cells(self) -> dict[int, Cell]:
        return {cell["requested"]: cell for cell in self.export["cells"]}

    def resize(self, opset: int) -> tuple[str, ...]:
        """How the formal inputs of the one Resize are given."""
        (key,) = [cell["graph"] for cell in self.dump if cell["requested"] == opset]
        (node,) = [n for n in self.graphs[str(key)]["graph"]["nodes"] if n["op"] == "Resize"]
        assert [port["parameter"] for port in node["inputs"]] == ["X", "roi", "scales", "sizes"]
        return tuple(port["given"] for port in node["inputs"])


FORWARD = (
    "workflow/zoo/simple_model.py:21, forward: `return self.upsample(self.relu(self.conv(x)))`"
)


def settings(exporter: str, **model: Any) -> config.Settings:
    base = {"exporter": "torchscript", "opset": 18 if exporter.endswith("-18") else 11}
    return config.resolve(
        {
            "models": {"simple_model": {**MODEL, "inputs": [INPUT], **model}},
            "exporters": sorted({exporter.removesuffix("-18"), "torchscript"}),
            "opsets": list(OPSETS.get(exporter, [13])),
            "converter": base,
            "input_sets": ["random-0"],
        },
        ROOT,
    )


@pytest.fixture(scope="module", autouse=True)
def in_the_project() -> Any:
    """Factories are given by paths from the project's root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facts")
    spec = Specs(settings("torchscript")).job("define", model="simple_model")
    record = define.define(spec, folder / "define")
    write_json(folder / "define" / "record.json", record)
    assert record["outcome"] == "ok", record["detail"]
    return folder


def run(folder: Path, exporter: str) -> Sweep:
    name = exporter.removesuffix("-18")
    spec = Specs(settings(exporter)).job("export", model="simple_model", exporter=name)
    base = folder / "torchscript" if name == "converter" else None
    record = export.sweep(exporters.Job(spec, folder / "define", base), folder / exporter)
    place = folder / "dump" / exporter
    dumped = dump(folder, [exporter], place)
    graphs = {
        key: json.loads((place / "graphs" / entry["json"]).read_text())
        for key, entry in dumped["graphs"].items()
    }
    compared = compare_model(place, folder)["sweeps"][exporter]
    return Sweep(record, dumped["sweeps"][exporter], compared, graphs)


@pytest.fixture(scope="module")
def torchscript(defined: Path) -> Sweep:
    return run(defined, "torchscript")


@pytest.fixture(scope="module")
def dynamo(defined: Path) -> Sweep:
    return run(defined, "dynamo")


@pytest.fixture(scope="module")
def converter(defined: Path, torchscript: Sweep) -> Sweep:
    return run(defined, "converter")


@pytest.fixture(scope="module")
def converter_18(defined: Path, torchscript: Sweep) -> Sweep:
    return run(defined, "converter-18")


def outcomes(sweep: Sweep) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for opset, cell in sweep.cells().items():
        found.setdefault(cell["outcome"], []).append(opset)
    return found


def says(cell: Cell, words: str) -> bool:
    return any(words in message["text"] for message in cell["messages"])


def test_torchscript(torchscript: Sweep) -> None:
    cells = torchscript.cells()
    assert outcomes(torchscript) == {"refused": [9, 10, 24], "ok": list(range(11, 24))}
    for opset in (9, 10):
        assert cells[opset]["detail"].startswith("SymbolicValueError: Unsupported: ONNX export of")
        assert cells[opset]["detail"].endswith("align_corners == True.")
        assert cells[opset]["source"] == FORWARD
    assert cells[24]["detail"].startswith("RuntimeError")
    for opset in range(11, 24):
        assert cells[opset]["delivered"] == opset
    assert [cells[opset]["ir_version"] for opset in range(11, 24)] == [
        *(6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 10, 10, 11),
    ]
    beyond = [opset for opset in range(11, 24) if says(cells[opset], "is not supported")]
    assert beyond == [21, 22, 23]


def test_torchscript_gives_an_empty_roi_and_then_none(torchscript: Sweep) -> None:
    assert {opset: torchscript.resize(opset) for opset in range(11, 24)} == {
        **dict.fromkeys((11, 12), EMPTY),
        **dict.fromkeys(range(13, 24), OMITTED),
    }


def test_dynamo(dynamo: Sweep) -> None:
    cells = dynamo.cells()
    assert outcomes(dynamo) == {"moved": list(range(5, 14)), "ok": list(range(14, 27))}
    assert {cells[opset]["delivered"] for opset in range(5, 14)} == {18}
    assert all(cells[opset]["delivered"] == opset for opset in range(14, 27))
    assert {cell["ir_version"] for cell in cells.values()} == {10}
    # Nothing was raised: only a line in the log says so, and the exception beside it says why.
    assert all(says(cells[opset], "18") for opset in range(5, 14))
    for opset in range(5, 14):
        assert cells[opset]["detail"].startswith(
            f"asked for opset {opset}; the file is opset 18: the conversion failed: "
            "no adapter for Relu 14 → 13: Relu-14 only adds types"
        )
        assert cells[opset]["source"] == FORWARD


def test_dynamo_omits_roi(dynamo: Sweep) -> None:
    assert {dynamo.resize(opset) for opset in range(5, 27)} == {OMITTED_BY_DYNAMO}


def test_converter_from_11(converter: Sweep) -> None:
    cells = converter.cells()
    assert outcomes(converter) == {"refused": [9, 10], "ok": list(range(11, 29))}
    assert all("Resize" in cells[opset]["detail"] for opset in (9, 10))
    assert all(cells[opset]["delivered"] == opset for opset in range(11, 29))
    assert {cells[opset]["ir_version"] for opset in range(11, 29)} == {6}
    assert {cells[opset]["base"] for opset in range(11, 29)} == {"torchscript at opset 11"}
    assert {converter.resize(opset) for opset in range(11, 29)} == {EMPTY}


def test_converter_from_18(converter_18: Sweep) -> None:
    cells = converter_18.cells()
    assert outcomes(converter_18) == {"refused": [12, 13], "ok": list(range(14, 29))}
    for opset in (12, 13):
        assert cells[opset]["detail"].startswith(
            "the conversion failed: no adapter for Relu 14 → 13: Relu-14 only adds types"
        )
    assert {cells[opset]["base"] for opset in range(14, 29)} == {"torchscript at opset 18"}
    assert {converter_18.resize(opset) for opset in range(14, 29)} == {OMITTED}


def test_the_explanation(torchscript: Sweep) -> None:
    changes = {
        (step["from_opset"], step["to_opset"]): step["changes"]
        for step in torchscript.compare["steps"]
        if step["changes"]
    }
    assert changes.keys() == {(12, 13)}
    (change,) = changes[12, 13]
    for words in (
        "Resize-11",
        "`roi`",
        "13",
        "optional",
        "`tf_crop_and_resize`",
        "`align_corners`",
    ):
        assert words in change["explanation"]
    assert change["explanation"] == (
        "At opset 11 and 12 Resize takes `roi` because Resize-11 requires it; the exporter passes"
        " an empty tensor float[0]. Resize-13 made it optional, so from opset 13 it is omitted. It"
        " is read only when `coordinate_transformation_mode` is `tf_crop_and_resize` (here it is"
        " `align_corners`), so nothing that is computed changes."
    )
    assert change["url"] == "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html"
    assert (change["cause"], change["op_type"], change["parameter"]) == ("schema", "Resize", "roi")
    assert (change["from_version"], change["to_version"]) == (11, 13)
    assert change["neutral"] and not change["numeric"]
    assert [(r["first"], r["last"]) for r in torchscript.compare["ranges"]] == [(11, 12), (13, 23)]


def test_nothing_else_changes(dynamo: Sweep, converter: Sweep, converter_18: Sweep) -> None:
    for sweep in (dynamo, converter, converter_18):
        found = [change for step in sweep.compare["steps"] for change in step["changes"]]
        assert all(change["cause"] != "unexplained" for change in found)
        assert not any(change["parameter"] == "roi" for change in found)
    assert [(r["first"], r["last"]) for r in converter.compare["ranges"]] == [(11, 28)]


def origin(kwargs: dict[str, Any], folder: Path) -> DefineRecord:
    spec = Specs(settings("torchscript", kwargs=kwargs)).job("define", model="simple_model")
    return define.define(spec, folder)


def test_the_scale_as_the_author_wrote_it(tmp_path: Path) -> None:
    record = origin({"scale_factor": [1, 1, 2, 2]}, tmp_path)
    assert record["outcome"] == "failed"
    assert record["detail"].startswith(
        "ValueError: Input and scale_factor must have the same number of spatial dimensions"
    )
    assert origin({"scale_factor": [2, 2]}, tmp_path)["outcome"] == "ok"  # the control
