"""The built-in models: listed, documented, reproducible, and built so that an error shows."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
import yaml
from opset_atlas.models import module

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "workflow/zoo").glob("*.py"))
CONFIGS = {
    name: yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
    for name in ("config", "zoo")
}
# It stands for a mistake that users make: torch itself refuses to run it.
FAILS = "simple_model_as_written"
MODELS = {
    name: {"seed": 0, **spec}
    for config in CONFIGS.values()
    for name, spec in config["models"].items()
}
RUNNING = sorted(set(MODELS) - {FAILS})


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Factories are given by paths from the project's root; one thread, as in the stages."""
    monkeypatch.chdir(ROOT)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_file_is_in_the_full_configuration_and_every_entry_has_its_file() -> None:
    expected = {f"workflow/zoo/{path.name}:{_class_name(path)}" for path in FILES}
    assert {spec["factory"] for spec in CONFIGS["zoo"]["models"].values()} == expected
    assert {spec["factory"] for spec in CONFIGS["config"]["models"].values()} <= expected


def test_an_id_is_the_name_of_its_file() -> None:
    ids = {name: Path(spec["factory"].partition(":")[0]).stem for name, spec in MODELS.items()}
    assert ids == {**{name: name for name in ids}, FAILS: "simple_model"}


def test_both_configurations_mean_the_same_by_a_model() -> None:
    zoo = CONFIGS["zoo"]["models"]
    for name, spec in CONFIGS["config"]["models"].items():
        assert {key: value for key, value in spec.items() if key != "description"} == zoo[name]


@pytest.mark.parametrize("name", CONFIGS)
def test_configuration_fits_the_schema(name: str) -> None:
    schema = json.loads(
        (ROOT / "workflow/opset_atlas/schemas/config.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(CONFIGS[name], schema)


def test_every_model_of_the_default_run_says_what_it_shows() -> None:
    for name, spec in CONFIGS["config"]["models"].items():
        assert spec.get("description", "").strip(), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_defines_one_module_named_and_explained(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    modules = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and "nn.Module" in map(ast.unparse, node.bases)
    ]
    assert modules == [_class_name(path)]
    assert _imported_packages(tree) <= {"collections", "torch", "typing"}


@pytest.mark.parametrize("name", RUNNING)
def test_seed_decides_every_parameter(name: str) -> None:
    first, second = (module.build(MODELS[name]).state_dict() for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", RUNNING)
def test_no_parameter_or_statistic_hides_a_fault_by_being_constant(name: str) -> None:
    for key, value in module.build(MODELS[name]).state_dict().items():
        if value.numel() > 1:
            assert value.unique().numel() > 1, key


@pytest.mark.parametrize("name", RUNNING)
def test_runs_to_finite_outputs_that_depend_on_the_inputs(name: str) -> None:
    spec = MODELS[name]
    runs = [_run(spec, input_set) for input_set in ("random-0", "random-1")]
    for output in runs[0] + runs[1]:
        assert output.isfinite().all()
    assert any(output.numel() > 1 and output.unique().numel() > 1 for output in runs[0])
    assert any(not torch.equal(*pair) for pair in zip(*runs, strict=True))
    if spec.get("outputs"):
        assert len(spec["outputs"]) == len(runs[0])


def test_one_model_does_not_run_and_why() -> None:
    """Any other `no-model` in a run of the zoo would be our fault."""
    reasons = {}
    for name, spec in MODELS.items():
        try:
            for input_set in ("random-0", "random-1", "zeros", "ones", "large"):
                _run(spec, input_set)
        except Exception as error:
            reasons[name] = str(error)
    assert list(reasons) == [FAILS]
    assert "must have the same number of spatial dimensions" in reasons[FAILS]


def _run(spec: dict[str, Any], input_set: str) -> list[torch.Tensor]:
    with torch.no_grad():
        result = module.build(spec)(*module.make_inputs(spec, input_set))
    if isinstance(result, torch.Tensor):
        return [result]
    return list(result.values() if isinstance(result, dict) else result)


def _class_name(path: Path) -> str:
    return "".join(word.capitalize() for word in path.stem.split("_"))


def _imported_packages(tree: ast.Module) -> set[str]:
    names = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    ]
    return {name.partition(".")[0] for name in names}
