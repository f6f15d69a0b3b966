"""A model with its frozen reference, the right ONNX file for it, and the stage run on files."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import safetensors.numpy
import torch
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.onnx_files.facts import declared
from opset_atlas.stages.judge import judge
from opset_atlas.stages.parity import Job, measure_files

PASSES = {"exact", "within-noise"}
OUTPUTS = ("features", "normal", "probabilities", "best", "masked")
SETS = {"random-0": 1.0, "random-1": 1.0, "zeros": 0.0, "large": 30.0}

GRAPH = """<ir_version: 8, opset_import: ["": 17]>
model (float[2,3,13,17] x, float[5] unused)
  => (float[2,8,13,17] features, float[2,8,13,17] normal, float[2,8,13,17] probabilities,
      int64[2,1,13,17] best, float[2,8,13,17] masked)
{
  conv = Conv<pads=[1,1,1,1]>(x, weight, bias)
  half = Constant<value_float=0.5>()
  one = Constant<value_float=1.0>()
  root = Constant<value_float=1.4142135>()
  zero = Constant<value_float=0.0>()
  low = Constant<value_float=-inf>()
  scaled = Div(conv, root)
  erf = Erf(scaled)
  shifted = Add(erf, one)
  product = Mul(conv, shifted)
  features = Mul(product, half)
  normal = InstanceNormalization<epsilon=1e-5>(conv, gamma, beta)
  probabilities = Softmax<axis=1>(features)
  best = ArgMax<axis=1>(features)
  positive = Greater(conv, zero)
  masked = Where(positive, conv, low)
}"""


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.InstanceNorm2d(8, affine=True)
        torch.nn.init.normal_(self.norm.weight)
        torch.nn.init.normal_(self.norm.bias)

    def forward(self, x: torch.Tensor, unused: torch.Tensor) -> tuple[torch.Tensor, ...]:
        conv = self.conv(x)
        features = torch.nn.functional.gelu(conv)
        low = torch.tensor(-torch.inf, dtype=conv.dtype)
        return (
            features,
            self.norm(conv),
            features.softmax(1),
            features.argmax(1, keepdim=True),
            torch.where(conv > 0, conv, low),
        )


def right_model() -> onnx.ModelProto:
    model = onnx.parser.parse_model(GRAPH.replace("-inf", "-1.0"))
    net = Net()
    tensors = {
        "weight": net.conv.weight,
        "bias": net.conv.bias,
        "gamma": net.norm.weight,
        "beta": net.norm.bias,
    }
    for name, value in tensors.items():
        array = value.detach().numpy()
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    node(model, "low").attribute[0].f = -np.inf  # the text format has no infinity
    return model


def signature(names: Iterable[str], arrays: Iterable[np.ndarray]) -> list[dict[str, Any]]:
    pairs = zip(names, arrays, strict=True)
    return [{"name": n, "dtype": a.dtype.name, "shape": list(a.shape)} for n, a in pairs]


def freeze(
    folder: Path,
    inputs: dict[str, list[np.ndarray]],
    eager: dict[str, list[np.ndarray]],
    exact: dict[str, list[np.ndarray]],
    names: tuple[Iterable[str], Iterable[str]],
    random: dict[str, str] | None = None,
) -> Path:
    """Write to `folder` what the define stage would."""
    folder.mkdir(parents=True, exist_ok=True)
    flat: dict[str, dict[str, np.ndarray]] = {"inputs": {}, "reference": {}}
    for name in inputs:
        flat["inputs"] |= {f"{name}/{i}": a for i, a in enumerate(inputs[name])}
        flat["reference"] |= {f"{name}/eager/{i}": a for i, a in enumerate(eager[name])}
        flat["reference"] |= {f"{name}/float64/{i}": a for i, a in enumerate(exact.get(name, []))}
    for stem, tensors in flat.items():
        safetensors.numpy.save_file(tensors, folder / f"{stem}.safetensors")
    first = next(iter(inputs))
    record = {
        "version": 1,
        "stage": "define",
        "model": "net",
        "outcome": "ok",
        "detail": "",
        "inputs": signature(names[0], inputs[first]),
        "outputs": signature(names[1], eager[first]),
        "sets": [
            {"name": n, "random": random or {}, "float64": n in exact, "why_not": ""}
            for n in inputs
        ],
        "inputs_sha256": file_sha256(folder / "inputs.safetensors"),
        "reference_sha256": file_sha256(folder / "reference.safetensors"),
    }
    write_json(folder / "record.json", record)
    return folder


def freeze_net(folder: Path) -> Path:
    """The define folder of `Net`."""
    torch.set_num_threads(1)
    rng, net = np.random.default_rng(11), Net().eval()
    inputs, eager, exact = {}, {}, {}
    for name, scale in SETS.items():
        inputs[name] = [
            (rng.normal(size=shape) * scale).astype(np.float32) for shape in [(2, 3, 13, 17), (5,)]
        ]
        tensors = [torch.from_numpy(array) for array in inputs[name]]
        with torch.no_grad():
            eager[name] = [t.numpy().copy() for t in Net().eval()(*tensors)]
            exact[name] = [t.numpy().copy() for t in net.double()(*(t.double() for t in tensors))]
    names = (["x", "unused"], OUTPUTS)
    return freeze(folder, inputs, eager, exact, names)


def exported(folder: Path, files: dict[int, onnx.ModelProto | bytes | str]) -> Path:
    """An export folder with these files; a string is a cell without a file, and the reason."""
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    cells = []
    for opset, content in files.items():
        path = folder / "cells" / f"opset_{opset}.onnx"
        cell: dict[str, Any] = {"requested": opset, "outcome": "ok", "detail": "", "messages": []}
        cell |= {"delivered": opset, "base": "", "declared": None}
        if isinstance(content, str):
            cell |= {"outcome": "refused", "detail": content, "file": None, "sha256": None}
        else:
            data = content if isinstance(content, bytes) else content.SerializeToString()
            path.write_bytes(data)
            cell |= {"file": path.name, "sha256": file_sha256(path)}
            if isinstance(content, onnx.ModelProto):
                cell["declared"] = declared(content.graph)
        cells.append(cell)
    head = {"version": 1, "stage": "export", "model": "net", "exporter": "hand"}
    write_json(folder / "record.json", {**head, "versions": {}, "cells": cells})
    return folder


def measured(
    tmp_path: Path,
    define: Path,
    files: dict[int, onnx.ModelProto | bytes | str],
    runtime: str = "onnxruntime",
    **limits: float,
) -> dict[str, Any]:
    job = Job({"limits": limits}, define, [exported(tmp_path / "export", files)], runtime)
    measure_files(job, tmp_path / "out.json", tmp_path / "out.timing.json")
    record: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    return record


def verdicts(record: Any) -> list[str]:
    return [cell["verdict"] for cell in judge([record], {})["cells"]]


def node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    return next(n for n in model.graph.node if output in n.output)


def initializer(model: onnx.ModelProto, name: str, change: Callable[[Any], Any]) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    array = change(onnx.numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))


def after(model: onnx.ModelProto, output: str, text: str) -> None:
    """Put the nodes of `text`, from `raw` to `new`, between `output`'s node and the output."""
    node(model, output).output[0] = "raw"
    for other in model.graph.node:
        other.input[:] = ["raw" if name == output else name for name in other.input]
    graph = onnx.parser.parse_graph(f"g (float[1] raw) => (float[1] {output}) {{ {text} }}")
    model.graph.node.extend(graph.node)
    model.graph.initializer.extend(graph.initializer)
