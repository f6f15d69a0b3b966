"""The dump stage: distinct graphs once, damaged files reported."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from builders.stage_files import IF, parse
from opset_atlas.base.files import write_json
from opset_atlas.graph import reading as graph_module
from opset_atlas.records import DumpCell, GraphEntry
from opset_atlas.stages import dump as dump_stage


def export_of(folder: Path, files: dict[int, Any], exporter: str = "torchscript") -> Path:
    """A model's exports with one of these files: models, bytes, or None for a refused cell."""
    folder, exports = folder / exporter, folder
    (folder / "cells").mkdir(parents=True)
    cells = []
    for opset, content in files.items():
        name = f"opset_{opset}.onnx" if content is not None else None
        if name:
            content = content if isinstance(content, bytes) else content.SerializeToString()
            (folder / "cells" / name).write_bytes(content)
        sha = hashlib.sha256(content).hexdigest() if name else None
        cells.append({"requested": opset, "file": name, "sha256": sha})
    record = {"version": 1, "stage": "export", "model": "m", "exporter": exporter}
    write_json(folder / "record.json", {**record, "cells": cells})
    return exports


def run_dump(folder: Path, files: dict[int, Any]) -> tuple[list[DumpCell], dict[str, GraphEntry]]:
    """The cells and the graphs of a model with one sweep."""
    export = export_of(folder / "export", files)
    record = dump_stage.dump(export, ["torchscript"], folder / "dump")
    return record["sweeps"]["torchscript"], record["graphs"]


RELU = "g (float[4] x) => (float[4] y) { y = Relu(x) }"


def test_equal_graphs_are_written_once(tmp_path: Path) -> None:
    annotated = parse(RELU, 13)
    annotated.doc_string = annotated.graph.node[0].doc_string = "from another folder"
    files = {12: parse(RELU, 12), 13: annotated, 14: parse(RELU, 14), 15: parse(RELU, 15)}
    cells, graphs = run_dump(tmp_path, files)
    keys = [cell["graph"] for cell in cells]
    assert keys[2] == keys[3] and len(set(keys)) == 3  # Relu-6, Relu-13, Relu-14
    assert graphs.keys() == set(keys)
    assert [cell["imports"] for cell in cells] == [{"": n} for n in (12, 13, 14, 15)]
    entry = graphs[str(keys[0])]
    assert (entry["nodes"], entry["operators"]) == (1, {"Relu-6": 1})
    for name in (entry["json"], entry["text"], *filter(None, [entry["picture"]])):
        assert (tmp_path / "dump/graphs" / name).stat().st_size > 0


def test_files_that_cannot_be_read_are_said_and_cost_nothing_else(tmp_path: Path) -> None:
    whole = parse(RELU, 13).SerializeToString()
    files = {9: b"", 10: b"garbage", 11: whole[:-9], 12: None, 13: whole}
    cells, _ = run_dump(tmp_path, files)
    assert [bool(cell["detail"]) for cell in cells] == [True, True, True, False, False]
    assert [bool(cell["graph"]) for cell in cells] == [False] * 4 + [True]


def test_every_prefix_and_many_flipped_bits_of_a_file(tmp_path: Path) -> None:
    """Reading a damaged file gives a graph or an exception, never a crash or a hang."""
    whole = parse(IF, 16).SerializeToString()
    damaged = {1000 + n: whole[:n] for n in range(1, len(whole), 7)}
    for bit in range(0, len(whole) * 8, 37):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged[100_000 + bit] = bytes(flipped)
    cells, _ = run_dump(tmp_path, damaged)
    assert len(cells) == len(damaged)
    readable = sum(cell["graph"] is not None for cell in cells)
    assert 20 < readable < len(damaged)
    assert all(cell["graph"] or cell["detail"] for cell in cells)


def test_exporters_share_graphs_and_equal_files_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: Path) -> Any:  # in a child process
        with (tmp_path / "read").open("a") as file:
            print(path.relative_to(tmp_path).as_posix(), file=file)
        return graph_module.load(path)

    monkeypatch.setattr(dump_stage, "load", load)
    export_of(tmp_path, {13: parse(RELU, 13), 14: parse(RELU, 14)}, "converter")
    annotated = parse(RELU, 14)
    annotated.producer_name = "another"
    export_of(tmp_path, {13: parse(RELU, 13), 14: annotated, 15: b"no model"}, "dynamo")
    record = dump_stage.dump(tmp_path, ["dynamo", "converter"], tmp_path / "dump")
    assert (tmp_path / "read").read_text().split() == [
        *(f"dynamo/cells/opset_{opset}.onnx" for opset in (13, 14, 15)),
        "converter/cells/opset_14.onnx",
    ]
    assert list(record["sweeps"]) == ["dynamo", "converter"]
    assert record["sweeps"]["converter"] == record["sweeps"]["dynamo"][:2]
    assert len(record["graphs"]) == 2


def test_a_graph_keeps_what_its_nodes_were_in_torch_whichever_file_says_it(tmp_path: Path) -> None:
    said = parse(RELU, 14)
    entry = said.graph.node[0].metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.class_hierarchy", "['m.Net', 'aten.relu.default']"
    export_of(tmp_path, {14: parse(RELU, 14)}, "torchscript")
    export_of(tmp_path, {14: said}, "dynamo")
    record = dump_stage.dump(tmp_path, ["torchscript", "dynamo"], tmp_path / "dump")
    (graph,) = record["graphs"].values()
    assert graph["aten"] == {"Relu": ["aten.relu"]}


def test_the_same_bytes_again(tmp_path: Path) -> None:
    made = []
    for name in ("one", "another é"):
        folder = tmp_path / name
        export_of(folder / "export", {13: parse(IF, 16), 14: parse(RELU, 14)})
        arguments = ["--export", str(folder / "export"), "--output", str(folder / "dump")]
        arguments += ["--exporters", "torchscript"]
        dump_stage.main(arguments)
        dump_stage.main(arguments)  # over what is there
        files = sorted((folder / "dump").rglob("*.*"))
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert len(made[0]) == 7


def test_nodes_of_local_functions_count_once(tmp_path: Path) -> None:
    text = """g (float[4] x) => (float[4] y) { a = my.Twice(x) b = my.Twice(a) y = Relu(b) }
    <opset_import: ["" : 13], domain: "my"> Twice (a) => (b) { b = Add(a, a) }"""
    _, graphs = run_dump(tmp_path, {17: parse(text, 17, extra=', "my": 1')})
    (entry,) = graphs.values()
    assert entry["operators"] == {"Add-13": 1, "Relu-14": 1, "my::Twice": 2}
