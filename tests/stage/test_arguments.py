"""What a module is called with: names, order, keywords, constants, nests, caches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders.stage_files import run_define, run_export, settings
from opset_atlas.config.specs import Specs
from opset_atlas.records import DefineRecord
from opset_atlas.stages import parity
from opset_atlas.stages.judge import judge
from safetensors.numpy import load_file

MODELS = """
import dataclasses
import torch
from torch import nn


class Subtracts(nn.Module):
    def forward(self, tokens, mask):
        return tokens.float().cumsum(1) - mask * 2


def swapped(seed):
    '''The mask first, although forward takes it second.'''
    return {"mask": torch.rand(2, 5), "tokens": torch.randint(0, 9, (2, 5))}


def by_sizes(seed, sizes=None):
    length = (sizes or {}).get("length", 5)
    return {"mask": torch.rand(2, length), "tokens": torch.randint(0, 9, (2, length))}


def misspelled(seed):
    return {"maks": torch.rand(2, 5), "tokens": torch.randint(0, 9, (2, 5))}


@dataclasses.dataclass
class Box:
    low: torch.Tensor
    high: torch.Tensor


class Everything(nn.Module):
    '''All forms at once; `scale` has a default that nobody gives, `shift` is given.'''

    def forward(self, x, scale=3, mask=None, pair=None, *, options, box, shift=0.5, double=False):
        result = x * scale + shift
        if mask is not None:
            result = result * mask
        result = result + pair[0] - pair[1][0] * options["b"] + options["a"]
        result = result * (box.high - box.low)
        return {"sum": result * 2 if double else result, "parts": (result + 1, [result + 2])}


def everything(seed):
    x = torch.randn(2, 3)
    return {
        "double": True,
        "options": {"b": x + 1, "a": x + 2},
        "box": Box(x, x + 3),
        "x": x,
        "pair": (x * 2, [x * 3]),
        "mask": None,
        "shift": 0.25,
    }


def changing(seed):
    return {**everything(seed), "double": seed == 0}


class Keeps(nn.Module):
    '''A result that the TorchScript exporter does not take.'''

    def forward(self, x):
        return Box(x, x * 2)
"""
X = {"name": "x", "shape": [2, 3]}
GIVES = """import functools
import torch

def gives(forward):
    @functools.wraps(forward)
    def wrapper(self, *args, **kwargs):
        return forward(self, *args, shift=3, **kwargs)
    return wrapper

"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(record: DefineRecord, role: str) -> list[str]:
    return [port["name"] for port in record[role]]  # type: ignore[literal-required]


def verdicts(root: Path, model: dict[str, Any], exporter: str, **top: Any) -> dict[str, str]:
    """Export, run and judge a model that was defined; the verdict of each variant, or why not."""
    export = run_export(root, model, exporter, opsets=[18], **top)
    (cell,) = export["cells"]
    if cell["outcome"] != "ok":
        return {"": f"{cell['outcome']}: {cell['detail']}"}
    made = settings(root, model, exporters=[exporter], opsets=[18], **top)
    spec = Specs(made).job("parity", model="m", runtime="onnxruntime")
    folders = [root / "results/export/m" / exporter]
    job = parity.Job(spec, root / "results/define/m", folders, "onnxruntime")
    record = parity.measure_files(job, root / "parity.json", root / "timing.json")
    judged = judge([record], {"tolerances": made.tolerances, "models": {}})
    return {each["runtime"]: each["verdict"] or each["detail"] for each in judged["cells"]}


def graph(root: Path, exporter: str) -> onnx.GraphProto:
    return onnx.load(root / f"results/export/m/{exporter}/cells/opset_18.onnx").graph


def ports(root: Path, exporter: str) -> dict[str, list[int | str]]:
    return {
        port.name: [d.dim_param or d.dim_value for d in port.type.tensor_type.shape.dim]
        for port in graph(root, exporter).input
    }


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_the_keys_of_a_callable_are_names_in_the_order_of_forward(
    root: Path, exporter: str
) -> None:
    dims = {"tokens": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}}
    model = {"factory": "models.py:Subtracts", "inputs": "models.py:swapped"}
    model |= {"dynamic_shapes": dims}  # type: ignore[dict-item]
    record = run_define(root, model, input_sets=["random-0", "random-1"])
    assert record["outcome"] == "ok", record["detail"]
    assert named(record, "inputs") == ["tokens", "mask"]
    assert record["call"] == "forward(tokens, mask)" and not record["flattened"]
    sets = [each["name"] for each in record["sets"]]
    assert "random-0@batch=5,length=11" in sets and "random-0@batch=1,length=1" in sets
    found = verdicts(root, model, exporter)
    assert set(found.values()) <= {"exact", "within-noise"}, found
    assert ports(root, exporter) == {"tokens": ["batch", "length"], "mask": ["batch", "length"]}


def test_a_callable_that_takes_sizes_makes_them(root: Path) -> None:
    model = {
        "factory": "models.py:Subtracts",
        "inputs": "models.py:by_sizes",
        "dynamic_shapes": {"tokens": {1: "length"}, "mask": {1: "length"}},
        "dynamic_sizes": {"length": [7, 3]},
    }
    record = run_define(root, model)
    assert [each["name"] for each in record["sets"]] == [
        "random-0", "random-0@length=7", "random-0@length=3",
    ]  # fmt: skip
    given = load_file(root / "results/define/m/inputs.safetensors")
    assert given["random-0@length=7/0"].shape == (2, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"inputs": "models.py:misspelled"},
            "inputs: forward has no parameter maks; there are: tokens, mask",
        ),
        (
            {"dynamic_shapes": {"input": {1: "length"}}},
            "dynamic_shapes: no input input; there are: tokens, mask",
        ),
        (
            {"dynamic_shapes": {"mask": {2: "length"}}},
            "dynamic_shapes: mask has 2 axes, and no axis 2",
        ),
    ],
)
def test_what_only_a_run_can_find_wrong(root: Path, change: dict[str, Any], said: str) -> None:
    model = {"factory": "models.py:Subtracts", "inputs": "models.py:swapped", **change}
    record = run_define(root, model)
    assert (record["outcome"], record["detail"]) == ("failed", said)


EVERYTHING = {"factory": "models.py:Everything", "inputs": "models.py:everything"}


def test_arguments_of_every_form_are_named_as_torch_export_names_them(root: Path) -> None:
    record = run_define(root, EVERYTHING, input_sets=["random-0", "random-1"])
    assert record["outcome"] == "ok", record["detail"] + record["traceback"]
    names = ["x", "pair_0", "pair_1_0", "options_b", "options_a", "box_low", "box_high"]
    assert named(record, "inputs") == names
    assert record["call"] == (
        "forward(x, mask=None, pair=(pair_0, [pair_1_0]), "
        "options={'b': options_b, 'a': options_a}, box=Box(box_low, box_high), shift=0.25, "
        "double=True)"
    )
    assert record["flattened"]
    assert named(record, "outputs") == ["sum", "parts_0", "parts_1_0"]
    assert all(each["float64"] for each in record["sets"]), record["sets"]


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_arguments_of_every_form_reach_the_file(root: Path, exporter: str) -> None:
    dims = {name: {0: "n"} for name in ("x", "pair_0", "pair_1_0", "options_b", "options_a")}
    dims |= {name: {0: "n"} for name in ("box_low", "box_high")}
    model = {**EVERYTHING, "dynamic_shapes": dims}
    record = run_define(root, model, input_sets=["random-0", "random-1"])
    found = verdicts(root, model, exporter, input_sets=["random-0", "random-1"])
    assert set(found.values()) <= {"exact", "within-noise"}, found
    assert ports(root, exporter) == {name: ["n", 3] for name in named(record, "inputs")}
    assert [port.name for port in graph(root, exporter).output] == named(record, "outputs")


def test_a_constant_that_differs_from_set_to_set_is_refused(root: Path) -> None:
    model = {**EVERYTHING, "inputs": "models.py:changing"}
    record = run_define(root, model, input_sets=["random-0", "random-1"])
    assert record["outcome"] == "failed"
    assert record["detail"].startswith("inputs: random-1 calls forward(x, ")
    assert record["detail"].endswith("only tensors may differ from set to set")


DEFAULTS = {
    "of another value": "(self, tokens, mask, scale=2, *, shift=1)",
    "of a decorated forward": "(self, tokens, mask, scale=None, shift=None)",
}


@pytest.mark.parametrize("case", DEFAULTS)
def test_a_default_that_nobody_gives_is_left_to_the_module(root: Path, case: str) -> None:
    """The TorchScript exporter would give it by position, and make an input of a number."""
    text = MODELS.replace("(self, tokens, mask)", DEFAULTS[case])
    text = text.replace("- mask * 2", "- mask * (scale or 2) + (shift or 1)")
    if "decorated" in case:
        text = text.replace(
            "    def forward(self, tokens", "    @gives\n    def forward(self, tokens"
        )
        text = text.replace("import torch\n", GIVES, 1)
    (root / "models.py").write_text(text)
    model = {"factory": "models.py:Subtracts", "inputs": "models.py:swapped"}
    record = run_define(root, model)
    assert record["call"] == "forward(tokens, mask)" and record["flattened"]
    found = verdicts(root, model, "torchscript")
    assert set(found.values()) <= {"exact", "within-noise"}, found
    assert list(ports(root, "torchscript")) == ["tokens", "mask"]


def test_a_result_that_the_torchscript_exporter_does_not_flatten(root: Path) -> None:
    model = {"factory": "models.py:Keeps", "inputs": [X]}
    record = run_define(root, model)
    assert named(record, "outputs") == ["low", "high"] and record["flattened"]
    found = verdicts(root, model, "torchscript")
    assert set(found.values()) <= {"exact", "within-noise"}, found


LISTED = {
    "factory": "models.py:Everything",
    "inputs": [
        {"name": "x", "shape": [2, 3]},
        {"value": 3},
        {"keyword": "double", "value": True},
        {"keyword": "box", "items": [{"name": "low", "shape": [2, 3]}, {"value": 1}]},
        {
            "keyword": "options",
            "items": {
                "b": {"name": "b", "shape": [2, 3]},
                "a": {"name": "a", "shape": [1, 3], "range": [1, 2]},
            },
        },
        {"keyword": "pair", "items": [{"name": "p", "shape": [2, 3]}, {"value": [2.0, 3]}]},
    ],
    "dynamic_shapes": {name: {0: "n"} for name in ("x", "low", "b", "p")},
}


def test_a_list_with_keywords_nests_and_constants(root: Path) -> None:
    text = MODELS.replace("(box.high - box.low)", "(box[1] - box[0])")
    assert text != MODELS
    (root / "models.py").write_text(text)
    record = run_define(root, LISTED, input_sets=["random-0", "zeros", "large"])
    assert record["outcome"] == "ok", record["detail"] + record["traceback"]
    assert named(record, "inputs") == ["x", "p", "b", "a", "low"]  # as forward takes them
    assert record["call"] == (
        "forward(x, 3, pair=(p, [2.0, 3]), options={'b': b, 'a': a}, box=(low, 1), double=True)"
    )
    shapes = {port["name"]: port["shape"] for port in record["inputs"]}
    assert shapes["a"] == [1, 3] and shapes["p"] == [2, 3]
    given = load_file(root / "results/define/m/inputs.safetensors")
    assert 1 <= given["random-0/3"].min() <= given["random-0/3"].max() <= 2
    assert given["random-0@n=5/4"].shape == (5, 3) and given["random-0@n=5/3"].shape == (1, 3)
    found = verdicts(root, LISTED, "torchscript", input_sets=["random-0", "zeros", "large"])
    assert set(found.values()) <= {"exact", "within-noise"}, found


def test_whose_fault_is_asked_with_the_same_arguments(root: Path) -> None:
    """A model that fails is run without this package, on the same keywords and nests."""
    fails = "raise ValueError(f'{scale} {sorted(options)} {box[1]} {double}')"
    (root / "models.py").write_text(MODELS.replace("result = x * scale + shift", fails))
    record = run_define(root, LISTED)
    assert record["outcome"] == "failed"
    assert record["detail"] == "ValueError: 3 ['a', 'b'] 1 True"
    fails = "raise ValueError(f'{scale} {sorted(options)} {box.low.shape} {double}')"
    (root / "models.py").write_text(MODELS.replace("result = x * scale + shift", fails))
    record = run_define(root, EVERYTHING)
    assert record["detail"] == "ValueError: 3 ['a', 'b'] torch.Size([2, 3]) True"


def test_tuples_and_objects_are_made_in_the_process_of_the_model(root: Path) -> None:
    (root / "own.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, size, act, twice):\n"
        "        super().__init__()\n"
        "        assert type(size) is tuple, size\n"
        "        self.conv, self.act, self.twice = nn.Conv2d(1, 2, size), act, twice\n"
        "    def forward(self, x, y):\n"
        "        assert type(y) is tuple, y\n"
        "        return self.act(self.conv(x)) * self.twice * y[1]\n"
        "def double(x, by=1):\n"
        "    return 2 * x * by\n"
    )
    kwargs = {
        "size": {"$tuple": [3, 1]},
        "act": {"$python": "torch.nn.functional:gelu"},
        "twice": {"$call": "own.py:double", "args": [2], "kwargs": {"by": 3}},
    }
    inputs = [{"name": "x", "shape": [1, 1, 5, 5]}, {"value": {"$tuple": [1, 2]}}]
    model = {"factory": "own.py:Net", "kwargs": kwargs, "inputs": inputs}
    record = run_define(root, model)
    assert record["outcome"] == "ok", record["detail"]
    assert record["call"] == "forward(x, (1, 2))"
    found = verdicts(root, model, "torchscript")
    assert set(found.values()) <= {"exact", "within-noise"}, found
    model["kwargs"] = {**kwargs, "twice": {"$call": "own.py:double", "args": [None]}}
    record = run_define(root, model)
    assert record["outcome"] == "failed" and "unsupported operand" in record["detail"]


def test_the_eager_module_is_watched_with_the_same_arguments(root: Path) -> None:
    """What locates an origin compares with the operators of the module, called as it was."""
    from opset_atlas.stages.locate import eager

    record = run_define(root, EVERYTHING, input_sets=["random-0"])
    spec = Specs(settings(root, EVERYTHING)).job("locate", model="m")
    trace = eager.trace(spec, root / "results/define/m", ["random-0"], double=True)
    reference = load_file(root / "results/define/m/reference.safetensors")
    for i in range(len(record["outputs"])):
        for kind, found in (("eager", trace.values), ("float64", trace.exact)):
            expected = reference[f"random-0/{kind}/{i}"]
            assert any(np.array_equal(values[0], expected) for values in found.values())
