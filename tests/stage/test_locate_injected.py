"""A fault at every node of real exports, one at a time: is that node blamed, and no other?

`python tests/stage/test_locate_injected.py RESULTS MODEL …` counts the same over files of a run.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import pytest
import torch
import yaml
from opset_atlas.graph.reading import read
from opset_atlas.models.module import build, make_inputs
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.onnx_files.parts import Wires
from opset_atlas.runtimes import onnxruntime
from opset_atlas.runtimes._feeding import Feeds, Runner, Trace
from opset_atlas.stages.locate import right_computations, suspect
from opset_atlas.stages.locate.counterparts import Side
from opset_atlas.stages.locate.suspect import Wrong

ROOT = Path(__file__).parents[2]
PLAIN = onnxruntime.AS_WRITTEN
SWAPS = {
    "Add": "Sub", "Cos": "Sin", "Div": "Mul", "Erf": "Tanh", "Exp": "Softplus", "Mul": "Div",
    "ReduceMean": "ReduceSum", "Sigmoid": "Tanh", "Sin": "Cos", "Softmax": "LogSoftmax",
    "Sqrt": "Abs", "Sub": "Add", "Tanh": "Sigmoid",
}  # fmt: skip


def mutants(right: onnx.ModelProto) -> Iterator[tuple[int, onnx.ModelProto]]:
    """Copies with one fault each, and the index of the node that has it: another operator in its
    place, or a factor of 1.25 behind it. Constants are left alone: they have no node to blame."""
    varying = Wires(right.graph).varying
    for i, node in enumerate(right.graph.node):
        if node.output[0] not in varying:
            continue
        if node.op_type in SWAPS:
            swapped = onnx.ModelProto()
            swapped.CopyFrom(right)
            swapped.graph.node[i].op_type = SWAPS[node.op_type]
            yield i, swapped
        scaled = onnx.ModelProto()
        scaled.CopyFrom(right)
        nodes, name = list(scaled.graph.node), node.output[0]
        nodes[i].output[0] = "before"
        nodes.insert(i + 1, onnx.helper.make_node("Mul", ["before", "factor"], [name], "fault"))
        del scaled.graph.node[:]
        scaled.graph.node.extend(nodes)
        factor = onnx.numpy_helper.from_array(np.array(1.25, np.float32), "factor")
        scaled.graph.initializer.append(factor)
        yield i + 1, scaled


def outcomes(right: onnx.ModelProto, feeds: Feeds, folder: Path) -> Iterator[str]:
    """Per mutant that computes something else: `exact`, `region N`, or which node was blamed."""
    path, tolerances = folder / "model.onnx", Tolerances()
    sets = [str(i) for i in range(len(feeds))]
    onnx.save(right, path)
    graph = read(path)[0]["graph"]
    runner = Runner(onnxruntime, PLAIN, folder)
    source = runner.trace(right, feeds, "right")
    for index, model in mutants(right):
        onnx.save(model, path)
        try:
            trace = runner.trace(model, feeds, "wrong")
        except Exception:  # an operator that does not take this type: no file of interest
            continue
        own = read(path)[0]["graph"]
        ours, theirs = Side(own, Wires(model.graph), trace), Side(graph, Wires(right.graph), source)
        known = suspect.Source(source, right_computations.partners(own, graph), (ours, theirs))
        for output in (port.name for port in model.graph.output):
            truth = Trace("truth", {output: source.values[output]})
            wrong = Wrong(
                model, runner, sets, feeds, trace, output, truth, tolerances, tolerances, own, ()
            )
            if suspect.is_right(wrong, trace.values[output], truth, output):
                continue
            blame = suspect.locate(wrong, [known])
            nodes = blame.region.nodes
            op = model.graph.node[index].op_type
            if nodes == (index,):
                yield "exact"
            else:
                yield f"region {len(nodes)}" if index in nodes else f"{op} {index}: {nodes}"


def exported(name: str, folder: Path) -> tuple[onnx.ModelProto, Feeds]:
    """A module of the zoo by the TorchScript exporter at opset 13, and two sets of its inputs."""
    entry = yaml.safe_load((ROOT / "config" / "zoo.yaml").read_text())["models"][name]
    spec = {**entry, "factory": str(ROOT / entry["factory"]), "seed": 0}
    sets = [make_inputs(spec, s) for s in ("random-0", "random-1")]
    names = [item["name"] for item in entry["inputs"]]
    path = folder / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            build(spec), sets[0], str(path), opset_version=13, dynamo=False, input_names=names
        )
    feeds = [dict(zip(names, (t.numpy() for t in tensors), strict=True)) for tensors in sets]
    return onnx.load(path), feeds


@pytest.mark.parametrize("name", ["gelu", "group_norm", "layer_norm", "lstm_cell", "mish"])
def test_the_node_with_the_fault_is_blamed(name: str, tmp_path: Path) -> None:
    counts = Counter(outcomes(*exported(name, tmp_path), tmp_path))
    assert counts["exact"] >= 5
    # A factor beside a product has two nodes that could be either; nothing else may be blamed.
    assert counts.keys() <= {"exact", "region 2"}, counts
    assert counts["region 2"] <= 1


def test_a_mask_hides_nothing(tmp_path: Path) -> None:
    """Attention adds the smallest float to scores; a unit of that size would excuse any score."""
    text = """<ir_version: 8, opset_import: ["": 17]>
      g (float[4,6] q, float[4,6] k) => (float[4,6] y) {
      m = Transpose(k) s = MatMul(q, m) a = Add(s, mask) p = Softmax(a) y = MatMul(p, k) }"""
    model = onnx.parser.parse_model(text)
    mask = np.triu(np.full((4, 4), np.finfo(np.float32).min), 1)
    model.graph.initializer.append(onnx.numpy_helper.from_array(mask, "mask"))
    generator = np.random.default_rng(1)
    values = [generator.normal(size=(4, 6)).astype(np.float32) for _ in range(4)]
    feeds = [{"q": values[0], "k": values[1]}, {"q": values[2], "k": values[3]}]
    counts = Counter(outcomes(model, feeds, tmp_path))
    assert set(counts) == {"exact"} and counts["exact"] >= 5


def main(results: Path, models: list[str]) -> None:
    """Count over the files of a finished run."""
    import tempfile

    from opset_atlas.base.files import read_json
    from opset_atlas.numerics import reference as frozen

    total: Counter[str] = Counter()
    for model in models:
        define = results / "define" / model
        record = read_json(define / "record.json", "define")
        reference = frozen.Reference.read(define, record)
        sets = [s["name"] for s in record["sets"] if s["name"].startswith("random")][:2]
        names = [port["name"] for port in record["inputs"]]
        feeds = [dict(zip(names, reference.feed(s), strict=True)) for s in sets]
        for file in ("torchscript/cells/opset_13.onnx", "dynamo/cells/opset_18.onnx"):
            path = results / "export" / model / file
            if path.exists():
                with tempfile.TemporaryDirectory() as folder:
                    total += Counter(outcomes(onnx.load(path), feeds, Path(folder)))
    print(dict(total.most_common()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
