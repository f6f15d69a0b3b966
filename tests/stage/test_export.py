"""A sweep: what every file really is, and that a fault of one cell affects only that cell.

`faulty` is an exporter made for this, in the place of a real one: each opset is a fault. Others are
the real exporters on small modules.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from builders.faulty import (
    GRAPH,
    both,
    eats_memory,
    empty,
    future,
    garbage,
    good,
    hang,
    leave,
    leave_politely,
    moved,
    never_stops_talking,
    no_graph,
    nothing,
    outside,
    raises,
    raises_no_exception,
    segfault,
    talks,
    truncated,
    unavailable,
    unchecked,
)
from builders.stage_files import X, parse, run_define, run_export
from onnx.numpy_helper import from_array
from opset_atlas import exporters
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.base.source_lines import of_warning, with_nodes
from opset_atlas.exporters import Export, Job
from opset_atlas.onnx_files.facts import inspect
from opset_atlas.records import Cell
from opset_atlas.stages.export import sweep

MODELS = """
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, size=4):
        super().__init__()
        self.linear = nn.Linear(3, size)

    def forward(self, x):
        return nn.functional.hardswish(self.linear(x))


class Inverse(nn.Module):
    def forward(self, x):
        return torch.linalg.inv(x @ x.T)


class Branches(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            x = x + 1
        return torch.masked_select(x, x > 0)


class Selects(nn.Module):
    def forward(self, x):
        return torch.masked_select(x, x > 0)


class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("not today")
"""
MISSING = "the conversion failed: HardSwish exists only since opset 14"
SMALL = {"factory": "models.py:Small", "inputs": [X], "outputs": ["y"]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def faulty(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Cell]]]:
    """Runs a sweep whose exporter does what is specified per opset, and returns its cells."""
    define = run_define(root, SMALL)

    def run(*deeds: Callable[[int, Path], None], seconds: float = 20, **spec: Any) -> list[Cell]:
        opsets = list(range(9, 9 + len(deeds)))

        def prepare(job: Job) -> Export:
            def export(opset: int, path: Path) -> str:
                with (path.parent.parent / "asked").open("a") as log:
                    log.write(f"{opset} ")
                deeds[opsets.index(opset)](opset, path)
                return "made by hand"

            return export

        module = types.SimpleNamespace(PACKAGES=("onnx",), NEEDS_BASE=False, prepare=prepare)
        monkeypatch.setattr(exporters, "load", lambda name: module)
        job = Job(
            {
                "model": "m",
                "exporter": "faulty",
                "opsets": opsets,
                "limits": {"cell_seconds": seconds, "memory_mb": 16000},
                **spec,
            },
            root / "results/define/m",
            None,
        )
        return sweep(job, root / "out")["cells"]

    assert define["outcome"] == "ok"
    yield run


def facts(cell: Cell) -> tuple[str, str]:
    return cell["outcome"], cell["detail"]


def test_every_fault_costs_its_own_cell(faulty: Callable[..., list[Cell]], root: Path) -> None:
    faults = [
        hang, segfault, leave, leave_politely, nothing, empty, garbage, truncated, no_graph,
        raises, raises_no_exception, unavailable, eats_memory,
    ]  # fmt: skip
    deeds = [good]
    for first, second in zip_longest(faults[::2], faults[1::2]):
        deeds += [first, *filter(None, [second]), good]
    cells = faulty(*deeds, seconds=3)
    made = {deed: cell for deed, cell in zip(deeds, cells, strict=True) if deed is not good}
    assert [cell["requested"] for cell in cells] == list(range(9, 9 + len(deeds)))
    assert len(made) == len(faults) == len(cells) - 8
    for deed, cell in zip(deeds, cells, strict=True):
        assert deed is not good or facts(cell) == ("ok", ""), cell
    found = [facts(cell) for cell in made.values()]
    process, normally = "the exporting process: ", "the exporter returned normally and left "
    assert found[:6] == [
        ("timeout", f"{process}still running at its time limit; killed"),
        ("crashed", f"{process}process ended by SIGSEGV"),
        ("crashed", f"{process}process ended itself with status 7"),
        ("refused", "SystemExit: giving up"),
        ("invalid", f"{normally}no file"),
        ("invalid", f"{normally}an empty file"),
    ]
    for outcome, detail in found[6:8]:
        assert outcome == "invalid" and detail.startswith("the file cannot be read: DecodeError")
    assert found[8:] == [
        ("invalid", "the file cannot be read: ValueError: no graph in it"),
        ("refused", "LookupError: no symbolic in <project> at 0x… more"),
        ("refused", "GeneratorExit: like a panic in Rust"),
        ("refused", "this version knows no such opset"),
        ("refused", "MemoryError"),
    ]
    # Files of a failed cell are removed; unreadable files are kept, as evidence.
    left = {path.name for path in (root / "out/cells").iterdir()}
    assert left == {cell["file"] for cell in cells if cell["file"]}
    assert made[hang]["file"] is None
    assert made[garbage]["file"] == f"opset_{made[garbage]['requested']}.onnx"
    assert (root / "out/grandchild").exists()
    assert not grandchildren(root / "out/cells")
    assert made[raises]["traceback"].endswith("LookupError: no symbolic in <project> at 0x…\nmore")
    assert made[unavailable]["traceback"] == ""  # a stated limit needs no traceback
    assert str(root) not in (root / "out/record.json").read_text()


def grandchildren(folder: Path) -> list[str]:
    """Processes whose working directory is a folder, by Linux's /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder.resolve():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_what_a_file_is_comes_from_the_file(faulty: Callable[..., list[Cell]], root: Path) -> None:
    cells = faulty(good, moved, unchecked, both, future, outside)
    path = root / "out/cells/opset_09.onnx"
    assert facts(cells[0]) == ("ok", "")
    assert {key: cells[0][key] for key in ("delivered", "imports", "ir_version", "nodes")} == {  # type: ignore[literal-required]
        "delivered": 9, "imports": {"": 9}, "ir_version": 8, "nodes": 1,
    }  # fmt: skip
    assert (cells[0]["size_bytes"], cells[0]["sha256"]) == (path.stat().st_size, file_sha256(path))
    assert cells[0]["base"] == "made by hand"
    assert facts(cells[1]) == ("moved", "asked for opset 10; the file is opset 18")
    assert cells[1]["delivered"] == 18
    assert cells[2]["outcome"] == "invalid"
    assert cells[2]["detail"].startswith("onnx.checker: ") and "nowhere" in cells[2]["detail"]
    assert cells[3]["outcome"] == "invalid" and cells[3]["delivered"] == 9
    assert cells[3]["detail"].startswith("asked for opset 12; the file is opset 9; onnx.checker: ")
    # onnx's checker accepts an opset that no version of onnx knows.
    assert facts(cells[4]) == ("moved", "asked for opset 13; the file is opset 99")
    assert cells[5]["outcome"] == "invalid"
    assert "the file cannot be read: ValueError: tensor 'w' lies outside" in cells[5]["detail"]


def test_what_an_exporter_says_is_kept(faulty: Callable[..., list[Cell]], root: Path) -> None:
    quiet, loud, endless = faulty(good, talks, never_stops_talking)
    assert quiet["messages"] == []
    found = {(m["level"], m["source"]): (m["text"], m["count"]) for m in loud["messages"]}
    assert found == {
        ("warning", "UserWarning"): ("careful", 2),
        ("warning", "torch.onnx._internal"): ("converting to 10", 2),
        ("error", "onnxscript"): ("no adapter", 1),
        ("print", "stdout"): ("a line\nto the other stream", 1),
    }
    assert len(endless["messages"][0]["text"]) < 5000
    assert f"({300 * ((1 << 20) + 1)} characters)" in endless["messages"][0]["text"]
    assert int((root / "out/grown").read_text()) < 100  # MiB


class Console(logging.Handler):
    """Like torch's from 2.14 on: it writes to what `sys.stderr` is at that time."""

    stream = property(lambda self: sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream.write(f"W {time.time()} {os.getpid()} {record.getMessage()}\n")


def test_a_line_for_the_console_is_no_print(
    faulty: Callable[..., list[Cell]], capfd: pytest.CaptureFixture[str]
) -> None:
    logger, console = logging.getLogger("torch.onnx"), Console()
    logger.addHandler(console)
    try:
        (cell,) = faulty(talks)
    finally:
        logger.removeHandler(console)
    assert [m["text"] for m in cell["messages"] if m["level"] == "print"] == [
        "a line\nto the other stream"
    ]
    assert ("warning", "converting to 9") in {(m["level"], m["text"]) for m in cell["messages"]}
    assert "WARNING: converting to 9" in capfd.readouterr().err  # in the job's log


def test_canonical_hash_is_of_what_takes_part_in_computing(
    faulty: Callable[..., list[Cell]],
) -> None:
    def annotated(opset: int, path: Path) -> None:
        model = parse(GRAPH, 9)
        model.doc_string = model.graph.doc_string = model.graph.node[0].doc_string = str(path)
        model.graph.node[0].metadata_props.add(key="file", value=str(path))
        model.graph.value_info.add(name="v").metadata_props.add(key="file", value=str(path))
        del model.graph.value_info[:]
        onnx.save(model, path)

    def different(opset: int, path: Path) -> None:
        model = parse(GRAPH, 9)
        model.graph.node[0].op_type = "Sigmoid"
        onnx.save(model, path)

    plain, same, other = faulty(good, annotated, different)
    assert plain["sha256"] != same["sha256"]
    assert plain["canonical_sha256"] == same["canonical_sha256"] != other["canonical_sha256"]


def test_weights_beside_the_file_are_part_of_it(
    faulty: Callable[..., list[Cell]], root: Path
) -> None:
    def external(opset: int, path: Path) -> None:
        model = parse("g (float[2, 3] x) => (float[2, 3] y) { y = Mul(x, w) }", opset)
        model.graph.initializer.append(from_array(np.float32([1, 2, 3]), "w"))
        name = f"{path.name}.data"
        onnx.save(model, path, save_as_external_data=True, location=name, size_threshold=0)

    (root / "out/cells/old").mkdir(parents=True)
    (root / "out/cells/opset_08.onnx").write_bytes(b"of an earlier configuration")
    cells = faulty(external, good)
    assert [cell["outcome"] for cell in cells] == ["ok", "ok"]
    left = sorted(path.name for path in (root / "out/cells").iterdir())
    assert left == ["opset_09.onnx", "opset_10.onnx"]
    assert cells[0]["delivered_sha256"] != cells[0]["sha256"]
    assert onnx.load(root / "out/cells/opset_09.onnx").graph.initializer[0].raw_data


@pytest.mark.parametrize("size", [3, 3000])  # in the file afterwards, and beside it
def test_equal_files_with_other_tensors_beside_them_are_two(
    faulty: Callable[..., list[Cell]], root: Path, size: int
) -> None:
    """As the TorchScript exporter leaves them: under one name at every opset."""

    def beside(value: float) -> Callable[[int, Path], None]:
        def export(opset: int, path: Path) -> None:
            model = parse(f"g (float[{size}] x) => (float[{size}] y) {{ y = Mul(x, w) }}", 13)
            model.graph.initializer.append(from_array(np.full(size, value, np.float32), "w"))
            onnx.save(model, path, save_as_external_data=True, location="w", size_threshold=0)

        return export

    one, two = faulty(beside(1), beside(2))
    assert one["delivered_sha256"] == two["delivered_sha256"]
    assert one["sha256"] != two["sha256"] and one["canonical_sha256"] != two["canonical_sha256"]
    for cell, value in ((one, 1), (two, 2)):
        tensor = onnx.load(root / "out/cells" / str(cell["file"])).graph.initializer[0]
        assert (onnx.numpy_helper.to_array(tensor) == value).all()
    assert not (root / "out/cells/w").exists()


def test_cells_are_kept_by_fingerprint_and_content(
    faulty: Callable[..., list[Cell]], root: Path
) -> None:
    asked = root / "out/asked"

    def again(*deeds: Callable[[int, Path], None], **spec: Any) -> str:
        asked.write_text("")
        times = {path.name: path.stat().st_mtime_ns for path in (root / "out/cells").iterdir()}
        cells = faulty(*deeds, **spec)
        done = asked.read_text().split()
        for cell in cells:
            if cell["file"] in times and str(cell["requested"]) not in done:
                assert (root / "out/cells" / cell["file"]).stat().st_mtime_ns == times[cell["file"]]
        return " ".join(done)

    deeds = [good, raises, nothing, good]
    faulty(*deeds)
    record = (root / "out/record.json").read_bytes()
    assert asked.read_text() == "9 10 11 12 "
    assert again(*deeds) == ""
    assert (root / "out/record.json").read_bytes() == record
    assert again(*deeds, good) == "13"  # only the new opset is exported
    assert again(*deeds) == ""  # and removed again: its file is deleted
    assert not (root / "out/cells/opset_13.onnx").exists()
    assert (root / "out/record.json").read_bytes() == record
    (root / "out/cells/opset_09.onnx").write_bytes(b"damaged")
    assert again(*deeds) == "9"
    (root / "out/cells/opset_12.onnx").unlink()
    assert again(*deeds) == "12"
    assert (root / "out/record.json").read_bytes() == record
    assert again(*deeds, options={"do_constant_folding": False}) == "9 10 11 12"
    (root / "out/record.json").write_text("{}")
    assert again(*deeds) == "9 10 11 12"
    (root / "out/timing.json").write_text("not JSON")
    (root / "out/record.json").write_bytes(record[:-40])
    assert again(*deeds) == "9 10 11 12"
    assert json.loads((root / "out/timing.json").read_text()).keys() == {"9", "10", "11", "12"}


@pytest.mark.parametrize("what", ["weights_sha256", "inputs_sha256", "sources", "code"])
def test_what_a_cell_depends_on(root: Path, what: str) -> None:
    run_define(root, SMALL)
    before = run_export(root, SMALL, "torchscript")["cells"][0]
    path = root / "results/define/m/record.json"
    record = json.loads(path.read_text())
    if what != "code":
        record[what] = [] if what == "sources" else "0" * 64
    write_json(path, record)
    after = run_export(root, SMALL, "torchscript", code="other" if what == "code" else "")
    assert after["cells"][0]["fingerprint"] != before["fingerprint"]
    assert after["cells"][0]["sha256"] == before["sha256"]


def test_a_model_that_does_not_run_is_handed_to_no_exporter(root: Path) -> None:
    model = {**SMALL, "factory": "models.py:Fails"}
    define = run_define(root, model)
    record = run_export(root, model, "torchscript", opsets=[12, 13])
    assert [facts(cell) for cell in record["cells"]] == [("no-model", define["detail"])] * 2
    assert define["detail"] == "ValueError: not today"
    assert [cell["source"] for cell in record["cells"]] == [
        'models.py:34, forward: `raise ValueError("not today")`'
    ] * 2


def test_real_exporters(root: Path) -> None:
    run_define(root, SMALL)
    torchscript = run_export(root, SMALL, "torchscript", opsets=[9, 13, 14])
    assert [cell["outcome"] for cell in torchscript["cells"]] == ["ok"] * 3
    assert [cell["delivered"] for cell in torchscript["cells"]] == [9, 13, 14]
    model = onnx.load(root / "results/export/m/torchscript/cells/opset_14.onnx")
    assert [node.op_type for node in model.graph.node] == ["Gemm", "HardSwish"]
    assert ([i.name for i in model.graph.input], [o.name for o in model.graph.output]) == (
        ["x"],
        ["y"],
    )
    assert torchscript["versions"].keys() == {"torch", "onnx", "numpy"}
    dynamo = run_export(root, SMALL, "dynamo", opsets=[12, 18])
    assert [facts(cell) for cell in dynamo["cells"]] == [
        ("moved", f"asked for opset 12; the file is opset 18: {MISSING}"),
        ("ok", ""),
    ]
    line = "models.py:12, forward: `return nn.functional.hardswish(self.linear(x))`"
    assert [cell["source"] for cell in dynamo["cells"]] == [line, ""]
    failed = [m["text"] for m in dynamo["cells"][0]["messages"] if "Failed to convert" in m["text"]]
    assert len(failed) == 1 and "No Previous Version of HardSwish exists" in failed[0]
    converter = run_export(
        root, SMALL, "converter", opsets=[9, 15], converter={"exporter": "torchscript", "opset": 14}
    )
    assert [cell["outcome"] for cell in converter["cells"]] == ["refused", "ok"]
    assert converter["cells"][0]["detail"] == MISSING
    assert "No Previous Version of HardSwish exists" in converter["cells"][0]["traceback"]
    assert converter["cells"][1]["base"] == "torchscript at opset 14"


def test_a_conversion_is_kept_as_long_as_the_cell_that_it_starts_from(root: Path) -> None:
    run_define(root, SMALL)
    path = root / "results/export/m/converter/cells/opset_15.onnx"

    def converted(base: list[int], opset: int) -> tuple[set[str], int]:
        run_export(root, SMALL, "torchscript", opsets=base)
        start = {"exporter": "torchscript", "opset": opset}
        cells = run_export(root, SMALL, "converter", opsets=[15], converter=start)["cells"]
        assert [cell["base"] for cell in cells] == [f"torchscript at opset {opset}"]
        return {cell["fingerprint"] for cell in cells}, path.stat().st_mtime_ns

    first = converted([13, 14], opset=14)
    assert converted([13, 14, 15, 16], opset=14) == first
    assert converted([13, 14], opset=13)[0] != first[0]


def test_a_real_exporter_that_writes_weights_beside_the_file(root: Path) -> None:
    model = {**SMALL, "kwargs": {"size": 400}, "options": {"dynamo": {"external_data": True}}}
    run_define(root, model)
    (cell,) = run_export(root, model, "dynamo", opsets=[18])["cells"]
    folder = root / "results/export/m/dynamo/cells"
    assert cell["outcome"] == "ok", cell["detail"]
    held = sorted(cell["tensors"])
    assert cell["beside"] == 1
    assert held and sorted(path.name for path in folder.iterdir()) == [*held, "opset_18.onnx"]
    weights = onnx.load(folder / "opset_18.onnx").graph.initializer
    assert next(list(tensor.dims) for tensor in weights if len(tensor.raw_data) > 4000) == [400, 3]


def test_an_operator_that_an_exporter_does_not_know(root: Path) -> None:
    model = {**SMALL, "factory": "models.py:Inverse"}
    run_define(root, model)
    (cell,) = run_export(root, model, "torchscript")["cells"]
    assert cell["outcome"] == "refused" and cell["file"] is None
    assert "linalg_inv" in cell["detail"] and "UnsupportedOperatorError" in cell["traceback"]
    assert "Refusal" not in cell["traceback"]
    assert cell["source"] == "models.py:17, forward: `return torch.linalg.inv(x @ x.T)`"
    assert not list((root / "results/export/m/torchscript/cells").iterdir())


@pytest.mark.parametrize(
    ("name", "detail", "source"),
    [
        (
            "Branches",
            "GuardOnDataDependentSymNode: Could not guard on data-dependent expression Eq(u0, 1)",
            "models.py:22, forward: `if x.sum() > 0:`",
        ),
        (
            "Selects",
            "DispatchError: No ONNX function found for <OpOverload(op='aten.masked_select'",
            "models.py:29, forward: `return torch.masked_select(x, x > 0)`",
        ),
    ],
)
def test_a_refusal_of_torch_export_says_what_happened_at_the_bottom(
    name: str, detail: str, source: str, root: Path
) -> None:
    model = {**SMALL, "factory": f"models.py:{name}"}
    run_define(root, model)
    (cell,) = run_export(root, model, "dynamo", opsets=[18])["cells"]
    assert cell["outcome"] == "refused"
    assert cell["detail"].startswith(detail) and "step" not in cell["detail"]
    assert cell["source"] == source


def test_a_tracers_warning_names_the_line_that_it_is_about(root: Path) -> None:
    model = {**SMALL, "factory": "models.py:Branches"}
    run_define(root, model)
    (cell,) = run_export(root, model, "torchscript")["cells"]
    places = {m["source"]: m["place"] for m in cell["messages"]}
    assert places["TracerWarning"] == "models.py:22: `if x.sum() > 0:`"
    assert places["DeprecationWarning"] == ""


def test_a_tracers_warning_is_joined_to_the_nodes_of_its_line(root: Path) -> None:
    code = """
class Frozen(nn.Module):
    def forward(self, x):
        half = x * 0.5
        return half.reshape(int(x.shape[0]), -1).exp()
"""
    (root / "models.py").write_text(MODELS + code)
    model = {**SMALL, "factory": "models.py:Frozen"}
    run_define(root, model)
    record = run_export(root, model, "torchscript")
    (cell,) = record["cells"]
    (place,) = [m["place"] for m in cell["messages"] if m["source"] == "TracerWarning"]
    joined = {name for name, line in record["lines"].items() if of_warning(place, line)}
    assert "/Reshape" in joined and "/Mul" not in joined
    assert record["lines"]["/Mul"].endswith("forward: `half = x * 0.5`")
    assert "`/Reshape`" in with_nodes(place, record["lines"])
    # The file is the one that the exporter writes by default.
    file = onnx.load(next(root.rglob("cells/*.onnx")))
    assert not any(node.doc_string for node in file.graph.node)


def test_a_sweep_without_a_tracers_warning_has_no_lines(root: Path) -> None:
    run_define(root, SMALL)
    assert "lines" not in run_export(root, SMALL, "torchscript")


def test_the_checker_names_the_node_in_one_line(root: Path) -> None:
    path = root / "m.onnx"
    text = "g (float[2] x) => (float[2] y) { y = Relu<alpha: float = 1.0>(x) }"
    model = parse(text, 13)
    frame = f'File "{root}/models.py", line 17, in forward\n    return torch.linalg.inv(x)'
    model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=frame)
    model.graph.node[0].name = "relu"
    onnx.save(model, path)
    assert inspect(path)["fault"] == {
        "text": "onnx.checker: Unrecognized attribute: alpha for operator Relu (node relu)",
        "source": "models.py:17, forward: `return torch.linalg.inv(x)`",
    }


def test_the_exporter_gets_the_frozen_weights(root: Path) -> None:
    run_define(root, SMALL)
    (root / "models.py").write_text(
        MODELS.replace("super().__init__()", "super().__init__(); torch.rand(9)")
    )
    run_export(root, SMALL, "torchscript")
    model = onnx.load(root / "results/export/m/torchscript/cells/opset_13.onnx")
    exported = onnx.numpy_helper.to_array(model.graph.initializer[0])
    import safetensors.torch

    frozen = safetensors.torch.load_file(root / "results/define/m/weights.safetensors")
    assert torch.equal(torch.from_numpy(exported.copy()), frozen["linear.weight"])
