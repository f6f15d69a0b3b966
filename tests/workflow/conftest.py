"""Environments with the wheel, for the tests of what a user installs."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest
from builders.environments import pip, sharing_packages, wheel
from builders.project import ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def alone(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and what it asks for, from pip's index."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder, symlinks=True, with_pip=True)
    locked = str(ROOT / "envs/main.lock")
    pip("--python", str(folder), "install", "--quiet", "--constraint", locked, str(built))
    return folder / "bin"


@pytest.fixture(scope="session")
def complete(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and all that the workflow needs."""
    folder = tmp_path_factory.mktemp("complete")
    python = sharing_packages(folder)
    pip("--python", str(python), "install", "--quiet", "--no-deps", str(built))
    return folder / "bin"
