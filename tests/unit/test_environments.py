"""Environments: named by their prefix; versions are read from there, not from this process."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from opset_atlas.config.settings import resolve
from opset_atlas.config.specs import Specs
from opset_atlas.execution import address, environments, python_path


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """An environment with another torch, and no onnx."""
    venv.create(tmp_path / "other", symlinks=True)
    (packages,) = (tmp_path / "other").glob("lib/python3*/site-packages")
    folder = packages / "torch-1.2.3.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.2.3\n")
    return str(tmp_path / "other")


def test_versions_are_those_of_the_environment(prefix: str) -> None:
    assert environments.versions(["torch", "onnx"], prefix) == {"torch": "1.2.3", "onnx": None}
    assert environments.version("onnx") == metadata.version("onnx")
    assert environments.version("no-such-package") is None


def test_what_a_job_depends_on_are_the_versions_where_it_runs(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("class M: ...\n")
    model = {"factory": "m.py:M", "inputs": [{"name": "x", "shape": [1]}]}
    settings = resolve({"models": {"m": model}}, tmp_path)
    assert Specs(settings, prefix).define("m")["versions"]["torch"] == "1.2.3"
    assert Specs(settings).define("m")["versions"]["torch"] == metadata.version("torch")


def test_each_has_a_python_and_a_name_for_files_of_its_own(prefix: str) -> None:
    assert Path(environments.python(prefix)).is_file()
    assert environments.python() == sys.executable
    assert address.key(prefix) != address.key()
    assert address.key(f"{prefix}/../other") == address.key(prefix)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_another_system_is_told_in_one_sentence(platform: str) -> None:
    code = f"import sys; sys.platform = {platform!r}\n"
    code += "sys.modules['resource'] = None\n"  # as on Windows
    code += "from opset_atlas.__main__ import main; sys.exit(main(['define', '--spec', '{}']))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environments.variables(), capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"runs its stages only on Linux, and this is {platform}" in done.stderr
    assert environments.unsupported("linux") == ""


def test_no_job_sees_a_gpu() -> None:
    """The warm-up of an exporter asks torch for one, after which no fork could use it."""
    assert environments.variables()["CUDA_VISIBLE_DEVICES"] == ""


def test_the_process_of_a_job_imports_next_to_nothing() -> None:
    """There are hundreds in a run; these modules took half of the time of each."""
    code = "import sys, opset_atlas.__main__, opset_atlas.execution.client as client"
    code += "; import opset_atlas.execution.levels; print(*sys.modules)"
    own = {"PYTHONPATH": python_path.OWN}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=own, capture_output=True, text=True, check=True
    )
    assert not {"pathlib", "hashlib", "ast", "subprocess", "numpy"} & set(done.stdout.split())
