"""An exporter is one file, in which the configuration finds everything that it needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from opset_atlas import exporters, plugins
from opset_atlas.config.jobs import Jobs
from opset_atlas.config.settings import PACKAGE, ConfigError, resolve
from opset_atlas.config.specs import Specs
from opset_atlas.execution import levels

PLUGIN = """
PACKAGES = ("onnx", "numpy")
NEEDS_BASE = {needs_base}
LEVEL = "files"
MEMOIZES = True


def option_problems(options):
    return {{name: "expected value: NUMBER" for name in options if name != "value"}}


def options_notice():
    return "the range of value"


def speed_notice():
    return "too old to be fast"


def prepare(job):
    raise NotImplementedError
"""
MODEL = {"factory": "models.py:Net", "inputs": [{"name": "x", "shape": [2]}]}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    for kind in ("exporters", "runtimes"):
        shutil.copytree(PACKAGE / kind, folder / kind)
    (folder / "exporters" / "constant.py").write_text(PLUGIN.format(needs_base=False))
    (folder / "exporters" / "rewriter.py").write_text(PLUGIN.format(needs_base=True))
    (tmp_path / "models.py").write_text("class Net: ...\n")
    (tmp_path / "net.onnx").write_bytes(b"")
    return folder


def test_every_exporter_says_what_is_asked_of_all() -> None:
    for name in plugins.names("exporters"):
        found = plugins.constants("exporters", name)
        assert {key: type(found[key]) for key in exporters.CONSTANTS} == exporters.CONSTANTS
        assert found["LEVEL"] in levels.LIBRARIES
        assert callable(exporters.load(name).prepare)


def test_a_new_exporter_is_configured_as_its_file_says(package: Path, tmp_path: Path) -> None:
    config = {
        "models": {"m": MODEL, "file": {"onnx": "net.onnx"}},
        "exporters": ["torchscript", "constant", "rewriter"],
        "options": {"constant": {"value": 3}},
        "converter": {"exporter": "constant", "opset": 13},
    }
    settings = resolve(config, tmp_path, package)
    spec = Specs(settings).export("m", "constant")
    assert spec["options"] == {"value": 3} and spec["memoize"] is True
    assert set(spec["versions"]) == {"onnx", "numpy"}
    assert settings.notices == ["options: not checked: the range of value"]
    # What can start from a file starts from the user's file, and from the base file.
    assert settings.exporters_of("file") == ["rewriter"]
    based = Specs(settings).export("m", "rewriter")
    assert based["base"] == {"exporter": "constant", "opset": 13}


def test_a_file_model_without_a_wanted_converter_gets_all(package: Path, tmp_path: Path) -> None:
    config = {"models": {"file": {"onnx": "net.onnx"}}, "exporters": ["constant"]}
    assert resolve(config, tmp_path, package).exporters_of("file") == ["converter", "rewriter"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"options": {"constant": {"size": 1}}},
            "config: options.constant.size: expected value: NUMBER",
        ),
        ({"options": {"converter": {"a": 1}}}, "options.converter: converter takes no options"),
        (
            {"models": {"file": {"onnx": "net.onnx", "exporters": ["rewriter", "constant"]}}},
            "models.file.exporters[1]: constant exports modules; expected one that converts",
        ),
        ({"converter": {"exporter": "rewriter"}}, "converter.exporter: expected an exporter that"),
    ],
)
def test_its_answers_are_the_configurations(
    change: dict[str, object], expected: str, package: Path, tmp_path: Path
) -> None:
    config = {"models": {"m": MODEL}, "exporters": ["constant"], **change}
    with pytest.raises(ConfigError) as caught:
        resolve(config, tmp_path, package)
    assert expected in str(caught.value)


def test_a_file_that_does_not_say_enough_is_named(package: Path, tmp_path: Path) -> None:
    (package / "exporters" / "half.py").write_text("PACKAGES = ['onnx']\nNEEDS_BASE = False\n")
    with pytest.raises(ConfigError) as caught:
        resolve({"models": {"m": MODEL}}, tmp_path, package)
    assert list(caught.value.problems) == [
        "exporters/half.py: expected PACKAGES, a tuple written as a literal",
        "exporters/half.py: expected LEVEL, a str written as a literal",
    ]


def test_what_exporters_say_about_their_speed_is_said_once_for_the_jobs_of_a_run(
    package: Path, tmp_path: Path
) -> None:
    jobs = Jobs(resolve({"models": {"m": MODEL}}, tmp_path, package))

    def of(*wildcards: dict[str, str]) -> list[str]:
        return jobs.speed_notices([SimpleNamespace(wildcards_dict=each) for each in wildcards])

    both = [{"model": "m", "exporter": name} for name in ("constant", "rewriter")]
    assert of({"model": "m"}, *both, {"model": "m", "exporter": "torchscript"}) == [
        "too old to be fast"
    ]
    assert of({"model": "m"}, {"model": "m", "exporter": "torchscript"}) == []
