"""A sweep: what every file really is, and that one cell's fault costs that cell alone.

`faulty` is an exporter made for this, in the place of a real one: each opset is a fault. Others are
the real exporters on small modules.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import logging
import os
import resource
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from atlas import exporters
from atlas.export import main, sweep
from atlas.exporters import Export, Job, Unavailable
from atlas.records import Cell, ExportRecord, file_sha256, write_json
from onnx.numpy_helper import from_array

from .stage_files import X, parse, run_define, run_export

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


class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("not today")
"""
SMALL = {"factory": "models.py:Small", "inputs": [X], "outputs": ["y"]}
GRAPH = "g (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(opset: int, path: Path) -> None:
    onnx.save(parse(GRAPH, opset), path)


def hang(opset: int, path: Path) -> None:
    subprocess.Popen(["sleep", "60"], cwd=path.parent)  # a grandchild, which must go too
    (path.parent.parent / "grandchild").write_text("started")
    save(opset, path)  # and a file that looks finished
    time.sleep(60)


def segfault(opset: int, path: Path) -> None:
    faulthandler.disable()  # pytest's, which would print a page
    ctypes.string_at(0)


def leave(opset: int, path: Path) -> None:
    os._exit(7)


def leave_politely(opset: int, path: Path) -> None:
    sys.exit("giving up")


def nothing(opset: int, path: Path) -> None:
    pass


def empty(opset: int, path: Path) -> None:
    path.write_bytes(b"")


def garbage(opset: int, path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def truncated(opset: int, path: Path) -> None:
    save(opset, path)
    path.write_bytes(path.read_bytes()[:-20])


def moved(opset: int, path: Path) -> None:
    save(18, path)


def unchecked(opset: int, path: Path) -> None:
    model = parse(GRAPH, opset)
    model.graph.node[0].input[0] = "nowhere"
    onnx.save(model, path)


def both(opset: int, path: Path) -> None:
    model = parse(GRAPH, 9)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, path)


def future(opset: int, path: Path) -> None:
    onnx.save(parse(GRAPH, 99), path)


def outside(opset: int, path: Path) -> None:
    """Weights in a file of another folder."""
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=1)
    tensor.external_data.add(key="location", value="../../models.py")
    model = parse(GRAPH, opset)
    model.graph.initializer.append(tensor)
    path.write_bytes(model.SerializeToString())


def no_graph(opset: int, path: Path) -> None:
    path.write_bytes(onnx.ModelProto(ir_version=8, producer_name="x").SerializeToString())


def raises(opset: int, path: Path) -> None:
    save(opset, path)
    raise LookupError(f"\x1b[31mno symbolic\x00\x1b[0m in {Path.cwd()} at {hex(id(path))}\nmore")


def raises_no_exception(opset: int, path: Path) -> None:
    raise GeneratorExit("like a panic in Rust")


def unavailable(opset: int, path: Path) -> None:
    raise Unavailable("this version knows no such opset")


def eats_memory(opset: int, path: Path) -> None:
    bytearray(64 << 30)


def talks(opset: int, path: Path) -> None:
    save(opset, path)
    print("a line", end="\x1b[0m\n")
    print("to the other stream", file=sys.stderr)
    for _ in range(2):
        warnings.warn("careful", UserWarning, stacklevel=1)
        logging.getLogger("torch.onnx._internal").warning("converting to %s", opset)
    logging.getLogger("onnxscript").error("no adapter")
    logging.getLogger("torch.onnx").info("not worth keeping")


def never_stops_talking(opset: int, path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        print("x" * (1 << 20))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (path.parent.parent / "grown").write_text(str((after - before) >> 10))
    save(opset, path)


def good(opset: int, path: Path) -> None:
    save(opset, path)


@pytest.fixture
def faulty(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Cell]]]:
    """Runs a sweep whose exporter does what is given per opset, and returns its cells."""
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
        ("refused", "LookupError: no symbolic in <project> at 0x…"),
        ("refused", "GeneratorExit: like a panic in Rust"),
        ("refused", "Unavailable: this version knows no such opset"),
        ("refused", "MemoryError"),
    ]
    # What a cell that failed wrote is not left lying about; what cannot be read is, as evidence.
    left = {path.name for path in (root / "out/cells").iterdir()}
    assert left == {cell["file"] for cell in cells if cell["file"]}
    assert made[hang]["file"] is None
    assert made[garbage]["file"] == f"opset_{made[garbage]['requested']}.onnx"
    assert (root / "out/grandchild").exists()
    assert not grandchildren(root / "out/cells")
    assert made[raises]["traceback"].endswith("LookupError: no symbolic in <project> at 0x…\nmore")
    assert made[unavailable]["traceback"] == ""  # a limit that is stated needs none
    assert str(root) not in (root / "out/record.json").read_text()


def grandchildren(folder: Path) -> list[str]:
    """Processes that stand in a folder, by Linux's /proc."""
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
    # onnx's checker has nothing against an opset that no onnx knows.
    assert facts(cells[4]) == ("moved", "asked for opset 13; the file is opset 99")
    assert cells[5]["outcome"] == "invalid"
    assert "the file cannot be read: ValidationError" in cells[5]["detail"]


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


def test_weights_beside_the_file_stay_there(faulty: Callable[..., list[Cell]], root: Path) -> None:
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
    assert left == ["opset_09.onnx", "opset_09.onnx.data", "opset_10.onnx"]
    assert onnx.load(root / "out/cells/opset_09.onnx").graph.initializer[0].raw_data


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
    assert again(*deeds, good) == "13"  # a new opset is exported alone
    assert again(*deeds) == ""  # and removed again: its file goes
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
        ("moved", "asked for opset 12; the file is opset 18"),
        ("ok", ""),
    ]
    assert any("opset" in message["text"] for message in dynamo["cells"][0]["messages"])
    converter = run_export(
        root, SMALL, "converter", opsets=[9, 15], converter={"exporter": "torchscript", "opset": 14}
    )
    assert [cell["outcome"] for cell in converter["cells"]] == ["refused", "ok"]
    assert "No Previous Version of HardSwish exists" in converter["cells"][0]["detail"]
    assert converter["cells"][1]["base"] == "torchscript at opset 14"


def test_a_real_exporter_that_writes_weights_beside_the_file(root: Path) -> None:
    model = {**SMALL, "kwargs": {"size": 400}, "options": {"dynamo": {"external_data": True}}}
    run_define(root, model)
    (cell,) = run_export(root, model, "dynamo", opsets=[18])["cells"]
    folder = root / "results/export/m/dynamo/cells"
    assert cell["outcome"] == "ok", cell["detail"]
    assert sorted(path.name for path in folder.iterdir()) == ["opset_18.onnx", "opset_18.onnx.data"]
    weights = onnx.load(folder / "opset_18.onnx").graph.initializer
    assert next(list(tensor.dims) for tensor in weights if len(tensor.raw_data) > 4000) == [400, 3]


def test_an_operator_that_an_exporter_does_not_know(root: Path) -> None:
    model = {**SMALL, "factory": "models.py:Inverse"}
    run_define(root, model)
    (cell,) = run_export(root, model, "torchscript")["cells"]
    assert cell["outcome"] == "refused" and cell["file"] is None
    assert "linalg_inv" in cell["detail"] and "UnsupportedOperatorError" in cell["traceback"]
    assert not list((root / "results/export/m/torchscript/cells").iterdir())


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


def base(root: Path, outcomes: dict[int, str]) -> None:
    """A sweep of `torchscript` whose cells came out as given."""
    folder = root / "results/export/m/torchscript"
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    cells = []
    for opset, outcome in outcomes.items():
        file = f"opset_{opset:02d}.onnx" if outcome in {"ok", "moved", "invalid"} else None
        if file:
            save(opset if outcome == "ok" else 18, folder / "cells" / file)
        cells.append({"requested": opset, "outcome": outcome, "file": file})
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
    reason = "Unavailable: no usable export of torchscript to convert from"
    assert [facts(cell) for cell in cells] == [("refused", reason)] * 2


def test_a_conversion_is_made_again_when_its_base_changes(root: Path) -> None:
    run_define(root, SMALL)
    base(root, {11: "ok"})
    first = run_export(root, SMALL, "converter")["cells"][0]
    assert run_export(root, SMALL, "converter")["cells"][0] == first
    base(root, {11: "ok", 12: "ok"})
    assert run_export(root, SMALL, "converter")["cells"][0]["fingerprint"] != first["fingerprint"]


def test_an_onnx_file_is_its_own_base(root: Path) -> None:
    save(11, root / "net.onnx")
    run_define(root, {"onnx": "net.onnx"})
    (cell,) = run_export(root, {"onnx": "net.onnx"}, "converter", opsets=[13])["cells"]
    assert (cell["outcome"], cell["base"]) == ("ok", "the file itself")


def test_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_define(root, SMALL)
    base(root, {11: "ok"})
    from .stage_files import settings

    made = settings(root, SMALL, exporters=["converter", "torchscript"], opsets=[11, 12])
    arguments = [
        *("--spec", made.export_spec("m", "converter")),
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
