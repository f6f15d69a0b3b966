"""Faults of exporters: one function per fault, called like an exporter's."""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import onnx
from opset_atlas.exporters import Unavailable

from .stage_files import parse

GRAPH = "g (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }"


def save(opset: int, path: Path) -> None:
    onnx.save(parse(GRAPH, opset), path)


def hang(opset: int, path: Path) -> None:
    subprocess.Popen(["sleep", "60"], cwd=path.parent)  # a grandchild, which must end too
    (path.parent.parent / "grandchild").write_text("started")
    save(opset, path)  # and a file that looks finished
    time.sleep(60)


def segfault(opset: int, path: Path) -> None:
    faulthandler.disable()  # pytest's own, which would print a page
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
