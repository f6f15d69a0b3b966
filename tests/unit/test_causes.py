"""Pairs of files with known answers: what differs, whether it matters, and why.

Each pair is compared in both directions; the second must mirror the first.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from builders.pairs import AFFINE, SCHEMA_PAIRS, Side, answers, changes, resize, unary
from builders.pairs_structure import NORM, STRUCTURE_PAIRS
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.config.settings import PACKAGE
from opset_atlas.operators import definitions
from opset_atlas.stages import compare
from opset_atlas.stages.compare import compare_model
from opset_atlas.stages.dump import dump
from opset_atlas.stages.report.changes import cited
from opset_atlas.tools.diff import main

PAIRS = SCHEMA_PAIRS | STRUCTURE_PAIRS


@pytest.mark.parametrize("name", PAIRS)
def test_known_answers(tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    found = changes(pair.left, pair.right, tmp_path, pair.exporter)
    assert answers(found) == set(pair.answers), [change["explanation"] for change in found]
    text = "\n".join(change["explanation"] + change["before"] + change["after"] for change in found)
    for words in pair.words:
        assert words in text, text
    for change in found:
        assert change["places"] or change["kind"] in {"signature", "declaration"}
        assert not (change["neutral"] and change["numeric"])
        if change["cause"] == "schema":
            low, high = sorted((change["from_version"] or 0, change["to_version"] or 0))
            assert change["url"].startswith("https://onnx.ai/onnx/operators/")
            assert {low, high} <= set(definitions.versions(cited(change)["op"]))
        if change["cause"] == "unexplained":
            assert change["explanation"].startswith("Unexplained: ") or change["neutral"]
            assert not change["url"]


@pytest.mark.parametrize("name", PAIRS)
def test_the_other_direction_mirrors_it(tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    there = changes(pair.left, pair.right, tmp_path, pair.exporter)
    back = changes(pair.right, pair.left, tmp_path, pair.exporter)
    turned = {"attribute-to-input": "input-to-attribute"}
    one = {(turned.get(c["kind"], c["kind"]), c["before"], c["after"], c["neutral"]) for c in there}
    other = {(c["kind"], c["after"], c["before"], c["neutral"]) for c in back}
    if not any(c["kind"] == "operators" and c["cause"] == "replacement" for c in there):
        assert {x for x in one if x[0] != "semantics"} == {x for x in other if x[0] != "semantics"}
    assert sorted(c["cause"] for c in there) == sorted(c["cause"] for c in back)
    assert all(len(c["places"]) == len(d["places"]) for c, d in zip(there, there, strict=True))


@pytest.mark.parametrize("name", PAIRS)
def test_a_file_does_not_differ_from_itself(tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    assert changes(pair.left, pair.left, tmp_path) == []
    assert changes(pair.right, pair.right, tmp_path) == []


def test_the_sentence(tmp_path: Path) -> None:
    (change,) = changes(resize(12, "empty"), resize(13, "_"), tmp_path, "torchscript")
    assert change["explanation"] == (
        "At opset 11 and 12 Resize takes `roi` because Resize-11 requires it; the exporter passes"
        " an empty tensor float[0]. Resize-13 made it optional, so from opset 13 it is omitted. It"
        " is read only when `coordinate_transformation_mode` is `tf_crop_and_resize` (here it is"
        " `align_corners`), so nothing that is computed changes."
    )
    assert change["url"] == "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html"
    assert (change["from_version"], change["to_version"]) == (11, 13)
    assert change["schema_class"] == "optionality"
    (place,) = change["places"]
    assert (place["from_node"], place["to_node"]) == (2, 1)


def test_equal_statements_about_several_nodes_are_one_change(tmp_path: Path) -> None:
    left = unary("a = LeakyRelu<alpha = 0.1>(x) y = LeakyRelu<alpha = 0.1>(a)", 13)
    right = unary("a = LeakyRelu<alpha = 0.2>(x) y = LeakyRelu<alpha = 0.2>(a)", 13)
    (change,) = changes(left, right, tmp_path)
    assert [place["from_node"] for place in change["places"]] == [0, 1]


def test_what_matters_comes_first(tmp_path: Path) -> None:
    left = Side(resize(11, "empty").text.replace("y = Resize", "z = LeakyRelu(x) y = Resize"), 11)
    right = Side(
        resize(13, "_").text.replace("y = Resize", "z = LeakyRelu<alpha = 0.3>(x) y = Resize"), 13
    )
    assert [c["neutral"] for c in changes(left, right, tmp_path)] == [False, True]


def sweep(folder: Path, cells: list[tuple[int, str, Side | None]]) -> tuple[Path, Path]:
    """Folders of dump and export of a model with this one sweep, dumped by the real stage."""
    export = folder / "export" / "torchscript"
    (export / "cells").mkdir(parents=True)
    records = []
    for opset, outcome, side in cells:
        name = f"opset_{opset}.onnx" if side else None
        if side and name:
            onnx.save(side.model(), export / "cells" / name)
        sha = file_sha256(export / "cells" / name) if name else None
        cell = {"requested": opset, "outcome": outcome, "file": name, "sha256": sha, "base": ""}
        records.append(cell)
    head = {"version": 1, "stage": "export", "model": "m", "exporter": "torchscript"}
    write_json(export / "record.json", {**head, "cells": records})
    dump(folder / "export", ["torchscript"], folder / "dump")
    return folder / "dump", folder / "export"


def test_steps_and_ranges_of_a_sweep(tmp_path: Path) -> None:
    dumped, exported = sweep(
        tmp_path,
        [
            (9, "refused", None),
            (11, "ok", resize(11, "empty")),
            (12, "ok", resize(12, "empty")),
            (13, "ok", resize(13, "_")),
            (14, "moved", resize(18, "_")),
            (15, "invalid", resize(13, "_", "no such mode")),
            (16, "ok", resize(16, "_")),
        ],
    )
    record = compare_model(dumped, exported)["sweeps"]["torchscript"]
    steps = [(s["from_opset"], s["to_opset"], len(s["changes"])) for s in record["steps"]]
    assert steps == [(11, 12, 0), (12, 13, 1), (13, 16, 0)]
    assert [(r["first"], r["last"]) for r in record["ranges"]] == [(11, 12), (13, 16)]
    assert record["steps"][1]["changes"][0]["cause"] == "schema"


@pytest.mark.parametrize(
    "cells", [[], [(9, "refused", None)], [(13, "ok", unary("y = Abs(x)", 13))]]
)
def test_a_sweep_with_nothing_to_compare(tmp_path: Path, cells: Any) -> None:
    record = compare_model(*sweep(tmp_path, cells))["sweeps"]["torchscript"]
    assert record["steps"] == []
    assert len(record["ranges"]) == sum(cell[2] is not None for cell in cells)


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opset_atlas", "diff", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    onnx.save(resize(11, "empty").model(), tmp_path / "11.onnx")
    onnx.save(resize(13, "_").model(), tmp_path / "13.onnx")
    done = command("11.onnx", "13.onnx", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    first = "equal in meaning · 1 difference in encoding · 3 → 2 nodes · opset 11 → 13 · IR 8"
    assert done.stdout.startswith(f"{first}\n") and "Resize-11 requires it" in done.stdout
    assert "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html" in done.stdout
    assert command(cwd=tmp_path).returncode == 2


def files(folder: Path, left: Side, right: Side) -> list[str]:
    for name, side in (("left", left), ("right", right)):
        onnx.save(side.model(), folder / f"{name}.onnx")
    return [str(folder / "left.onnx"), str(folder / "right.onnx")]


@pytest.mark.parametrize("name", PAIRS)
def test_exit_status(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pair = PAIRS[name]
    status = main(files(tmp_path, pair.left, pair.right))
    matters = any(not neutral for *_, neutral in pair.answers)
    assert status == int(matters)
    said = capsys.readouterr().out
    assert ("no difference" in said) == (not pair.answers)
    assert said.startswith("equal in meaning · ") == (bool(pair.answers) and not matters)
    assert said.startswith(("can differ · ", "open · ")) == matters


def shuffled(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """The same model with other names, another producer, and its nodes in another valid order."""
    draw = random.Random(seed)
    made = onnx.ModelProto.FromString(model.SerializeToString())
    made.producer_name = "somebody else"
    kept = {value.name for value in (*made.graph.input, *made.graph.output)}
    nodes, known, order = list(made.graph.node), {*kept} - {*nodes_results(made)}, []
    known |= {tensor.name for tensor in made.graph.initializer} | {""}
    while nodes:
        node = draw.choice([each for each in nodes if set(each.input) <= known])
        nodes.remove(node)
        known |= set(node.output)
        order.append(onnx.NodeProto.FromString(node.SerializeToString()))
    for number, node in enumerate(order):
        node.name = f"node_{number}"
        for names in (node.input, node.output):
            names[:] = [n if n in kept or not n else f"value_of_{n}" for n in names]
    for tensor in made.graph.initializer:
        tensor.name = f"value_of_{tensor.name}"
    del made.graph.node[:], made.graph.value_info[:]
    made.graph.node.extend(order)
    return made


def nodes_results(model: onnx.ModelProto) -> list[str]:
    return [name for node in model.graph.node for name in node.output]


@pytest.mark.parametrize("seed", range(5))
def test_other_names_another_producer_and_another_order_of_nodes_are_no_difference(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two equal branches and two normalizations, which could be paired crosswise."""
    text = "e = Constant<value_float = 0.00001>() a = Relu(x) c = Neg(a) d = Neg(x)"
    text += f" {NORM.format(1, 'c', 'f')} {NORM.format(2, 'd', 'h')} i = Relu(f) j = Relu(h)"
    side = unary(f"{text} k = Concat<axis = 0>(i, j) y = ReduceSum<keepdims = 1>(k)", 13,
                 result="1, 1, 1", weights=AFFINE)  # fmt: skip
    onnx.save(side.model(), tmp_path / "left.onnx")
    onnx.save(shuffled(side.model(), seed), tmp_path / "right.onnx")
    assert main([str(tmp_path / "left.onnx"), str(tmp_path / "right.onnx")]) == 0
    assert "no difference" in capsys.readouterr().out


def test_json_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", *files(tmp_path, resize(11, "empty"), resize(13, "_"))]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "equal" and report["run"] is None
    assert [file["opset"] for file in report["files"]] == [11, 13]
    (change,) = report["changes"]
    assert change["parameter"] == "roi" and change["neutral"]
    assert main(["--json", *files(tmp_path, unary("y = Abs(x)", 13), unary("y = Abs(x)", 13))]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_file_that_is_no_model(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = files(tmp_path, unary("y = Abs(x)", 13), unary("y = Abs(x)", 13))
    if content is None:
        Path(bad).unlink()
    else:
        Path(bad).write_bytes(content)
    assert main([good, bad]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "right.onnx" in err


def malformed() -> dict[str, onnx.ModelProto]:
    """Files that parse but are not graphs in the sense of the specification."""
    cycle = unary("a = Identity(b) b = Identity(a) y = Relu(a)", 13)
    made = {"cycle": cycle.model(), "duplicate": unary("a = Relu(x) y = Neg(a)", 13).model()}
    made["duplicate"].graph.node[1].output[0] = "a"
    for name, change in (
        ("no inputs", lambda node: node.ClearField("input")),
        ("no outputs", lambda node: node.ClearField("output")),
    ):
        model = unary("a = Identity(x) y = Relu(a)", 13).model()
        for node in model.graph.node:
            change(node)
        made[name] = model
    return made


@pytest.mark.parametrize("name", ["cycle", "duplicate", "no inputs", "no outputs"])
def test_malformed_files_end_in_an_answer(tmp_path: Path, name: str) -> None:
    onnx.save(malformed()[name], tmp_path / "bad.onnx")
    onnx.save(unary("y = Relu(x)", 13).model(), tmp_path / "good.onnx")
    done = command("bad.onnx", "good.onnx", cwd=tmp_path)
    assert done.returncode in {1, 2} and "Traceback" not in done.stderr
    assert done.stdout or done.stderr


def test_the_stage_writes_its_record(tmp_path: Path) -> None:
    dumped, exported = sweep(
        tmp_path, [(11, "ok", resize(11, "empty")), (13, "ok", resize(13, "_"))]
    )
    output = tmp_path / "compare/record.json"
    arguments = ["--dump", str(dumped), "--export", str(exported), "--output", str(output)]
    compare.main(arguments)
    first = output.read_bytes()
    assert json.loads(first)["stage"] == "compare"
    compare.main(arguments)
    assert output.read_bytes() == first
    with pytest.raises(SystemExit):
        compare.main(arguments[:2])
