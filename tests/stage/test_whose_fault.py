"""Why a model is not measured: its own fault, its randomness, or a limit of ours."""

from __future__ import annotations

import inspect
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from builders.stage_files import X, run_define, run_export, settings
from opset_atlas.config.specs import Specs
from opset_atlas.findings.advice import recommend
from opset_atlas.models import runs
from opset_atlas.models.module import build, make_inputs
from opset_atlas.numerics import verdicts
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.records import CellVerdict, ExportRecord
from opset_atlas.stages import parity
from opset_atlas.stages.locate import eager

ZOO = Path(__file__).parents[2] / "workflow/zoo"

MODELS = """
import os

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return x * 2


class Pair:
    def __init__(self, seed):
        self.a = self.b = torch.ones(2)


class Opaque(nn.Module):
    def forward(self, pair):
        return pair.a + pair.b


class Complex(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x)


class Quantized(nn.Module):
    def forward(self, x):
        return torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)


class Sparse(nn.Module):
    def forward(self, x):
        return x.to_sparse()


class Nothing(nn.Module):
    def forward(self, x):
        return 5


class Scripted(nn.Module):
    def forward(self, x):
        return x + 1


class PartlyRandom(nn.Module):
    def forward(self, x):
        return x * 3, x + torch.rand_like(x)


class SampledLength(nn.Module):
    def forward(self, x):
        length = int(torch.randint(1, 3, ()))  # two choices: two runs agree every other time
        return x * 3, x[:, :length]


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(0.1)
        self.idle = nn.Dropout(0.0)
        self.instance = nn.InstanceNorm1d(3)
        self.frozen = nn.Dropout(0.5).eval()
        self.rnn = nn.LSTM(3, 3, num_layers=2, dropout=0.2)
        self.own = Own()

    def forward(self, x):
        return self.own(self.drop(self.norm(x)))


class Own(nn.Module):
    def forward(self, x):
        return x * 2 if self.training else x


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 16, 8))

    def forward(self, x):
        ends = torch.tensor([1, 4], dtype=torch.int32)
        return nn.functional.grouped_mm(x, self.weight, offs=ends)


class Double(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return self.linear(x).softmax(-1)


class DiesInDouble(nn.Module):
    def forward(self, x):
        if x.dtype == torch.float64:
            os._exit(3)
        return x * 2


class HalfInside(Double):
    def forward(self, x):
        return torch.exp(self.linear(x).half() * 3).to(x.dtype)


class Autocast(Double):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return self.linear(x).softmax(-1).float()


def rows(seed):
    torch.manual_seed(seed)
    return torch.randn(3, 4), torch.arange(4.0)


def rows_of(seed, sizes=None):
    length = (sizes or {}).get("length", 4)
    return torch.full((3, length), float(length)), torch.arange(float(length))


class Both(nn.Module):
    def forward(self, x, y):
        return x + y
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def model(name: str, **more: Any) -> dict[str, Any]:
    return {"factory": f"models.py:{name}", "inputs": [X], **more}


def judged_cells(root: Path) -> list[CellVerdict]:
    """What onnxruntime computes from the files of `run_export`, judged."""
    sweeps = [root / "results/export/m/torchscript"]
    job = parity.Job({}, root / "results/define/m", sweeps, "onnxruntime")
    measured = parity.measure_files(job, root / "p.json", root / "t.json")
    return [verdicts.judge_cell(measured, cell, Tolerances()) for cell in measured["cells"]]


def rows(exported: ExportRecord) -> list[dict[str, Any]]:
    """The cells as the table has them."""
    own = {"model": "m", "exporter": "torchscript"}
    return [{**cell, **own, "computing_nodes": cell["nodes"]} for cell in exported["cells"]]


def tensors(root: Path, name: str) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = safetensors.torch.load_file(
        root / f"results/define/m/{name}.safetensors"
    )
    return loaded


ZOO_LOOPS = ("condition.py:Condition", "repeated_while.py:RepeatedWhile", "scan.py:Scan")


@pytest.mark.parametrize("name", ZOO_LOOPS)
def test_branches_and_loops_of_torch_run_and_have_a_truth(root: Path, name: str) -> None:
    given = {"factory": f"{ZOO}/{name}", "inputs": [X]}
    record = run_define(root, given, input_sets=["random-0", "random-1", "zeros"])
    assert (record["outcome"], record["detail"]) == ("ok", "")
    assert all(each["float64"] and not each["random"] for each in record["sets"])
    reference = tensors(root, "reference")
    for of_set in ("random-0", "random-1", "zeros"):
        ours, exact = (reference[f"{of_set}/{kind}/0"] for kind in ("eager", "float64"))
        assert exact.dtype == torch.float64
        assert of_set == "zeros" or not torch.equal(exact.float().double(), exact)
        assert torch.allclose(ours.double(), exact, rtol=1e-5, atol=1e-6)


def test_what_a_branch_computes_is_among_the_values_to_compare_with(root: Path) -> None:
    given = {"factory": f"{ZOO}/condition.py:Condition", "inputs": [X]}
    run_define(root, given)
    spec = Specs(settings(root, given)).job("locate", model="m")
    trace = eager.trace(spec, root / "results/define/m", ["random-0"], double=True)
    operators = {name.split()[1] for name in trace.values}
    assert operators & {"aten.sin", "aten.cos"}
    assert trace.exact.keys() == trace.values.keys()


def test_a_run_in_float64_that_ends_the_process_costs_the_truth_alone(root: Path) -> None:
    record = run_define(root, model("DiesInDouble"), input_sets=["random-0", "zeros"])
    assert record["outcome"] == "ok" and tensors(root, "reference").keys() == {
        "random-0/eager/0",
        "zeros/eager/0",
    }
    reason = "float64 run: crashed: process ended itself with status 3"
    assert [(each["float64"], each["why_not"]) for each in record["sets"]] == [(False, reason)] * 2


def test_a_failure_of_ours_is_not_the_models(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a defect of ours")

    with monkeypatch.context() as patched:
        patched.setattr(runs, "_eager", broken)
        record = run_define(root, model("Net"))
    assert record["outcome"] == "internal-error"
    assert "runs without opset-atlas" in record["detail"] and "a defect of ours" in record["detail"]
    assert "ZeroDivisionError" in record["traceback"]
    (cell,) = run_export(root, model("Net"), "torchscript")["cells"]
    assert (cell["outcome"], cell["detail"]) == ("internal-error", record["detail"])
    # The control: what also raises on its own is the model's fault.
    assert run_define(root, model("Opaque"))["outcome"] == "failed"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (
            model("Opaque", inputs="models.py:Pair"),
            "of Pair, which holds tensors; tell torch how, with torch.utils._pytree.register_",
        ),
        (model("Complex"), "opset-atlas cannot handle complex64 outputs (number 0); torch.view_as"),
        (model("Quantized"), "opset-atlas cannot handle quint8 outputs"),
        (model("Sparse"), "opset-atlas cannot handle sparse_coo outputs"),
        (model("Nothing"), "opset-atlas cannot compare a model that returns no tensor"),
    ],
)
def test_a_limit_of_ours_is_called_that(root: Path, given: dict[str, Any], what: str) -> None:
    record = run_define(root, given)
    assert record["outcome"] == "unsupported" and what in record["detail"]
    (cell,) = run_export(root, given, "torchscript")["cells"]
    assert (cell["outcome"], cell["detail"]) == ("unsupported", record["detail"])


def test_a_scalar_input_of_large_values_is_a_tensor() -> None:
    item = {"name": "x", "shape": []}
    for name in ("random-0", "large", "zeros"):
        (tensor,) = make_inputs({"inputs": [item], "seed": 0}, name)
        assert tensor.shape == ()


@pytest.mark.parametrize(("name", "what"), [("PartlyRandom", "values"), ("SampledLength", "shape")])
def test_a_random_output_is_called_random_and_the_others_are_judged(
    root: Path, name: str, what: str
) -> None:
    given = model(name, outputs=["fixed", "drawn"])
    record = run_define(root, given)
    assert record["sets"][0]["random"] == {"drawn": what}
    exported = run_export(root, given, "torchscript")
    judged = judged_cells(root)
    for cell in judged:
        assert cell["verdict"] == "random", cell
        assert [output["verdict"] for output in cell["outputs"]] == ["exact", "random"]
        assert "drawn" in cell["detail"] and "from run to run" in cell["detail"]
    advice = recommend(record, rows(exported), judged)
    assert advice["use_opset"] is None and "`drawn`" in advice["why"]


def test_what_was_in_training_mode_is_named(root: Path) -> None:
    record = run_define(root, model("Parts"))
    names = ["norm (BatchNorm1d)", "drop (Dropout)", "rnn (LSTM)", "own (Own)"]
    assert record["set_to_eval"] == names
    assert run_define(root, model("Net"))["set_to_eval"] == []


def test_a_mixture_of_experts_has_a_truth(root: Path) -> None:
    given = model("Experts", inputs=[{"name": "x", "shape": [4, 16]}])
    record = run_define(root, given)
    assert record["sets"][0]["float64"], record["sets"]
    weight, x = tensors(root, "weights")["weight"].double(), tensors(root, "inputs")["random-0/0"]
    exact = torch.cat([x[:1].double() @ weight[0], x[1:].double() @ weight[1]])
    assert torch.allclose(tensors(root, "reference")["random-0/float64/0"], exact, rtol=1e-14)


def test_a_model_in_float64_is_right_and_recommended(root: Path) -> None:
    given = model("Double", dtype="float64")
    record = run_define(root, given)
    exported = run_export(root, given, "torchscript")
    judged = judged_cells(root)
    assert {cell["verdict"] for cell in judged} <= {"exact", "no-noise-floor"}
    advice = recommend(record, rows(exported), judged)
    assert advice["use_opset"] == 13 and advice["why"].startswith("right in every runtime")


@pytest.mark.parametrize("name", ["rows", "rows_of"])
def test_inputs_of_a_callable_at_other_sizes(root: Path, name: str) -> None:
    given = model("Both", inputs=f"models.py:{name}")
    given["dynamic_shapes"] = {"input": {1: "length"}, "input_1": {0: "length"}}
    record = run_define(root, given)
    sets = [each["name"] for each in record["sets"]]
    assert sets == ["random-0", "random-0@length=9", "random-0@length=1"]
    inputs = tensors(root, "inputs")
    base, larger, smaller = ([inputs[f"{of_set}/{i}"] for i in (0, 1)] for of_set in sets)
    if name == "rows":  # repeated, and cut
        assert torch.equal(larger[0], torch.cat([base[0], base[0], base[0][:, :1]], dim=1))
        assert torch.equal(smaller[1], base[1][:1])
    else:  # as the callable makes them
        assert larger[0].eq(9).all() and torch.equal(larger[1], torch.arange(9.0))
    wrong = {**given, "dynamic_shapes": {"x": {0: "n"}}}
    refused = run_define(root, wrong)
    assert refused["outcome"] == "failed"
    assert "no input x; there are: input, input_1" in refused["detail"]


TWICE = """
import torch
from pathlib import Path
from torch import nn
import neighbor

with Path("count").open("a") as stream:
    stream.write("x")
library = torch.library.Library("atlas_twice", "DEF")
library.define("twice(Tensor x) -> Tensor")
library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")


class Net(nn.Module):
    def forward(self, x):
        return torch.ops.atlas_twice.twice(x)


def inputs(seed):
    assert neighbor.own() is Net
    return torch.ones(2)
"""


def test_a_file_is_executed_once_whatever_names_it(root: Path) -> None:
    (root / "twice.py").write_text(TWICE)
    (root / "neighbor.py").write_text("def own():\n    from twice import Net\n    return Net\n")
    record = run_define(root, {"factory": "twice.py:Net", "inputs": "twice.py:inputs"})
    assert record["outcome"] == "ok", record["detail"]
    assert (root / "count").read_text() == "x"


NET = """
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return x * {factor}
"""


def test_files_of_one_name_in_two_folders_are_two_modules(root: Path) -> None:
    for folder, factor in (("a", 2), ("b", 3)):
        (root / folder).mkdir()
        (root / folder / "net.py").write_text(NET.format(factor=factor))
    one, other = (build({"factory": f"{f}/net.py:Net", "seed": 0}) for f in ("a", "b"))
    assert "x * 2" in inspect.getsource(type(one)) and "x * 3" in inspect.getsource(type(other))
    x = torch.ones(2)
    for module in (one, other):
        assert torch.equal(pickle.loads(pickle.dumps(module))(x), module(x))
        program = torch.export.export(module, (x,))
        assert torch.equal(program.module()(x), module(x))


def test_a_model_of_mixed_precision_is_judged_by_what_it_computes_in(root: Path) -> None:
    record = run_define(root, model("HalfInside"))
    assert (record["outputs"][0]["dtype"], record["least_precise"]) == ("float32", "float16")
    run_export(root, model("HalfInside"), "torchscript")
    for cell in judged_cells(root):
        assert cell["verdict"] in {"exact", "no-noise-floor"}, cell["detail"]
    assert run_define(root, model("Autocast"))["least_precise"] == "bfloat16"
    assert run_define(root, model("Net"))["least_precise"] == "float32"
