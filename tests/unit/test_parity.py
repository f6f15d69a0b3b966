"""Real files in real runtimes: right ones pass, each wrong one is found, none costs another."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import pytest
import safetensors.numpy
import torch
from atlas.judge import judge
from atlas.parity import Job, main, sweep
from atlas.records import file_sha256, write_json
from atlas.runtimes import load

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
    deterministic: bool = True,
) -> Path:
    """What the define stage would leave in `folder`."""
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
            {"name": n, "deterministic": deterministic, "float64": n in exact, "why_not": ""}
            for n in inputs
        ],
        "inputs_sha256": file_sha256(folder / "inputs.safetensors"),
        "reference_sha256": file_sha256(folder / "reference.safetensors"),
    }
    write_json(folder / "record.json", record)
    return folder


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    return freeze(tmp_path_factory.mktemp("define"), inputs, eager, exact, names)


def exported(folder: Path, files: dict[int, onnx.ModelProto | bytes | str]) -> Path:
    """An export folder with these files; a string is a cell without one, and says why."""
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    cells = []
    for opset, content in files.items():
        path = folder / "cells" / f"opset_{opset}.onnx"
        cell: dict[str, Any] = {"requested": opset, "outcome": "ok", "detail": ""}
        if isinstance(content, str):
            cell |= {"outcome": "refused", "detail": content, "file": None, "sha256": None}
        else:
            data = content if isinstance(content, bytes) else content.SerializeToString()
            path.write_bytes(data)
            cell |= {"file": path.name, "sha256": file_sha256(path)}
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
    job = Job({"limits": limits}, define, exported(tmp_path / "export", files), runtime)
    sweep(job, tmp_path / "out.json", tmp_path / "out.timing.json")
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


def scale_channel(array: np.ndarray) -> np.ndarray:
    array[3] *= 1.001
    return array


def swap(model: onnx.ModelProto, names: bool) -> None:
    ports = model.graph.output
    a, b = onnx.ValueInfoProto(), onnx.ValueInfoProto()
    a.CopyFrom(ports[0]), b.CopyFrom(ports[1])
    ports[0].CopyFrom(b), ports[1].CopyFrom(a)
    if not names:  # as an exporter would that names them anew
        for port, name in zip(ports[:2], ["out.0", "out.1"], strict=True):
            node(model, port.name).output[0] = name
            for other in model.graph.node:
                other.input[:] = [name if n == port.name else n for n in other.input]
            port.name = name


def to_double(model: onnx.ModelProto) -> None:
    after(model, "normal", "normal = Cast<to=11>(raw)")
    model.graph.output[1].type.tensor_type.elem_type = 11


def squeeze_best(model: onnx.ModelProto) -> None:
    node(model, "best").attribute.append(onnx.helper.make_attribute("keepdims", 0))
    del model.graph.output[3].type.tensor_type.shape.dim[1]


def int32_best(model: onnx.ModelProto) -> None:
    after(model, "best", "best = Cast<to=6>(raw)")
    model.graph.output[3].type.tensor_type.elem_type = 6


def attribute(model: onnx.ModelProto, output: str, **values: Any) -> None:
    target = node(model, output)
    del target.attribute[:]
    target.attribute.extend(onnx.helper.make_attribute(k, v) for k, v in values.items())


TANH = """half_ = Constant<value_float=0.5>() one_ = Constant<value_float=1.0>()
k = Constant<value_float=0.7978845608>() c = Constant<value_float=0.044715>()
x2 = Mul(conv, conv) x3 = Mul(x2, conv) cx = Mul(x3, c) inner = Add(conv, cx)
arg = Mul(inner, k) t = Tanh(arg) u = Add(t, one_) v = Mul(conv, u)
ignored = Identity(raw) features = Mul(v, half_)"""
ROLL = """a = Constant<value_ints=[0]>() b = Constant<value_ints=[1]>()
e = Constant<value_ints=[1000]>() axis = Constant<value_ints=[3]>()
head = Slice(raw, a, b, axis) tail = Slice(raw, b, e, axis)
normal = Concat<axis=3>(tail, head)"""
LOSE = """a = Constant<value_ints=[0]>() m = Constant<value_ints=[-1]>()
axis = Constant<value_ints=[3]>() kept = Slice(raw, a, m, axis)
pads = Constant<value_ints=[0,0,0,0,0,0,0,1]>() normal = Pad(kept, pads)"""
ONE_WRONG = """index = Constant<value_ints=[1, 4, 6, 9]>()
i = Constant<value_ints=[0]>() many = Unsqueeze(index, i)
value = Constant<value_floats=[%s]>() probabilities = ScatterND%s(raw, many, value)"""


def nan_in_one_place(model: onnx.ModelProto) -> None:
    after(model, "probabilities", ONE_WRONG % ("0.5", ""))
    value = node(model, "value").attribute[0]
    value.floats[0] = np.nan


BUGS: dict[str, Callable[[onnx.ModelProto], object]] = {
    "softmax over another axis": lambda m: attribute(m, "probabilities", axis=2),
    "bias dropped": lambda m: initializer(m, "bias", np.zeros_like),
    "one channel scaled by 1.001": lambda m: initializer(m, "weight", scale_channel),
    "kernel transposed": lambda m: initializer(m, "weight", lambda w: w.swapaxes(2, 3)),
    "kernel flipped": lambda m: initializer(m, "weight", lambda w: w[..., ::-1]),
    "rolled by one": lambda m: after(m, "normal", ROLL),
    "last column lost": lambda m: after(m, "normal", LOSE),
    "float16 inside": lambda m: after(
        m, "features", "h = Cast<to=10>(raw) features = Cast<to=1>(h)"
    ),
    "weights in bfloat16": lambda m: initializer(
        m, "weight", lambda w: w.astype(ml_dtypes.bfloat16).astype(np.float32)
    ),
    "another epsilon": lambda m: attribute(m, "normal", epsilon=1e-3),
    "gelu by tanh": lambda m: after(m, "features", TANH),
    "NaN in one place": nan_in_one_place,
    "infinity of the other sign": lambda m: setattr(node(m, "low").attribute[0], "f", np.inf),
    "largest instead of infinity": lambda m: setattr(node(m, "low").attribute[0], "f", -3e38),
    "outputs swapped": lambda m: swap(m, names=False),
    "outputs in another order": lambda m: swap(m, names=True),
    "output missing": lambda m: m.graph.output.pop(),
    "output too many": lambda m: m.graph.output.append(
        onnx.helper.make_tensor_value_info("erf", 1, [2, 8, 13, 17])
    ),
    "float64 output": to_double,
    "int32 output": int32_best,
    "dimension lost": squeeze_best,
    "one element off by 1e-3": lambda m: after(
        m, "probabilities", ONE_WRONG % ("0.001", '<reduction="add">')
    ),
    "argmin": lambda m: setattr(node(m, "best"), "op_type", "ArgMin"),
    "channels exchanged": lambda m: initializer(m, "gamma", lambda g: g[::-1]),
}


@pytest.fixture(scope="module")
def runs(defined: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The right model and every wrong one, in one sweep: name -> its verdicts."""
    files: dict[int, onnx.ModelProto | bytes | str] = {0: right_model()}
    for number, change in enumerate(BUGS.values(), 1):
        files[number] = right_model()
        change(files[number])  # type: ignore[arg-type]
    record = measured(tmp_path_factory.mktemp("runs"), defined, files)
    cells = judge([record], {})["cells"]  # type: ignore[list-item]
    return {
        name: [cell for cell in cells if cell["requested"] == number]
        for number, name in enumerate(["right", *BUGS])
    }


def test_a_right_file_passes_in_every_variant(runs: dict[str, Any]) -> None:
    assert [c["runtime"] for c in runs["right"]] == ["onnxruntime", "onnxruntime-unoptimized"]
    for cell in runs["right"]:
        assert [o["output"] for o in cell["outputs"]] == list(OUTPUTS)
        assert {o["verdict"] for o in cell["outputs"]} <= PASSES, cell
        assert cell["verdict"] in PASSES


@pytest.mark.parametrize("name", BUGS)
def test_each_bug_is_found(runs: dict[str, Any], name: str) -> None:
    for cell in runs[name]:
        assert cell["verdict"] == "mismatch", cell


def test_bugs_in_structure_are_named(runs: dict[str, Any]) -> None:
    def found(name: str, output: str) -> str:
        outputs = {o["output"]: o["detail"] for o in runs[name][0]["outputs"]}
        return str(outputs[output]).removeprefix("worst on random-0: ")

    assert found("output missing", "masked") == "missing"
    assert found("output too many", "erf") == "the model has no such output"
    assert found("float64 output", "normal") == "dtype float64 where float32 was expected"
    assert found("dimension lost", "best").startswith("shape [2, 13, 17] where [2, 1, 13, 17]")
    assert found("outputs in another order", "features") == "the graph gives normal at its place"
    assert "output features is called out.0" in runs["outputs swapped"][0]["detail"]


def test_the_reference_evaluator_agrees(defined: Path, tmp_path: Path) -> None:
    model = right_model()
    record = measured(tmp_path, defined, {17: model}, "reference")
    assert verdicts(record)[0] in PASSES | {"above-noise"}
    assert record["versions"].keys() == {"numpy", "onnx"}


def test_files_that_no_runtime_takes(defined: Path, tmp_path: Path) -> None:
    unknown, kernel, fails = right_model(), right_model(), right_model()
    node(unknown, "erf").op_type = "NoSuchOperator"
    after(kernel, "normal", "b = Cast<to=16>(raw) r = Relu(b) normal = Cast<to=1>(r)")
    after(fails, "normal", "s = Constant<value_ints=[7, 7]>() normal = Reshape(raw, s)")
    del fails.graph.output[1].type.tensor_type.shape.dim[:]
    renamed = right_model()
    renamed.graph.input[0].name = node(renamed, "conv").input[0] = "a"
    renamed.graph.input.pop()
    files = {9: unknown, 10: kernel, 11: fails, 12: b"", 13: b"garbage", 14: "no", 15: renamed}
    record = measured(tmp_path, defined, files)  # type: ignore[arg-type]
    cells = [cell for cell in record["cells"] if cell["runtime"] == "onnxruntime"]
    assert [cell["outcome"] for cell in cells] == [
        "rejected",
        "no-kernel",
        "failed",
        "rejected",
        "rejected",
        "absent",
        "failed",
    ]
    assert "NoSuchOperator" in cells[0]["detail"]
    assert cells[5]["detail"] == "refused: no"
    assert cells[6]["detail"] == "the graph wants 1 inputs (a), the model has 2 (x, unused)"
    assert "absent" in verdicts(record)
    text = (tmp_path / "out.json").read_text()
    assert str(tmp_path) not in text and str(Path.cwd()) not in text


def test_inputs_are_mapped_by_name_else_by_position(defined: Path, tmp_path: Path) -> None:
    turned, renamed, fewer = right_model(), right_model(), right_model()
    x, unused = list(turned.graph.input)
    del turned.graph.input[:]
    turned.graph.input.extend([unused, x])
    renamed.graph.input[0].name = node(renamed, "conv").input[0] = "input.1"
    fewer.graph.input.pop()
    record = measured(tmp_path, defined, {1: turned, 2: renamed, 3: fewer})
    assert set(verdicts(record)) <= PASSES
    assert [cell["detail"] for cell in record["cells"][::2]] == [
        "",
        "inputs are called input.1, unused",
        "the graph has no input unused",
    ]


def test_external_data_is_loaded_from_beside_the_file(defined: Path, tmp_path: Path) -> None:
    export = exported(tmp_path / "export", {17: right_model()})
    path = export / "cells" / "opset_17.onnx"
    onnx.save_model(right_model(), path, save_as_external_data=True, location="w", size_threshold=0)
    assert (path.parent / "w").stat().st_size > 500
    files = {17: path.read_bytes()}
    assert set(verdicts(measured(tmp_path, defined, files))) <= PASSES  # type: ignore[arg-type]


def test_bfloat16_goes_in_and_out(tmp_path: Path) -> None:
    values = np.linspace(-3, 3, 48).reshape(2, 24).astype(ml_dtypes.bfloat16)
    double = values.astype(np.float64)
    define = freeze(
        tmp_path / "define",
        {"random-0": [values]},
        {"random-0": [values.reshape(4, 12), values.astype(np.float32)]},
        {"random-0": [double.reshape(4, 12), double]},
        (["x"], ["y", "z"]),
    )
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (bfloat16[2,24] x)'
        " => (bfloat16[4,12] y, float[2,24] z) "
        "{ s = Constant<value_ints=[4, 12]>() y = Reshape(x, s) z = Cast<to=1>(x) }"
    )
    record = measured(tmp_path, define, {18: model})
    assert verdicts(record) == ["exact", "exact"], record["cells"][0]["detail"]
    assert record["cells"][0]["measures"][0]["dtype"] == "bfloat16"


def test_a_model_that_changes_from_run_to_run_is_no_pass(tmp_path: Path) -> None:
    y = np.arange(6, dtype=np.float32)
    freeze(
        tmp_path / "d",
        {"random-0": [y]},
        {"random-0": [y]},
        {},
        (["x"], ["y"]),
        deterministic=False,
    )
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (float[6] x) => (float[6] y) { y = Neg(x) }'
    )
    record = measured(tmp_path, tmp_path / "d", {18: model})
    assert verdicts(record) == ["vacuous", "vacuous"]
    assert "changes from run to run" in record["cells"][0]["detail"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A runtime that does to itself what a file's name asks for, and else runs onnxruntime."""
    real, module = load("onnxruntime"), types.ModuleType("atlas.runtimes.fake")

    def misbehave(path: Path, variant: str) -> Any:
        kind = {"10": "segfault", "11": "hang", "12": "exit", "13": "print"}
        what = kind.get(path.stem.removeprefix("opset_"))
        if what == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "hang":
            time.sleep(60)
        if what == "exit":
            sys.exit(7)
        if what == "print":
            os.write(1, b"noise\n" * 1000)
        return real.load(path, "onnxruntime")

    members = {"PACKAGES": ("onnxruntime",), "VARIANTS": {"fake": ""}, "load": misbehave}
    module.__dict__.update(members, prepare=real.prepare, run=real.run, classify=real.classify)
    monkeypatch.setitem(sys.modules, "atlas.runtimes.fake", module)
    return module


def distinct(*opsets: int) -> dict[int, Any]:
    """The right model once per opset, each file with bytes of its own."""
    files = {opset: right_model() for opset in opsets}
    for opset, model in files.items():
        model.doc_string = str(opset)
    return files


def test_a_crash_or_a_hang_costs_its_own_cell(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    files = distinct(9, 10, 11, 12, 13, 14)
    record = measured(tmp_path, defined, files, "fake", cell_seconds=8)
    outcomes = [cell["outcome"] for cell in record["cells"]]
    assert outcomes == ["ran", "crashed", "timeout", "crashed", "ran", "ran"]
    details = [cell["detail"] for cell in record["cells"]]
    assert "SIGSEGV" in details[1] and "status 7" in details[3]
    assert set(verdicts(record)) == {"within-noise", "crashed", "timeout"}


def test_a_runtime_that_is_not_installed_is_unavailable(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    def prepare() -> None:
        raise ImportError("No module named 'fake_runtime'")

    fake.__dict__.update(prepare=prepare, PACKAGES=("fake-runtime-of-opset-atlas",))
    record = measured(tmp_path, defined, {17: right_model()}, "fake")
    assert record["cells"][0]["outcome"] == "unavailable"
    assert record["versions"]["fake-runtime-of-opset-atlas"] == "not installed"


def test_equal_files_run_once_and_equal_runs_give_equal_bytes(
    defined: Path, tmp_path: Path, fake: types.ModuleType
) -> None:
    log, original = tmp_path / "loads", fake.load

    def counted(path: Path, variant: str) -> Any:
        with log.open("a") as stream:
            stream.write(f"{path.name}\n")
        return original(path, variant)

    fake.load = counted  # type: ignore[attr-defined]
    same = {20: right_model(), 21: right_model(), 22: "refused"}
    first = measured(tmp_path / "a", defined, same, "fake")
    assert log.read_text().split() == ["opset_20.onnx"]
    assert first["cells"][0]["measures"] == first["cells"][1]["measures"] != []
    measured(tmp_path / "somewhere else é", defined, same, "fake")
    records = [tmp_path / name / "out.json" for name in ("a", "somewhere else é")]
    assert records[0].read_bytes() == records[1].read_bytes()
    assert len(log.read_text().split()) == 2


def test_only_what_changed_runs_again(
    defined: Path, tmp_path: Path, fake: types.ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    def ran() -> list[str]:
        return [line.split()[0] for line in capfd.readouterr().out.splitlines() if " in " in line]

    measured(tmp_path, defined, distinct(20), "fake")
    before = json.loads((tmp_path / "out.timing.json").read_text())["cells"][0]
    assert ran() == ["opset_20.onnx"] and before["load_seconds"] > 0
    grown = measured(tmp_path, defined, distinct(20, 21), "fake")
    assert ran() == ["opset_21.onnx"]
    times = json.loads((tmp_path / "out.timing.json").read_text())["cells"]
    assert times[0] == before and times[1]["best_run_seconds"] > 0
    assert grown == measured(tmp_path / "anew", defined, distinct(20, 21), "fake")
    ran()
    other = tmp_path / "define"
    other.mkdir()
    for path in defined.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    tensors = safetensors.numpy.load_file(other / "reference.safetensors")
    tensors["random-0/eager/0"] += 1
    safetensors.numpy.save_file(tensors, other / "reference.safetensors")
    changed = json.loads((other / "record.json").read_text())
    changed["reference_sha256"] = file_sha256(other / "reference.safetensors")
    write_json(other / "record.json", changed)
    rejudged = measured(tmp_path, other, distinct(20, 21), "fake")
    assert ran() == ["opset_20.onnx", "opset_21.onnx"]
    assert rejudged["fingerprint"] != grown["fingerprint"]
    assert verdicts(rejudged) == ["mismatch", "mismatch"]


def test_a_crash_is_tried_again(defined: Path, tmp_path: Path, fake: types.ModuleType) -> None:
    record = measured(tmp_path, defined, distinct(10), "fake")
    assert record["cells"][0]["outcome"] == "crashed"
    fake.load = lambda path, variant: load("onnxruntime").load(path, variant)  # type: ignore[attr-defined]
    record = measured(tmp_path, defined, distinct(10), "fake")
    assert record["cells"][0]["outcome"] == "ran"


def test_a_model_without_reference_is_absent(tmp_path: Path) -> None:
    y = np.ones(3, np.float32)
    define = freeze(tmp_path / "d", {"a": [y]}, {"a": [y]}, {}, (["x"], ["y"]))
    failed = json.loads((define / "record.json").read_text())
    write_json(define / "record.json", {**failed, "outcome": "failed", "detail": "no weights"})
    record = measured(tmp_path, define, {17: right_model()})
    assert [cell["outcome"] for cell in record["cells"]] == ["absent", "absent"]
    assert record["cells"][0]["detail"] == "there is no reference: no weights"


def test_the_program_writes_record_and_timing(defined: Path, tmp_path: Path) -> None:
    import atlas

    export = exported(tmp_path / "export", {17: right_model()})
    options = ["--spec", "{}", "--define", str(defined), "--export", str(export)]
    options += ["--runtime", "onnxruntime", "--output", str(tmp_path / "r.json")]
    command = [sys.executable, "-m", "atlas.parity", *options, "--timing", str(tmp_path / "t.json")]
    env = {**os.environ, "PYTHONPATH": str(Path(atlas.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert set(verdicts(json.loads((tmp_path / "r.json").read_text()))) <= PASSES
    assert len(json.loads((tmp_path / "t.json").read_text())["cells"]) == 2
    assert "seconds" not in (tmp_path / "r.json").read_text()
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
