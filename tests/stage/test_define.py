"""A model is frozen as it is, or its record gives torch's reason why it cannot be."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from builders.stage_files import X, run_define, settings
from opset_atlas.base.files import file_sha256
from opset_atlas.config import settings as config
from opset_atlas.config.settings import PACKAGE
from opset_atlas.config.specs import Specs
from opset_atlas.stages.define import define

MODELS = """
import faulthandler
import os
import sys
import time

import torch
from helper import SCALE
from torch import nn


class Fine(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.linear = nn.Linear(3, width)
        self.dropout = nn.Dropout(0.5)  # seen only where a module is left in training mode

    def forward(self, x):
        return self.dropout(self.linear(x)) * SCALE


class Windows(Fine):
    # A buffer that is a part of something larger, and one that is a part of another.
    def __init__(self):
        super().__init__()
        self.register_buffer("part", torch.hann_window(16))
        self.register_buffer("all", torch.arange(8.0))
        self.register_buffer("tied", self.all[:4])

    def forward(self, x):
        return super().forward(x) + self.part[3] + self.tied[:1]


class RaisesInInit(nn.Module):
    def __init__(self):
        raise LookupError("no such preset\\nsecond line")


class Exits(nn.Module):
    def __init__(self):
        sys.exit(3)


class ExitsHard(nn.Module):
    def __init__(self):
        os._exit(9)


class Segfaults(Fine):
    def forward(self, x):
        faulthandler.disable()  # pytest's, which would print a page
        os.kill(os.getpid(), 11)


class Hangs(Fine):
    def forward(self, x):
        time.sleep(60)


class Cancelled(Fine):
    def forward(self, x):
        raise GeneratorExit("not an Exception")


class Adds(Fine):
    def forward(self, x):
        return x + torch.ones(7)


class HardFloat(Fine):
    def forward(self, x):
        third = torch.tensor(1 / 3, dtype=torch.float32) + torch.zeros(3)
        return torch.exp(x.float() * third).softmax(-1, dtype=torch.float32).to(x.dtype)


class HardHalf(Fine):
    def forward(self, x):
        return torch.exp(x.half() * 3).to(x.dtype)


class DoubleFails(Fine):
    def forward(self, x):
        if x.dtype == torch.float64:
            raise RuntimeError("only float32 here")
        return x


class Noisy(Fine):
    def forward(self, x):
        return x + torch.rand(1)


class Mutates(Fine):
    def forward(self, x):
        x.mul_(2)
        self.linear.weight.add_(1)
        return self.linear(x)


class AlwaysTraining(Fine):
    def forward(self, x):
        self.train()
        return self.dropout(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Linear(3, 3, bias=False)
        self.head = nn.Linear(3, 3, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x):
        return self.head(self.words(x))


class Keyed(Fine):
    def forward(self, x):
        return {"twice": x * 2, "squared": x * x}


class Nested(Fine):
    def forward(self, x):
        return {"b": x, "a": [x + 1, (x.sum().to(torch.int64),)], "none": None}


def not_a_module():
    return 5


def inputs(seed):
    return {"x": torch.full((2, 3), float(seed))}


def inputs_by_generator():
    return torch.rand(2, 3)


def inputs_of_lists():
    return [[1.0, 2.0]]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with models in a file and in a package, as the working directory."""
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "helper.py").write_text("SCALE = 3\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "mine" / "nets.py").write_text("from models import Fine\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def model(name: str = "Fine", **more: Any) -> dict[str, Any]:
    return {"factory": f"models.py:{name}", "inputs": [X], **more}


def tensors(root: Path, name: str) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = safetensors.torch.load_file(
        root / f"results/define/m/{name}.safetensors"
    )
    return loaded


def test_what_is_frozen(root: Path) -> None:
    sets = ["random-0", "zeros", "large"]
    record = run_define(root, model(outputs=["y"]), input_sets=sets)
    assert (record["outcome"], record["detail"], record["traceback"]) == ("ok", "", "")
    assert record["parameters"] == 3 * 4 + 4
    assert record["inputs"] == [{"name": "x", "dtype": "float32", "shape": [2, 3]}]
    assert record["outputs"] == [{"name": "y", "dtype": "float32", "shape": [2, 4]}]
    assert [entry["name"] for entry in record["sets"]] == sets
    assert all(not entry["random"] and entry["float64"] for entry in record["sets"])
    weights, given, reference = (tensors(root, n) for n in ("weights", "inputs", "reference"))
    for name in sets:
        x, weight = given[f"{name}/0"], weights["linear.weight"]
        eager = torch.nn.functional.linear(x, weight, weights["linear.bias"]) * 3
        assert torch.equal(reference[f"{name}/eager/0"], eager)
        exact = x.double() @ weight.double().T + weights["linear.bias"].double()
        assert reference[f"{name}/float64/0"].dtype == torch.float64
        assert torch.allclose(reference[f"{name}/float64/0"], exact * 3, rtol=1e-14)
    for name in ("weights", "inputs", "reference"):
        path = root / f"results/define/m/{name}.safetensors"
        assert record[f"{name}_sha256"] == file_sha256(path)  # type: ignore[literal-required]


def test_buffers_that_are_parts_of_others_are_frozen(root: Path) -> None:
    record = run_define(root, model("Windows"))
    assert (record["outcome"], record["detail"]) == ("ok", "")
    frozen = tensors(root, "weights")
    assert torch.equal(frozen["part"], torch.hann_window(16))
    assert torch.equal(frozen["all"], torch.arange(8.0))


def test_the_files_that_took_part(root: Path) -> None:
    declared = model(sources=["notes.txt"])
    (root / "notes.txt").write_text("a file that the model reads")
    record = run_define(root, declared)
    expected = {name: file_sha256(root / name) for name in ("helper.py", "models.py", "notes.txt")}
    assert {source["path"]: source["sha256"] for source in record["sources"]} == expected


def test_the_files_that_took_part_where_the_run_has_another_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "elsewhere").mkdir()
    monkeypatch.chdir(root / "elsewhere")
    for model_file in ("../models.py", str(root / "models.py")):
        record = run_define(root / "elsewhere", {"factory": f"{model_file}:Fine", "inputs": [X]})
        beside = model_file.replace("models.py", "helper.py")
        assert {source["path"] for source in record["sources"]} == {model_file, beside}


def test_the_same_bytes_in_two_folders(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("another folder é")
    made = Specs(settings(root, model(), input_sets=["random-0", "random-1"]))
    spec = json.dumps(made.job("define", model="m"))
    made = []
    for folder, seed in ((root, "1"), (other, "2")):
        if folder is other:
            for name in ("models.py", "helper.py"):
                shutil.copy(root / name, folder / name)
        subprocess.run(
            [sys.executable, "-m", "opset_atlas.stages.define", "--spec", spec, "--output", "out"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONHASHSEED": seed},
            check=True,
        )
        made.append({path.name: path.read_bytes() for path in (folder / "out").iterdir()})
    assert json.loads(made[0]["record.json"])["outcome"] == "ok"
    assert made[0] == made[1]
    assert len(made[0]) == 4


def test_weights_of_two_names_are_said_to_be_one_tensor(root: Path) -> None:
    record = run_define(root, {**model(), "factory": "models.py:Tied"})
    assert record["outcome"] == "ok"
    assert record["detail"] == "words.weight and head.weight are one tensor"
    assert record["parameters"] == 9


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (
            ["squared", "twice"],
            "`outputs` gives names by position: the output returned as twice is named squared, "
            "the output returned as squared is named twice",
        ),
        (["twice", "squared"], ""),
        (["first", "second"], ""),
    ],
)
def test_an_output_that_gets_the_key_of_another_for_a_name(
    root: Path, outputs: list[str], said: str
) -> None:
    record = run_define(root, {**model(), "factory": "models.py:Keyed", "outputs": outputs})
    assert [each["name"] for each in record["outputs"]] == outputs
    assert record["detail"] == said


def test_training_mode_is_left(root: Path) -> None:
    run_define(root, model())
    x, weights = tensors(root, "inputs")["random-0/0"], tensors(root, "weights")
    eager = torch.nn.functional.linear(x, weights["linear.weight"], weights["linear.bias"]) * 3
    assert torch.equal(tensors(root, "reference")["random-0/eager/0"], eager)
    # The control: in training mode the same module drops elements, which is detected.
    assert run_define(root, model("AlwaysTraining"))["sets"][0]["random"] == {"output": "values"}


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("RaisesInInit", "LookupError: no such preset"),
        ("Missing", "has no attribute 'Missing'"),
        ("Exits", "SystemExit: 3"),
        ("ExitsHard", "crashed: process ended itself with status 9"),
        ("Segfaults", "crashed: process ended by SIGSEGV"),
        ("Hangs", "timeout: still running at its time limit; killed"),
        ("Cancelled", "GeneratorExit: not an Exception"),
        ("Adds", "RuntimeError: The size of tensor a (3) must match the size of tensor b (7)"),
        ("not_a_module", "models.py:not_a_module returned int, not a torch.nn.Module"),
    ],
)
def test_a_model_that_fails(root: Path, name: str, detail: str) -> None:
    given = model("Fine", weights=None)
    limits = {"cell_seconds": 3 if name == "Hangs" else 60}
    spec = Specs(settings(root, given, limits=limits)).job("define", model="m")
    spec["factory"] = f"models.py:{name}"  # a missing name never gets past the configuration
    record = define(spec, root / "out")
    assert record["outcome"] == "failed"
    assert detail in record["detail"]
    assert "\n" not in record["detail"] and str(root) not in json.dumps(record)
    assert record["sets"] == []
    if not record["detail"].startswith(("crashed", "timeout")):
        assert record["detail"].partition(":")[0] in record["traceback"]
    for file in ("weights", "inputs", "reference"):
        assert safetensors.torch.load_file(root / f"out/{file}.safetensors") == {}


def test_a_failed_model_leaves_nothing_of_an_earlier_run(root: Path) -> None:
    run_define(root, model())
    assert tensors(root, "weights")
    record = run_define(root, model("Adds"))
    assert record["outcome"] == "failed" and tensors(root, "weights") == {}


@pytest.mark.parametrize(
    ("name", "reason"),
    [("HardHalf", "computes in float16"), ("DoubleFails", "RuntimeError: only float32 here")],
)
def test_float64_that_is_no_truth(root: Path, name: str, reason: str) -> None:
    record = run_define(root, model(name))
    assert record["outcome"] == "ok"
    (entry,) = record["sets"]
    assert not entry["random"] and not entry["float64"] and reason in entry["why_not"]
    assert tensors(root, "reference").keys() == {"random-0/eager/0"}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_steps_that_are_held_in_float32_are_no_less_exact_in_float64(
    root: Path, dtype: str
) -> None:
    """As in transformers: normalizations and softmax in float32, whatever the model's type."""
    record = run_define(root, model("HardFloat", dtype=dtype))
    assert record["sets"][0]["float64"], record["sets"]
    (given,), reference = tensors(root, "inputs").values(), tensors(root, "reference")
    third = torch.tensor(1 / 3, dtype=torch.float32).double()
    exact = torch.exp(given.double() * third).softmax(-1)
    assert torch.allclose(reference["random-0/float64/0"], exact, rtol=1e-14)
    assert not torch.equal(reference["random-0/eager/0"].double(), exact)
    assert torch.get_default_dtype() == torch.float32


def test_a_package_that_is_not_installed_is_named(root: Path) -> None:
    made = settings(root, model(packages=["no-such-package", "numpy"]))
    assert made.notices == ["no-such-package is not installed: 1 models will not be available"]
    record = run_define(root, model(packages=["no-such-package", "numpy"]))
    assert record["outcome"] == "failed"
    assert record["detail"] == "not installed: no-such-package"
    assert "no-such-package" not in record["versions"]


def test_another_version_of_a_package_makes_another_model(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = model(packages=["numpy"])
    before = settings(root, given)
    monkeypatch.setattr(config, "version", lambda name: "0.0" if name == "numpy" else None)
    after = settings(root, given)
    assert Specs(before).text("define", model="m") != Specs(after).text("define", model="m")
    exported = Specs(after).job("export", model="m", exporter="dynamo")
    assert exported["distributions"] == {"numpy": "0.0"}


def test_a_forward_pass_that_differs_each_time(root: Path) -> None:
    record = run_define(root, model("Noisy"))
    assert record["outcome"] == "ok" and record["sets"][0]["random"] == {"output": "values"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_forward_pass_that_changes_its_module_and_its_input(root: Path, dtype: str) -> None:
    record = run_define(root, model("Mutates", dtype=dtype), input_sets=["random-0", "random-1"])
    assert all(not entry["random"] and entry["float64"] for entry in record["sets"])
    weights, given, reference = (tensors(root, n) for n in ("weights", "inputs", "reference"))
    weight = weights["linear.weight"] + 1
    for name in ("random-0", "random-1"):
        expected = torch.nn.functional.linear(
            given[f"{name}/0"] * 2, weight, weights["linear.bias"]
        )
        assert torch.equal(reference[f"{name}/eager/0"], expected)
        exact = reference[f"{name}/float64/0"]
        assert torch.allclose(exact, expected.double(), atol=1e-5)


def test_outputs_of_any_nesting_in_the_order_of_torch(root: Path) -> None:
    record = run_define(root, model("Nested", outputs=["first"]))
    assert [(o["name"], o["dtype"], o["shape"]) for o in record["outputs"]] == [
        ("first", "float32", [2, 3]),
        ("output_1", "float32", [2, 3]),
        ("output_2", "int64", []),
    ]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_other_dtypes(root: Path, dtype: str) -> None:
    record = run_define(root, model(dtype=dtype))
    assert [o["dtype"] for o in record["inputs"] + record["outputs"]] == [dtype, dtype]
    assert record["sets"][0]["float64"], record["sets"]
    assert str(tensors(root, "weights")["linear.weight"].dtype) == f"torch.{dtype}"
    reference = tensors(root, "reference")
    assert str(reference["random-0/eager/0"].dtype) == f"torch.{dtype}"
    assert not torch.equal(reference["random-0/eager/0"].double(), reference["random-0/float64/0"])


def test_the_seed_decides_weights_and_inputs(root: Path) -> None:
    records = [run_define(root, model(seed=seed)) for seed in (1, 1, 2)]
    hashes = [(record["weights_sha256"], record["inputs_sha256"]) for record in records]
    assert hashes[0] == hashes[1]
    assert hashes[0][0] != hashes[2][0] and hashes[0][1] != hashes[2][1]


def test_keyword_arguments_reach_the_factory(root: Path) -> None:
    assert run_define(root, model(kwargs={"width": 6}))["outputs"][0]["shape"] == [2, 6]


def test_a_callable_of_a_package(root: Path) -> None:
    record = run_define(root, {"factory": "mine.nets:Fine", "inputs": [X]})
    assert record["outcome"] == "ok", record["detail"]
    assert {source["path"] for source in record["sources"]} >= {"mine/nets.py", "helper.py"}


def test_inputs_from_a_callable(root: Path) -> None:
    given = model()
    given["inputs"] = "models.py:inputs"
    record = run_define(root, given, input_sets=["random-0", "random-1", "zeros"])
    assert [entry["name"] for entry in record["sets"]] == ["random-0", "random-1"]
    assert record["inputs"] == [{"name": "x", "dtype": "float32", "shape": [2, 3]}]
    assert tensors(root, "inputs")["random-1/0"].eq(1).all()
    given["inputs"] = "models.py:inputs_by_generator"
    assert run_define(root, given)["inputs_sha256"] == run_define(root, given)["inputs_sha256"]
    given["inputs"] = "models.py:inputs_of_lists"
    failed = run_define(root, given)
    assert failed["detail"] == (
        "inputs: models.py:inputs_of_lists must return a tensor, or something that holds tensors"
    )


def own_weights() -> dict[str, torch.Tensor]:
    return {"linear.weight": torch.arange(12.0).reshape(4, 3), "linear.bias": torch.zeros(4)}


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_weights_of_the_user(root: Path, name: str) -> None:
    if name.endswith(".pt"):
        torch.save(own_weights(), root / name)
    else:
        safetensors.torch.save_file(own_weights(), root / name)
    record = run_define(root, model(weights=name))
    assert record["outcome"] == "ok", record["detail"]
    assert torch.equal(tensors(root, "weights")["linear.weight"], own_weights()["linear.weight"])
    assert name in {source["path"] for source in record["sources"]}


class Payload:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("pwned",)


def test_a_malicious_pickle_is_refused(root: Path) -> None:
    torch.save({"linear.weight": Payload()}, root / "w.pt")
    record = run_define(root, model(weights="w.pt"))
    assert record["outcome"] == "failed" and "weights_only" in record["traceback"]
    assert not (root / "pwned").exists()
    with pytest.raises(AttributeError):  # the control: loaded unsafely, the file runs its code
        torch.load(root / "w.pt", weights_only=False)["linear.weight"].shape  # noqa: B018
    assert (root / "pwned").exists()


@pytest.mark.parametrize("fault", ["shape", "names", "truncated", "plain pickle"])
def test_weights_that_do_not_fit(root: Path, fault: str) -> None:
    path = root / ("w.pt" if fault == "plain pickle" else "w.safetensors")
    weights, reason = own_weights(), "SafetensorError"
    if fault == "shape":
        weights["linear.weight"], reason = torch.zeros(3, 3), "size mismatch for linear.weight"
    if fault == "names":
        weights["extra"], reason = torch.zeros(1), 'Unexpected key(s) in state_dict: "extra"'
    safetensors.torch.save_file(weights, path)
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:-8])
    if fault == "plain pickle":
        path.write_bytes(pickle.dumps(Payload()))
        reason = "Weights only load failed"
    record = run_define(root, model(weights=path.name))
    assert record["outcome"] == "failed"
    assert reason in record["detail"] + record["traceback"]
    assert not (root / "pwned").exists()
