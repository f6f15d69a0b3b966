"""Real runs of the workflow in separate folders, shared by the tests that inspect them."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from builders.project import PARTS, ROOT, Project


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Copies the tracked files of the workflow; `config` replaces the default configuration."""

    def make(name: str, config: str | None = None) -> Project:
        folder = tmp_path_factory.mktemp(name)
        skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=skip)
            else:
                shutil.copy2(source, folder / part)
        if config is not None:
            (folder / "config" / "config.yaml").write_text(config, encoding="utf-8")
        return Project(folder)

    return make


@pytest.fixture(scope="session")
def default_run(new_project: Callable[..., Project]) -> Project:
    """The default configuration, run from scratch."""
    project = new_project("default")
    project.run()
    return project
