"""How comparisons scale: `make growth` prints a table for 100, 1,000 and 10,000 nodes.

It uses generated pairs of graphs, each difficult in a different way: transformer blocks at two
opsets, in which every ReduceSum changes; equal blocks without weights, some with another
activation; chains of three operators with every eleventh replaced; one value that all nodes read; a
random graph against itself at the next opset, and against another one. Reading means parsing both
ONNX files into graphs; the comparison is alignment, differences and causes. Seconds are the best of
three runs; the exponent is between the two largest sizes, and 1 is linear.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import compare
from opset_atlas.differences.align import align
from opset_atlas.graph.reading import read

Pair = tuple[onnx.ModelProto, onnx.ModelProto]


def blocks(size: int, opset: int, weights: bool, twist: int = 0) -> onnx.ModelProto:
    """Attention-like blocks of ten nodes; every `twist`th has another activation."""
    random_numbers = np.random.default_rng(0)
    held = {"axes": np.array([-1])} if opset >= 13 else {}
    nodes, value = [], "x"
    for block in range(size // 10):
        name = f"b{block}_"
        for part in "qkv":
            weight = random_numbers.random((8, 8), np.float32) if weights else np.eye(8)
            held[name + "w" + part] = weight.astype(np.float32)
            nodes.append(make_node("MatMul", [value, f"{name}w{part}"], [name + part]))
        activation = "Sigmoid" if twist and block % twist == 0 else "Softmax"
        axes: dict[str, Any] = {} if opset >= 13 else {"axes": [-1]}
        reads = [name + "r", *(["axes"] if opset >= 13 else [])]
        nodes += [
            make_node("Transpose", [name + "k"], [name + "t"], perm=[1, 0]),
            make_node("MatMul", [name + "q", name + "t"], [name + "s"]),
            make_node(activation, [name + "s"], [name + "p"]),
            make_node("MatMul", [name + "p", name + "v"], [name + "o"]),
            make_node("Add", [name + "o", value], [name + "r"]),
            make_node("ReduceSum", reads, [name + "z"], **axes),
            make_node("Sub", [name + "r", name + "z"], [name + "y"]),
        ]
        value = name + "y"
    return _model(nodes, value, opset, held)


def chain(size: int, twist: int = 0) -> onnx.ModelProto:
    """A chain of three operators, with every `twist`th node another one."""
    cycle = ("Relu", "Abs", "Exp")
    names = ["Neg" if twist and i % twist == 0 else cycle[i % 3] for i in range(size)]
    nodes = [make_node(op, [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i, op in enumerate(names)]
    return _model(nodes, f"v{size}", 13)


def fan(size: int, twist: int = 0) -> onnx.ModelProto:
    """One value that all nodes read."""
    count = size - 2
    ops = ["Neg" if twist and i % twist == 0 else "Relu" for i in range(count)]
    nodes = [make_node("Abs", ["x"], ["h"])]
    nodes += [make_node(op, ["h"], [f"v{i}"]) for i, op in enumerate(ops)]
    nodes.append(make_node("Concat", [f"v{i}" for i in range(count)], ["y"], axis=0))
    return _model(nodes, "y", 13)


def anything(size: int, opset: int, seed: int) -> onnx.ModelProto:
    """A random graph of unary and binary operators over its last values."""
    generator = random.Random(seed)
    nodes, values = [], ["x"]
    for index in range(size):
        op = generator.choice(["Relu", "Neg", "Abs", "Exp", "Add", "Sub"])
        reads = [generator.choice(values[-50:]) for _ in range(2 if op in {"Add", "Sub"} else 1)]
        nodes.append(make_node(op, reads, [f"v{index}"]))
        values.append(f"v{index}")
    return _model(nodes, values[-1], opset)


CASES: dict[str, Callable[[int], Pair]] = {
    "blocks, opset 12 and 13": lambda n: (blocks(n, 12, True), blocks(n, 13, True)),
    "blocks without weights": lambda n: (blocks(n, 13, False), blocks(n, 13, False, twist=7)),
    "chain, each eleventh": lambda n: (chain(n), chain(n, twist=11)),
    "one value read by all": lambda n: (fan(n), fan(n, twist=9)),
    "random, opset 13 and 14": lambda n: (anything(n, 13, 0), anything(n, 14, 0)),
    "random, and another": lambda n: (anything(n, 13, 0), anything(n, 13, 1)),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    options = parser.parse_args()
    rows = [row for name in CASES for row in _rows(name, options.sizes)]
    print(pd.DataFrame(rows).to_string(index=False))


def _rows(name: str, sizes: list[int]) -> Iterator[dict[str, Any]]:
    before: tuple[int, float] | None = None
    for size in sizes:
        row = _measure(name, size)
        if before is not None:
            ratio = row["compare s"] / before[1]
            row["exponent"] = round(math.log(ratio) / math.log(size / before[0]), 2)
        before = size, row["compare s"]
        yield row


def _measure(name: str, size: int) -> dict[str, Any]:
    left, right = CASES[name](size)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{side}.onnx") for side in ("left", "right")]
        for path, model in zip(paths, (left, right), strict=True):
            onnx.save(model, path)
        reading, ((one, old), (other, new)) = _best(lambda: [read(path) for path in paths])
    aligning, alignment = _best(lambda: align(one["graph"], other["graph"]))
    situation = Situation(old[""], new[""], "torchscript")
    comparing, changes = _best(lambda: compare(one, other, situation))
    return {
        "case": name,
        "nodes": size,
        "read s": round(reading, 3),
        "align s": round(aligning, 3),
        "compare s": round(comparing, 4),
        "pairs": len(alignment.forward),
        "changes": len(changes),
    }


def _best(work: Callable[[], Any]) -> tuple[float, Any]:
    """The smallest CPU time of three runs, which other processes affect less than the wall time."""
    times = []
    for _ in range(3):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return min(times), result


def _model(
    nodes: list[onnx.NodeProto], output: str, opset: int, weights: dict[str, Any] | None = None
) -> onnx.ModelProto:
    graph = make_graph(
        nodes,
        "g",
        [make_tensor_value_info("x", TensorProto.FLOAT, [8, 8])],
        [make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [from_array(value, name) for name, value in (weights or {}).items()],
    )
    return make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=8)


if __name__ == "__main__":
    main()
