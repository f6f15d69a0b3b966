"""The dump stage: distinct graphs once, damaged files said, and no picture without graphviz."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from atlas import dump as dump_stage
from atlas import picture
from atlas.records import DumpRecord, write_json

from .stage_files import graph, parse

IF = """g (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
    h = Relu(x)
    y = If (c) <
        then_branch = t () => (float[2] a) {
            k = Constant<value = float[2] {5.0, 6.0}>()
            s = Add(h, k)
            a = Mul(s, w)
        },
        else_branch = e () => (float[2] b) { b = Neg(x) }
    >
}"""


def export_of(folder: Path, files: dict[int, Any]) -> Path:
    """An export folder with these files: models, bytes, or None for a refused cell."""
    (folder / "cells").mkdir(parents=True)
    cells = []
    for opset, content in files.items():
        name = f"opset_{opset}.onnx" if content is not None else None
        if name:
            content = content if isinstance(content, bytes) else content.SerializeToString()
            (folder / "cells" / name).write_bytes(content)
        cells.append({"requested": opset, "file": name})
    record = {"version": 1, "stage": "export", "model": "m", "exporter": "torchscript"}
    write_json(folder / "record.json", {**record, "cells": cells})
    return folder


def run_dump(folder: Path, files: dict[int, Any]) -> DumpRecord:
    return dump_stage.dump(export_of(folder / "export", files), folder / "dump")


RELU = "g (float[4] x) => (float[4] y) { y = Relu(x) }"


def test_equal_graphs_are_written_once(tmp_path: Path) -> None:
    annotated = parse(RELU, 13)
    annotated.doc_string = annotated.graph.node[0].doc_string = "from another folder"
    files = {12: parse(RELU, 12), 13: annotated, 14: parse(RELU, 14), 15: parse(RELU, 15)}
    record = run_dump(tmp_path, files)
    keys = [cell["graph"] for cell in record["cells"]]
    assert keys[2] == keys[3] and len(set(keys)) == 3  # Relu-6, Relu-13, Relu-14
    assert record["graphs"].keys() == set(keys)
    assert [cell["imports"] for cell in record["cells"]] == [{"": n} for n in (12, 13, 14, 15)]
    entry = record["graphs"][str(keys[0])]
    assert (entry["nodes"], entry["operators"]) == (1, {"Relu-6": 1})
    for name in (entry["json"], entry["text"], *filter(None, [entry["picture"]])):
        assert (tmp_path / "dump/graphs" / name).stat().st_size > 0


def test_files_that_cannot_be_read_are_said_and_cost_nothing_else(tmp_path: Path) -> None:
    whole = parse(RELU, 13).SerializeToString()
    files = {9: b"", 10: b"garbage", 11: whole[:-9], 12: None, 13: whole}
    record = run_dump(tmp_path, files)
    assert [bool(cell["detail"]) for cell in record["cells"]] == [True, True, True, False, False]
    assert [bool(cell["graph"]) for cell in record["cells"]] == [False] * 4 + [True]


def test_every_prefix_and_many_flipped_bits_of_a_file(tmp_path: Path) -> None:
    """Reading a damaged file gives a graph or an exception, never a crash or a hang."""
    whole = parse(IF, 16).SerializeToString()
    damaged = {1000 + n: whole[:n] for n in range(1, len(whole), 7)}
    for bit in range(0, len(whole) * 8, 37):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged[100_000 + bit] = bytes(flipped)
    record = run_dump_without_pictures(tmp_path, damaged)
    assert len(record["cells"]) == len(damaged)
    readable = sum(cell["graph"] is not None for cell in record["cells"])
    assert 20 < readable < len(damaged)
    assert all(cell["graph"] or cell["detail"] for cell in record["cells"])


def run_dump_without_pictures(folder: Path, files: dict[int, Any]) -> DumpRecord:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        return run_dump(folder, files)


def test_without_dot_everything_but_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    record = run_dump(tmp_path, {13: parse(RELU, 13)})
    (entry,) = record["graphs"].values()
    assert entry["picture"] == "" and "graphviz is not installed" in entry["notice"]
    assert (tmp_path / "dump/graphs" / entry["text"]).exists()
    # The control: a `dot` that fails is a notice too, with what it said.
    (tmp_path / "dot").write_text("#!/bin/sh\necho 'out of \x1b[31mink' >&2\nexit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    svg, notice = picture.as_svg(graph(parse(RELU, 13), tmp_path))
    assert svg == "" and "graphviz failed" in notice and "\x1b" not in notice


def test_the_same_bytes_again(tmp_path: Path) -> None:
    made = []
    for name in ("one", "another é"):
        folder = tmp_path / name
        export_of(folder / "export", {13: parse(IF, 16), 14: parse(RELU, 14)})
        arguments = ["--export", str(folder / "export"), "--output", str(folder / "dump")]
        dump_stage.main(arguments)
        dump_stage.main(arguments)  # over what is there
        files = sorted((folder / "dump").rglob("*.*"))
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert len(made[0]) == (7 if shutil.which("dot") else 5)


def test_nodes_of_local_functions_count_once(tmp_path: Path) -> None:
    text = """g (float[4] x) => (float[4] y) { a = my.Twice(x) b = my.Twice(a) y = Relu(b) }
    <opset_import: ["" : 13], domain: "my"> Twice (a) => (b) { b = Add(a, a) }"""
    record = run_dump(tmp_path, {17: parse(text, 17, extra=', "my": 1')})
    (entry,) = record["graphs"].values()
    assert entry["operators"] == {"Add-13": 1, "Relu-14": 1, "my::Twice": 2}
