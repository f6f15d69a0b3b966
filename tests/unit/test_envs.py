"""The environments agree: conda's files, the lock files, and the requirements."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from builders.project import need_transformers
from packaging.requirements import Requirement

ENVS = Path(__file__).parents[2] / "envs"
CONDA = sorted(ENVS.glob("*.yaml"))


def normal(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    lines = (ENVS / lock).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "one exact version a line"
    assert len({normal(name) for name, _ in pairs}) == len(pairs)
    return {normal(name): version for name, version in pairs}


def asked_for(file: str) -> dict[str, str]:
    """Package to the version that is asked for exactly, else ""."""
    found = {}
    for line in (ENVS / file).read_text(encoding="utf-8").splitlines():
        if line := line.partition("#")[0].strip():
            name, _, version = line.partition("==")
            found[normal(name.partition("[")[0].strip())] = version
    return found


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.stem)
def test_conda_files_pin_what_the_lock_pins(path: Path) -> None:
    dependencies = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    versions = {normal(name): version for name, version in (line.split("==") for line in pip)}
    lock = pins("main.lock")
    assert versions == {name: lock[name] for name in versions}


def test_there_is_a_conda_file_for_every_rule_that_names_one() -> None:
    rules = "".join(
        path.read_text(encoding="utf-8") for path in (ENVS.parent / "workflow/rules").glob("*.smk")
    )
    assert set(re.findall(r'"../../envs/(\w+)\.yaml"', rules)) == {path.stem for path in CONDA}


@pytest.mark.parametrize("name", ["main", "architectures", "dev", "bench"])
def test_what_is_asked_for_is_locked(name: str) -> None:
    locked = pins("main.lock") | pins(f"{name}.lock")
    for package, version in asked_for(f"{name}.in").items():
        assert package in locked, f"{package} of {name}.in is not in {name}.lock"
        assert version in ("", locked[package]), package


def test_the_gallery_differs_from_a_run_in_its_torch_alone() -> None:
    """Of what a run asks for: an environment of its own, whose lock is complete."""
    locked, main = pins("gallery.lock"), pins("main.lock")
    for package, version in asked_for("gallery.in").items():
        assert version in ("", locked[package]), package
    exact = {name for name, version in asked_for("main.in").items() if version}
    assert {name for name in exact if locked[name] != main[name]} == {"torch"}
    assert asked_for("main.in").keys() <= locked.keys()


def test_the_locks_do_not_contradict_each_other() -> None:
    main, more, dev = (pins(f"{name}.lock") for name in ("main", "architectures", "dev"))
    assert not main.keys() & (more.keys() | dev.keys() | pins("bench.lock").keys())
    assert all(version == dev.get(name, version) for name, version in more.items())


def test_the_architectures_change_nothing_that_the_default_run_uses() -> None:
    """What transformers needs is in its lock or the main one, at a version that it accepts."""
    need_transformers()
    locked = pins("main.lock") | pins("architectures.lock")
    waiting, seen = ["transformers"], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for need in map(Requirement, importlib.metadata.requires(name) or []):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert need.specifier.contains(locked[normal(need.name)], prereleases=True), need
                waiting.append(normal(need.name))
    assert pins("architectures.lock").keys() <= seen


def test_the_wheel_accepts_the_locked_versions() -> None:
    """And its extras ask for all that a clone installs, except what is for other uses."""
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    needs = [Requirement(line) for group in groups for line in group]
    locked = pins("main.lock")
    for need in needs:
        if need.name != project["name"]:
            assert need.specifier.contains(locked[normal(need.name)], prereleases=True), need
    others = {name for name in asked_for("main.in") if name.startswith("snakemake-executor")}
    wheel = {normal(need.name) for need in needs} - {project["name"]}
    assert wheel == asked_for("main.in").keys() - others - {"hatchling"}


def test_versions_with_known_flaws_are_excluded() -> None:
    """Path traversal and loading: onnx below 1.21, torch below 2.10."""
    lock = pins("main.lock")
    assert [int(part) for part in lock["onnx"].split(".")[:2]] >= [1, 21]
    assert [int(part) for part in lock["torch"].split(".")[:2]] >= [2, 10]


def test_these_tests_run_on_the_locked_versions() -> None:
    installed = {
        normal(found.metadata["Name"]): found.version.partition("+")[0]
        for found in importlib.metadata.distributions()
    }
    asked = {name: version for name, version in asked_for("main.in").items() if version}
    here = {name: installed[name] for name in asked if name in installed}
    assert here == {name: asked[name] for name in here}
    assert {"torch", "onnx", "onnxruntime", "onnxscript", "snakemake"} <= here.keys()
