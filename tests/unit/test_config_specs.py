"""What a valid configuration becomes: settings, and for each stage exactly what it depends on."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from opset_atlas import plugins
from opset_atlas.config.schema import SCHEMA, document
from opset_atlas.config.settings import PACKAGE, ConfigError, Settings, load, resolve
from opset_atlas.config.specs import Specs, command
from opset_atlas.stages.judge import judge
from opset_atlas.tools.check_config import main
from snakemake.cli import parse_config
from snakemake.common.configfile import load_configfile

ROOT = PACKAGE.parents[1]
TORCH = (find_spec("torch").submodule_search_locations or [""])[0]  # type: ignore[union-attr]
EXPORTERS = ("torchscript", "dynamo", "converter")
PER_MODEL = ("define", "dump", "compare", "locate", "audit")
MINE = """
models:
  simple:
    factory: models.py:Net
    inputs: [{name: x, shape: [1, 3]}]
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE / "exporters", folder / "exporters")
    (folder / "runtimes").mkdir()
    (folder / "runtimes" / "onnxruntime.py").write_text('PACKAGES = ("onnxruntime",)\n')
    (folder / "runtimes" / "reference.py").write_text('PACKAGES: tuple[str, ...] = ("onnx",)\n')
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project with ünïcode")
    (folder / "models.py").write_text("class Net: ...\ndef inputs(seed): ...\n")
    (folder / "more.py").write_text("from models import *\n")
    (folder / "broken.py").write_text("class Net(:\n")
    (folder / "nested").mkdir()
    (folder / "nested" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "nested" / "deep.py").write_text("class Net: ...\n")
    for name in ("w.safetensors", "net.onnx"):
        (folder / name).write_bytes(b"content")
    (folder / "mine.yaml").write_text(MINE)
    return folder


@pytest.fixture(scope="module")
def config(project: Path) -> dict[str, Any]:
    """Every kind of model, with most keys set."""
    return {
        "models": {
            "simple": {
                "factory": "models.py:Net",
                "kwargs": {"b": 1, "a": [1, {"d": 2, "c": 3}]},
                "inputs": [
                    {"name": "x", "shape": [1, 3]},
                    {"name": "n", "shape": [], "dtype": "int8"},
                ],
                "outputs": ["y"],
                "dynamic_shapes": {"x": {0: "batch"}},
                "weights": "w.safetensors",
                "sources": ["more.py"],
                "description": "A sentence.",
            },
            "called": {
                "factory": "nested.deep:Net",
                "inputs": "models.py:inputs",
                "dtype": "float16",
            },
            "library": {"factory": "torch.nn:Linear", "inputs": [{"name": "x", "shape": [1]}]},
            "file": {"onnx": "net.onnx", "inputs": [{"name": "x", "shape": [2], "range": [0, 1]}]},
        },
        "opsets": [13, 11],
        "options": {"torchscript": {"verbose": True}},
        "runtimes": ["onnxruntime", "reference"],
    }


def specs(settings: Settings, model: str = "simple") -> dict[str, str]:
    """Every text that a job can depend on, for one model."""
    of = Specs(settings)
    found = {stage: of.text(stage, model=model) for stage in PER_MODEL}
    for exporter in EXPORTERS:
        found[f"export {exporter}"] = of.text("export", model=model, exporter=exporter)
    for runtime in ("onnxruntime", "reference"):
        found[f"parity {runtime}"] = of.text("parity", model=model, runtime=runtime)
    return found | {"judge": of.text("judge"), "report": of.text("report", command="snakemake")}


def changed(config: Mapping[str, Any], keys: str, value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(config))
    *above, last = keys.split("/")
    parent = copy
    for key in above:
        parent = parent.setdefault(key, {})
    parent[last] = value
    return copy


TORCH_EXPORTS = {"export torchscript", "export dynamo"}
EXPORTS = TORCH_EXPORTS | {"export converter"}
PARITY = {"parity onnxruntime", "parity reference"}
LAST = {"locate", "audit"}
BUILT = {"define", "locate"} | TORCH_EXPORTS
INPUTS = [{"name": "x", "shape": [1, 3]}, {"name": "n", "shape": [], "dtype": "int8"}]
# A change of the configuration, and the stages of the model `simple` that depend on it.
DEPENDS: list[tuple[str, Any, set[str]]] = [
    ("tolerances/noise_factor", 11, {"judge", "report"} | LAST),
    (
        "models/simple/tolerances",
        {"close": {"float32": {"rtol": 1e-3}}},
        {"judge", "report"} | LAST,
    ),
    ("models/simple/description", "Another.", {"report"}),
    ("opsets", [11, 13, 14], EXPORTS),
    ("models/simple/opsets", [11], EXPORTS),
    ("exporters", ["dynamo"], {"dump", "compare", "report"} | LAST),
    ("runtimes", ["reference"], {"report"} | LAST),
    ("input_sets", ["random-0"], {"define"}),
    ("options/torchscript/verbose", False, {"export torchscript"}),
    ("models/simple/options", {"dynamo": {"optimize": False}}, {"export dynamo"}),
    ("memoize", False, {"export dynamo", "export converter"} | PARITY),
    ("audit", True, {"report"}),
    ("converter/opset", 13, {"export converter"}),
    ("converter/exporter", "dynamo", {"export converter"}),
    ("limits/cell_seconds", 10, set()),
    ("models/simple/dynamic_shapes", None, {"define"} | TORCH_EXPORTS),
    ("models/simple/dynamic_sizes", {"batch": [4]}, {"define"}),
    ("models/simple/packages", ["numpy"], BUILT),
    ("models/simple/outputs", ["z"], {"define"} | TORCH_EXPORTS),
    ("models/simple/seed", 1, BUILT),
    ("models/simple/dtype", "float64", BUILT),
    ("models/simple/index_outputs", {"y": {}}, PARITY | {"audit"}),
    ("models/simple/kwargs/b", 2, BUILT),
    ("models/simple/factory", "more.py:Net", BUILT),
    ("models/simple/weights", None, {"define"}),
    ("models/simple/sources", [], {"define"}),
    ("models/simple/inputs", [{**INPUTS[0], "range": [0, 1]}, INPUTS[1]], {"define"}),
    ("models/simple/inputs", [{**INPUTS[0], "shape": [2, 3]}, INPUTS[1]], {"define"}),
    ("models/simple/inputs", [INPUTS[0], {**INPUTS[1], "name": "m"}], BUILT),
    ("models/simple/inputs", [INPUTS[0], {"keyword": "n", "value": 3}], BUILT),
    ("models/called/seed", 5, set()),
    ("models/called/description", "Of another model.", {"report"}),
    ("opsets", [11, 13], set()),
    ("limits/memory_mb", 4000, set()),
]


@pytest.mark.parametrize(("keys", "value", "stages"), DEPENDS)
def test_a_change_reaches_the_stages_that_depend_on_it_and_no_other(
    keys: str, value: Any, stages: set[str], config: dict[str, Any], project: Path, package: Path
) -> None:
    before = specs(resolve(config, project, package))
    after = specs(resolve(changed(config, keys, value), project, package))
    assert {stage for stage in before if before[stage] != after[stage]} == stages


def shuffled(value: Any, draw: Any) -> Any:
    """The same data with every mapping's keys in another order, in another type of mapping."""
    if isinstance(value, Mapping):
        keys = draw(st.permutations(list(value)))
        return OrderedDict((key, shuffled(value[key], draw)) for key in keys)
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_the_order_of_keys_changes_no_job(
    data: st.DataObject, config: dict[str, Any], project: Path, package: Path
) -> None:
    given_order = resolve(config, project, package)
    other_order = resolve(shuffled(config, data.draw), project, package)
    for model in config["models"]:
        before, after = specs(given_order, model), specs(other_order, model)
        # The report shows models in the order of the configuration.
        assert {**before, "report": ""} == {**after, "report": ""}


def test_specs_are_canonical_json_with_the_versions_of_their_packages(
    config: dict[str, Any], project: Path, package: Path
) -> None:
    settings = resolve(config, project, package)
    for text in specs(settings).values():
        assert text == json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
    packages = {
        name: set(json.loads(text).get("versions", {})) for name, text in specs(settings).items()
    }
    assert packages["define"] == {"torch", "numpy", "safetensors"}
    assert packages["export dynamo"] == {"torch", "onnx", "onnxscript", "onnx-ir", "numpy"}
    assert packages["export converter"] == packages["compare"] == {"onnx"}
    assert packages["parity reference"] == {"numpy", "onnx"}
    assert Specs(settings).define("simple")["versions"]["torch"] == version("torch")


def test_tolerances_and_rows_reach_the_last_stages(
    config: dict[str, Any], project: Path, package: Path
) -> None:
    own = changed(config, "models/called/tolerances", {"noise_factor": 99})
    settings = resolve(own, project, package)
    judged = Specs(settings).judge()
    assert judged["tolerances"]["noise_factor"] == 10
    assert list(judged["models"]) == ["called"]
    assert judged["models"]["called"] == {**judged["tolerances"], "noise_factor": 99}
    assert judge([], judged)["cells"] == []  # the stage takes it
    shown = Specs(settings).report("snakemake")
    assert shown["order"] == ["simple", "called", "library", "file"]
    assert shown["sweeps"]["file"] == ["converter"] and shown["sweeps"]["simple"] == [*EXPORTERS]
    assert shown["descriptions"]["simple"] == "A sentence."


def test_defaults_are_filled_in_and_the_top_level_is_inherited(
    project: Path, package: Path
) -> None:
    settings = resolve(load(project / "mine.yaml", root=project), project, package)
    assert settings.models["simple"].opsets == list(range(9, 21))
    assert settings.exporters_of("simple") == list(EXPORTERS)
    assert settings.limits == {"cell_seconds": 300, "memory_mb": 8000}
    overridden = changed(
        load(project / "mine.yaml", root=project), "models/simple/tolerances", {"noise_floor": 3}
    )
    overridden["tolerances"] = {"noise_factor": 20, "close": {"float32": {"atol": 1}}}
    tolerances = resolve(overridden, project, package).models["simple"].tolerances
    assert tolerances["noise_floor"] == 3 and tolerances["noise_factor"] == 20
    assert tolerances["close"]["float32"] == {"rtol": 1.3e-6, "atol": 1}
    assert tolerances["ill_conditioned"] == 4096


def test_models_know_their_files_inputs_and_versions(
    config: dict[str, Any], project: Path, package: Path
) -> None:
    models = resolve(config, project, package).models
    assert models["simple"].source_files() == ["models.py", "w.safetensors", "more.py"]
    assert models["called"].source_files() == ["nested/deep.py", "models.py"]
    assert models["library"].source_files() == [str(Path(TORCH) / "nn/__init__.py")]
    assert models["library"].distributions == {"torch": version("torch")}
    assert models["file"].source_files() == ["net.onnx"]
    assert models["file"].exporters == ["converter"]
    assert models["simple"].inputs == [
        {"name": "x", "shape": [1, 3], "dtype": "float32", "range": None, "values": None},
        {"name": "n", "shape": [], "dtype": "int8", "range": [0, 9], "values": None},
    ]
    assert models["simple"].dynamic_shapes == {"x": {"0": "batch"}}
    half = changed(config, "models/simple/dtype", "float16")
    assert resolve(half, project, package).models["simple"].inputs[0]["dtype"] == "float16"


@pytest.mark.parametrize(
    "factory", ["more.py:Net", "broken.py:Net", "models.py:Net.build", "math:pi"]
)
def test_what_only_running_the_code_can_tell_is_left_to_the_stages(
    factory: str, project: Path, package: Path
) -> None:
    config = {"models": {"m": {"factory": factory, "inputs": [{"name": "x", "shape": []}]}}}
    assert resolve(config, project, package).models["m"].factory == factory


def test_opsets_beyond_what_anything_knows_are_no_error(project: Path, package: Path) -> None:
    config = load(project / "mine.yaml", root=project) | {"opsets": [9999, 28]}
    assert resolve(config, project, package).models["simple"].opsets == [28, 9999]


def test_files_are_merged_and_the_command_line_of_snakemake_overrides(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("models: {a: {seed: 1}}\nopsets: [9, 10]\nlimits: {memory_mb: 1}\n")
    second.write_text("models: {b: {}}\nopsets: [11]\n")
    given = parse_config(
        ["opsets=[11, 13]", "limits={cell_seconds: 1e2}", "models={no: {seed: 2}}"]
    )
    assert given["opsets"] == ["11", "13"]  # Snakemake reads texts
    assert load([first, second]) == {
        "models": {"a": {"seed": 1}, "b": {}},
        "opsets": [11],
        "limits": {"memory_mb": 1},
    }
    assert load([first], given) == {
        "models": {"a": {"seed": 1}, "no": {"seed": 2}},
        "opsets": [11, 13],
        "limits": {"memory_mb": 1, "cell_seconds": 100.0},
    }


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["audit=true"],
        ["audit=True", "opsets=[11, 13]", "limits={cell_seconds: 1e2}"],
        ["models={'a b': {seed: 2, description: it's \"new\"; $(date)}}", "memoize="],
    ],
)
def test_the_command_in_the_report_holds_all_that_was_given(given: list[str]) -> None:
    parsed = parse_config(given)
    program, *arguments = shlex.split(command(["a b.yaml"], parsed))
    assert program == "snakemake" and arguments[:4] == ["--cores", "4", "--configfile", "a b.yaml"]
    assert (arguments[4:5] == ["--config"]) is bool(given)
    assert parse_config(arguments[5:]) == parsed


def test_a_configuration_read_by_snakemake_resolves_to_the_same(
    project: Path, package: Path
) -> None:
    path = project / "mine.json"
    path.write_text(json.dumps(load(project / "mine.yaml", root=project)))
    theirs = load_configfile(path)
    assert isinstance(theirs, OrderedDict)
    assert resolve(theirs, project, package) == resolve(load(path, root=project), project, package)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load([tmp_path / "gone.yaml", tmp_path])
    assert caught.value.problems[0] == f"{tmp_path / 'gone.yaml'}: no such file"
    assert "cannot be read" in caught.value.problems[1]


def test_the_command_line_checks_files(project: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
        command = [sys.executable, "-m", "opset_atlas", "check_config", *arguments]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    good = run("mine.yaml")
    assert (good.returncode, good.stdout) == (0, "ok: 1 models, 36 cells\n"), good.stderr
    (project / "bad.yaml").write_text(MINE + "opsetz: [1]\n")
    bad = run("bad.yaml")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == "config: opsetz: unknown key; did you mean 'opsets'?\n"
    printed = run("mine.yaml", "--print")
    assert printed.returncode == 0 and yaml.safe_load(printed.stdout)["opsets"][0] == 9
    assert run().returncode == 2


def test_checking_imports_neither_torch_nor_onnx_nor_the_models(project: Path) -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from opset_atlas.config import specs, settings as config; "
        "made = {'models': {'m': {'factory': 'torch.nn:Linear', 'inputs': 'nested.deep:Net'}}, "
        "'options': {'dynamo': {'optimize': True}}}; "
        "settings = config.resolve(made, Path.cwd()); "
        "assert settings.notices == [] and specs.Specs(settings).export('m', 'dynamo'); "
        "print(sorted({'torch', 'onnx', 'numpy', 'nested', 'models'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_written_out_settings_resolve_to_themselves(
    config: dict[str, Any], project: Path, package: Path
) -> None:
    settings = resolve(config, project, package)
    again = yaml.safe_load(yaml.safe_dump(settings.as_config()))
    assert resolve(again, project, package) == settings


# Where there is one of several, none of them has a default.
WITHOUT_DEFAULT = {
    "factory", "onnx",
    "name", "shape", "keyword", "value", "items",
    "choice", "padding_mask", "tokens", "boxes", "one_hot", "sorted", "positions",
    "lengths", "first", "last", "padding", "mask",
}  # fmt: skip


def test_every_key_of_the_schema_is_described_and_has_a_default_that_is_valid() -> None:
    loaded = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(loaded)
    parts, seen = [loaded, *loaded["$defs"].values()], 0
    while parts:
        part = parts.pop()
        for key, child in part.get("properties", {}).items():
            seen += 1
            parts.append(child)
            assert child["description"].endswith("."), key
            assert child.get("additionalProperties", False) is not True
            if "default" in child:
                whole = {**child, "$defs": loaded["$defs"]}
                jsonschema.Draft202012Validator(whole).validate(child["default"])
            else:
                assert key in part.get("required", []) or key in WITHOUT_DEFAULT, key
    assert seen > 40


def test_the_documentation_is_what_the_schema_says() -> None:
    text = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    generated = re.search(r"<!-- generated by .* -->\n\n(.*)\n\n<!-- end", text, re.DOTALL)
    assert generated and generated[1] == document(PACKAGE)
    for example in re.findall(r"```yaml\n(models:.*?)```", text, re.DOTALL):
        keys = {key for model in yaml.safe_load(example)["models"].values() for key in model}
        assert keys <= set(json.loads(SCHEMA.read_text())["$defs"]["model"]["properties"])


def test_plug_ins_are_the_modules_in_their_folders_and_hold_the_defaults(package: Path) -> None:
    properties = json.loads(SCHEMA.read_text())["properties"]
    assert set(properties["exporters"]["default"]) <= set(plugins.names("exporters"))
    assert set(properties["runtimes"]["default"]) <= set(plugins.names("runtimes"))
    assert plugins.names("exporters", package) == sorted([*EXPORTERS, "given_file"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name
)
def test_the_shipped_configurations_are_usable(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = main([str(path), "--root", str(ROOT)])
    said = capsys.readouterr().err
    if path.name == "gallery.yaml":  # its libraries are in an environment of its own
        said = "".join(line for line in said.splitlines() if "is installed or in the" not in line)
        assert not said
    else:
        assert done == 0, said


def test_defaults_reach_mappings_of_the_users_own_keys(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("class M: ...\n")
    model = {
        "factory": "m.py:M",
        "inputs": [{"name": "x", "shape": [1]}],
        "outputs": ["values", "indices"],
        "index_outputs": {"indices": {"values": "values"}},
    }
    settings = resolve({"models": {"a": model}}, tmp_path)
    assert settings.models["a"].index_outputs == {"indices": {"values": "values", "axis": -1}}
    parity = Specs(settings).parity("a", "onnxruntime")
    assert parity["index_outputs"]["indices"]["axis"] == -1


def test_index_outputs_name_outputs(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("class M: ...\n")
    model = {
        "factory": "m.py:M",
        "inputs": [{"name": "x", "shape": [1]}],
        "outputs": ["values"],
        "index_outputs": {"indexes": {}},
    }
    with pytest.raises(ConfigError, match='indexes: "indexes" is not one of this'):
        resolve({"models": {"a": model}}, tmp_path)
