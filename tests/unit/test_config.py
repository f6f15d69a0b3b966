"""A wrong configuration starts nothing; the message says where, what, and what was expected."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from opset_atlas.config.references import callable_problem
from opset_atlas.config.settings import PACKAGE, ConfigError, load, resolve
from opset_atlas.exporters import _torch_options as torch_options
from safetensors.numpy import save_file

MODELS = '''
"""A model file that must not be executed by a check."""
import pathlib
pathlib.Path("executed").touch()
from collections import OrderedDict as Renamed

class Net:
    pass

if True:
    def build():
        return Net()

first, second = Net, Net
annotated: object = Net
'''


# Each defines `Net` while it is imported, in a way that its text does not show.
UNSEEN = (
    "for name in ['Net']:\n    globals()[name] = type(name, (), {})",
    "import sys\nsetattr(sys.modules[__name__], 'Net', object)",
    "import sys as system\nfrom sys import modules\nmodules[__name__].Net = object",
    "exec('class Net: pass')",
    "from models import *",
    "def __getattr__(name):\n    return object",
    "def helper(): pass\nhelper.__globals__['Net'] = object",
    "from registry import export_all\nexport_all(__name__)",
    "def make():\n    global Net\n    Net = object\nmake()",
    "match [object]:\n    case [Net]: pass",
    "if (Net := object): pass",
)
# What looks similar but defines no name of the module.
SEEN = (
    "import logging\nlog = logging.getLogger(__name__)",
    "class Other:\n    def __getattr__(self, name): return self.modules()",
    "def build(model):\n    return model.eval()",
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The real exporters and two runtimes, wherever the package's own may stand today."""
    folder = tmp_path / "package"
    shutil.copytree(PACKAGE / "exporters", folder / "exporters")
    (folder / "runtimes").mkdir()
    (folder / "runtimes" / "onnxruntime.py").write_text('PACKAGES = ("onnxruntime",)\n')
    (folder / "runtimes" / "reference.py").write_text('PACKAGES = ("onnx",)\n')
    (folder / "runtimes" / "_shared.py").write_text("")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models, weights and an ONNX file; the working directory."""
    folder = tmp_path / "project with ünïcode"
    (folder / "nested").mkdir(parents=True)
    (folder / "models.py").write_text(MODELS)
    (folder / "star.py").write_text("from models import *\n")
    (folder / "broken.py").write_text("class Net(:\n")
    (folder / "nested" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "nested" / "deep.py").write_text("class Net: ...\n")
    save_file({"w": np.ones(2, dtype=np.float32)}, folder / "w.safetensors")
    (folder / "pointer.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    onnx.save(onnx.helper.make_model(graph), folder / "net.onnx")
    monkeypatch.chdir(folder)
    return folder


def model(**changes: Any) -> dict[str, Any]:
    base = {"factory": "models.py:Net", "inputs": [{"name": "x", "shape": [2, 3]}]}
    return {**base, **changes}


def one(**changes: Any) -> dict[str, Any]:
    """A configuration with one model, `m`."""
    return {"models": {"m": model(**changes)}}


def problems_of(config: Any, root: Path, package: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        resolve(config, root, package)
    lines = str(caught.value).splitlines()
    assert lines == [f"config: {problem}" for problem in caught.value.problems]
    return lines


ID = "an id of 1 to 64 letters, digits"
BAD_IDS = [
    "../../pwn", "/etc/pwn", "a;touch X", "$(touch X)", "`id`", "a b", "a\nb", "a\n", "a\0", "{b}",
    "*", "-rf", "", "x" * 300, "..", ".hidden", "a..b", "a/b", "a\\b", "é", "a\u202eb", "a'b",
    'a"b',
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_IDS, ids=ascii)
def test_an_id_that_could_leave_its_folder_or_its_quotes_is_refused(
    name: str, project: Path, package: Path
) -> None:
    before = sorted(project.rglob("*"))
    (line,) = problems_of({"models": {name: model()}}, project, package)
    assert line.startswith('config: models["')
    assert ID in line
    assert line.isascii() and line.isprintable() and len(line) < 350
    assert sorted(project.rglob("*")) == before


def test_ids_that_differ_by_case_alone_are_refused(project: Path, package: Path) -> None:
    config = {"models": {"Net": model(), "net": model()}}
    (line,) = problems_of(config, project, package)
    reason = "some file systems are case-insensitive"
    assert line == f"config: models.net: differs from 'Net' only in case; {reason}"


OPSET = "expected a whole number from 1 to 2147483647"
SETS = "random-9999, zeros, ones or large"
# What is configured, and the messages that it gives: all of them, in order.
WRONG: dict[str, tuple[Any, list[str]]] = {
    "not a mapping": ([1], ["expected a mapping with 'models', got [1]"]),
    "no models": ({}, ["models: is missing; expected a mapping from at least one id to a model"]),
    "models empty": ({"models": {}}, ["models: expected a mapping from at least one id", "got {}"]),
    "models null": ({"models": None}, ["models: expected a mapping", "got null (nothing)"]),
    "models text": ({"models": "net"}, ["models: expected a mapping", 'got "net" (text)']),
    "models list": ({"models": []}, ["models: expected a mapping", "got []"]),
    "model null": ({"models": {"m": None}}, ["models.m: expected a mapping", "got null"]),
    "unknown key": (one() | {"opset": [9]}, ["opset: unknown key; did you mean 'opsets'?"]),
    "unknown model key": (one(opsetz=[9]), ["models.m.opsetz: unknown key", "'opsets'?"]),
    "unknown input key": (
        one(inputs=[{"name": "x", "shape": [1], "type": "bool"}]),
        ["models.m.inputs[0].type: unknown key; did you mean 'dtype'?"],
    ),
    "model key on top": (one() | {"kwargs": {}}, ["kwargs: unknown key; it belongs to a model"]),
    "top key in model": (
        one(runtimes=[]),
        ["models.m.runtimes: unknown key; it belongs at the top"],
    ),
    "boolean id": ({"models": {False: model()}}, ["models: the key false is bool", "in quotes"]),
    "float id": ({"models": {1.0: model()}}, ["models: the key 1.0 is float", "in quotes"]),
    "null id": ({"models": {None: model()}}, ["models: the key null is NoneType", "in quotes"]),
    "opset 0": (one() | {"opsets": [11, 0]}, [f"opsets[1]: {OPSET}, got 0"]),
    "opset -1": (one() | {"opsets": [-1]}, [f"opsets[0]: {OPSET}, got -1"]),
    "opset text": (one() | {"opsets": ["13"]}, [f'opsets[0]: {OPSET}, got "13" (text: remove the']),
    "opset 13.5": (one() | {"opsets": [13.5]}, [f"opsets[0]: {OPSET}, got 13.5 (a decimal"]),
    "opset 13.0": (one() | {"opsets": [13.0]}, [f"opsets[0]: {OPSET}, got 13.0 (a decimal"]),
    "opset true": (one() | {"opsets": [True]}, [f"opsets[0]: {OPSET}, got true (a boolean)"]),
    "opset null": (one() | {"opsets": [None]}, [f"opsets[0]: {OPSET}, got null (nothing)"]),
    "opset huge": (one() | {"opsets": [2**31]}, [f"opsets[0]: {OPSET}, got 2147483648"]),
    "opset alone": (
        one() | {"opsets": 13},
        ["opsets: expected a list of at least one opset, got 13"],
    ),
    "opsets empty": (one() | {"opsets": []}, ["opsets: expected a list of at least one", "got []"]),
    "opset twice": (one() | {"opsets": [9, 13, 9]}, ["opsets: 9 is listed twice"]),
    "opset of model": (one(opsets=[0]), [f"models.m.opsets[0]: {OPSET}, got 0"]),
    "exporter": (
        one() | {"exporters": ["torchscrip"]},
        ["exporters[0]: expected one of converter, dynamo, torchscript, got", "'torchscript'?"],
    ),
    "exporter of model": (one(exporters=["onnx"]), ["models.m.exporters[0]: expected one of conv"]),
    "hidden exporter": (one() | {"exporters": ["_torch"]}, ["exporters[0]: expected one of conv"]),
    "runtime": (
        one() | {"runtimes": ["onnx_runtime"]},
        ["runtimes[0]: expected one of onnxruntime, reference, got", "did you mean 'onnxruntime'?"],
    ),
    "base": (one() | {"converter": {"exporter": "converter"}}, ["converter.exporter: expected an"]),
    "base opset": (one() | {"converter": {"opset": 0}}, [f"converter.opset: {OPSET}, got 0"]),
    "input set": (one() | {"input_sets": ["random-01"]}, ["input_sets[0]: expected an", SETS]),
    "limit": (
        one() | {"limits": {"cell_seconds": 0}},
        ["limits.cell_seconds: expected a number from 1 to 1000000, got 0"],
    ),
    "endless time": (
        one() | {"limits": {"cell_seconds": 1e300}},
        ["limits.cell_seconds: expected a number from 1 to 1000000, got 1e+300"],
    ),
    "endless memory": (
        one() | {"limits": {"memory_mb": 10**20}},
        ["limits.memory_mb: expected a whole number from 2000 to 100000000, got 1000000000"],
    ),
    "limit below what the libraries take": (
        one() | {"limits": {"memory_mb": 1}},
        ["limits.memory_mb: expected a whole number from 2000 to 100000000, got 1"],
    ),
    "tolerance": (
        one(tolerances={"close": {"float32": {"rtol": "1e-5"}}}),
        ["models.m.tolerances.close.float32.rtol: expected a number of at least 0", "1.0e-5, not"],
    ),
    "dtype": (one(dtype="floot16"), ["models.m.dtype: expected one of float32,", "'float16'?"]),
    "input dtype": (
        one(inputs=[{"name": "x", "shape": [1], "dtype": "int46"}]),
        [
            "models.m.inputs[0].dtype: expected one of",
            "got \"int46\" (text); did you mean 'int64'?",
        ],
    ),
    "shape": (one(inputs=[{"name": "x", "shape": [-1]}]), ["inputs[0].shape[0]: expected a whole"]),
    "no shape": (one(inputs=[{"name": "x"}]), ["models.m.inputs[0].shape: is missing; expected a"]),
    "name twice": (
        one(inputs=[{"name": "x", "shape": []}, {"name": "x", "shape": []}]),
        ['models.m.inputs[1].name: "x" is also the name of another input'],
    ),
    "name of output": (
        one(outputs=["x"]),
        ['models.m.inputs[0].name: "x" is also the name of an output'],
    ),
    "range order": (
        one(inputs=[{"name": "x", "shape": [], "range": [1, 0]}]),
        ["models.m.inputs[0].range: expected [low, high] with low not above high, got [1, 0]"],
    ),
    "range of uint8": (
        one(inputs=[{"name": "x", "shape": [], "dtype": "uint8", "range": [0, 256]}]),
        ["models.m.inputs[0].range: expected whole numbers from 0 to 255 for uint8, got [0, 256]"],
    ),
    "range of bool": (
        one(inputs=[{"name": "x", "shape": [], "dtype": "bool", "range": [0, 1]}]),
        ["models.m.inputs[0].range: a bool input takes no range, got [0, 1]"],
    ),
    "no inputs": (
        {"models": {"m": {"factory": "models.py:Net"}}},
        ["models.m.inputs: is missing; a factory needs a list of inputs, or a callable"],
    ),
    "inputs of another kind": (one(inputs=3), ["models.m.inputs: expected a list of", "got 3"]),
    "seed": (one(seed=-1), ["models.m.seed: expected a whole number from 0 to 4294967295, got -1"]),
    "not finite": (one(kwargs={"a": [float("nan")]}), ["models.m.kwargs.a[0]: expected a finite"]),
    "not data": (one(kwargs={"a": {1, 2}}), ["models.m.kwargs.a: expected plain data, got set"]),
    "half a surrogate": (one(description="\ud800"), ["models.m.description: expected text, got"]),
    "dynamic input": (
        one(dynamic_shapes={"y": {"0": "n"}}),
        ["models.m.dynamic_shapes.y: no such input; expected one of x"],
    ),
    "dynamic axis": (
        one(dynamic_shapes={"x": {2: "n"}}),
        ["an axis below 2, the rank of 'x', got 2"],
    ),
    "two sizes of one name": (
        one(dynamic_shapes={"x": {0: "n", 1: "n"}}),
        ['models.m.dynamic_shapes.x.1: "n" is 3 here and 2 above; a name has one size'],
    ),
    "a size of no dimension": (
        one(dynamic_shapes={"x": {0: "batch"}}, dynamic_sizes={"bach": [2]}),
        ["models.m.dynamic_sizes.bach: no dimension of", "did you mean 'batch'?"],
    ),
    "sizes that are none": (
        one(dynamic_shapes={"x": {0: "batch"}}, dynamic_sizes={"batch": [-1]}),
        ["models.m.dynamic_sizes.batch[0]: expected a whole number from 0 to 2147483647, got -1"],
    ),
    "sizes of a callable": (
        one(inputs="models.py:Net", dynamic_sizes={"batch": [1]}),
        ["models.m.dynamic_sizes.batch: no dimension of `dynamic_shapes` has this name"],
    ),
    "neither": (
        {"models": {"m": {}}},
        ["models.m: expected 'factory' or 'onnx', or both, got neither"],
    ),
    "a file beside the factory that says no opset": (
        one(onnx="models.py"),
        ['models.m.onnx: is no ONNX file with an opset of the default domain: "models.py"'],
    ),
    "what delivers that file, chosen": (
        one(exporters=["given_file"]),
        ['models.m.exporters[0]: expected one of converter, dynamo, torchscript, got "given_file"'],
    ),
    "no colon": (
        one(factory="models.py"),
        ["models.m.factory: expected 'path/to/file.py:callable'"],
    ),
    "NUL in a path": (one(factory="a\0.py:Net"), ["models.m.factory: expected 'path/to/file.py:"]),
    "no such file": (one(factory="gone.py:Net"), ['models.m.factory: no such file: "gone.py"']),
    "a folder": (
        one(sources=["nested"]),
        ['models.m.sources[0]: expected a file, got a folder: "nes'],
    ),
    "no such class": (
        one(factory="models.py:Nets"),
        ["models.m.factory: \"models.py\" defines no 'Nets'; did you mean 'Net'?"],
    ),
    "no such function": (one(inputs="models.py:make"), ['models.m.inputs: "models.py" defines no']),
    "no such module": (one(factory="nosuch.mod:Net"), ["models.m.factory: no module 'nosuch' is"]),
    "not a name": (
        one(factory="models.py:Net()"),
        ['models.m.factory: "Net()" is not the name of a'],
    ),
    "lfs": (
        one(weights="pointer.pt"),
        ['models.m.weights: "pointer.pt" is a git-lfs pointer', "pull"],
    ),
    "pickle": (one(weights="models.py"), ["models.m.weights: expected a file that ends in .safet"]),
    "no weights": (one(weights="w.pt"), ['models.m.weights: no such weights file: "w.pt"']),
    "no onnx": (
        {"models": {"m": {"onnx": "no.onnx"}}},
        ['models.m.onnx: no such ONNX file: "no.on'],
    ),
    "onnx with kwargs": (
        {"models": {"m": {"onnx": "net.onnx", "kwargs": {}}}},
        ["models.m.kwargs: does not apply to a model that is an ONNX file; remove it"],
    ),
    "onnx and dynamo": (
        {"models": {"m": {"onnx": "net.onnx", "exporters": ["dynamo"]}}},
        ["models.m.exporters[0]: dynamo exports modules; expected one that converts ONNX files"],
    ),
    "callable without random": (
        one(inputs="models.py:build") | {"input_sets": ["ones"]},
        ["models.m.inputs: a callable makes random input sets only"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_what_was_expected(
    case: str, project: Path, package: Path
) -> None:
    config, fragments = WRONG[case]
    (line,) = problems_of(config, project, package)
    assert all(fragment in line for fragment in fragments), line
    assert not (project / "executed").exists()


OPTIONS = {
    "strip_doc_string": "no longer has this option of torch.onnx.export",
    "enable_onnx_checker": "no longer has this option of torch.onnx.export",
    "use_external_data_format": "no longer has this option of torch.onnx.export",
    "dynamic_axes_input_output": "torch has never had this option; use models.<id>.dynamic_shapes",
    "dynamic_axes": "the workflow sets it; use models.<id>.dynamic_shapes",
    "opset_version": "the workflow sets it; use opsets",
    "dynamo": "the workflow sets it; choose with exporters",
    "input_names": "the workflow sets it; use models.<id>.inputs with name",
    "keep_initializer_as_inputs": "has no such option; did you mean 'keep_initializers_as_inputs'?",
    "optimize": "ignores it with dynamo=False",
    "do_constant_folding": "expected true or false, got 'no'",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_export_option_that_this_torch_does_not_take_is_refused(
    option: str, project: Path, package: Path
) -> None:
    config = one() | {"options": {"torchscript": {option: "no"}}}
    (line,) = problems_of(config, project, package)
    assert line.startswith(f"config: options.torchscript.{option}: ") and OPTIONS[option] in line
    (line,) = problems_of(one(options=config["options"]), project, package)
    assert line.startswith(f"config: models.m.options.torchscript.{option}: ")


def test_without_torch_options_are_accepted_with_a_notice(
    project: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_options, "installed_signature", lambda: None)
    settings = resolve(one(options={"dynamo": {"anything": 1}}), project, package)
    assert settings.notices == [
        "options: not checked: found no torch.onnx.export (is torch installed?)"
    ]
    assert "opset_version" in problems_of(
        one(options={"dynamo": {"opset_version": 1}}), project, package
    )[0]  # fmt: skip


def test_all_problems_are_reported_at_once(project: Path, package: Path) -> None:
    config = {
        "models": {"a;b": model(), "m": model(opsetz=[1], factory="models.py:No"), "n": None},
        "opsets": ["13", 0],
        "options": {"torchscript": {"strip_doc_string": True}, "dynam": {}},
        "limits": {"memory_mb": 0.5},
    }
    keys = [line.split(": ")[1] for line in problems_of(config, project, package)]
    assert keys == [
        "limits.memory_mb", 'models["a;b"]', "models.m.opsetz", "models.n", "opsets[0]",
        "opsets[1]", "options.dynam", "options.torchscript.strip_doc_string", "models.m.factory",
    ]  # fmt: skip


YAML = {
    "a: [1\nb: 2\n": ":2:2: not valid YAML: ",
    "models:\n\tm: 1\n": ":2:1: not valid YAML: ",
    "models: {m: 1, m: 2}\n": ":1:16: duplicate key 'm', first in line 1",
    "models: 1\nopsets: [9]\nmodels: 2\n": ":3:1: duplicate key 'models', first in line 1",
    "models:\n  no: {}\n": ':2:3: YAML reads the key no as a boolean; write it in quotes: "no"',
    "models:\n  1.0: {}\n": ':2:3: YAML reads the key 1.0 as a number; write it in quotes: "1.0"',
    "models:\n  13: {}\n": ":2:3: YAML reads the key 13 as a whole number",
    "models:\n  ~: {}\n": ":2:3: YAML reads the key ~ as nothing",
    "models:\n  ? [a]\n  : 1\n": ":2:5: a key must be text, got a list or mapping",
    "models: &a {m: *a}\n": ":1:9: the alias contains itself",
    "models: !!python/object:os.system {}\n": ":1:9: not valid YAML: could not determine",
    "a: 1\n---\nb: 2\n": ":2:1: not valid YAML: expected a single document",
    "- models\n": ": expected a mapping with 'models' at the top level, got a list",
    "models\n": ": expected a mapping with 'models' at the top level, got text",
    "# nothing\n": ": the file is empty",
    "": ": the file is empty",
    "a: \x07\n": ":1:4: not valid YAML: ",
}


@pytest.mark.parametrize("text", YAML, ids=ascii)
def test_a_file_that_yaml_would_misread_is_refused_with_its_place(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(f"config: {path}{YAML[text]}")


@pytest.mark.parametrize("text", UNSEEN)
def test_a_name_that_a_file_makes_while_it_is_imported_is_left_to_the_stage(
    project: Path, text: str
) -> None:
    (project / "made.py").write_text(text + "\n")
    assert callable_problem("made.py:Net", project) == ""


@pytest.mark.parametrize("text", SEEN)
def test_a_name_that_a_file_cannot_define_is_refused(project: Path, text: str) -> None:
    (project / "made.py").write_text(text + "\n")
    assert "defines no 'Net'" in callable_problem("made.py:Net", project)
