"""What docs/real-reports.md says of a run is what a run gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders.programs import load
from builders.project import Project

pytestmark = pytest.mark.workflow


def test_every_fact_behind_the_page_holds(new_project: Callable[..., Project]) -> None:
    program = load("docs/real_reports.py")
    project = new_project("reports")
    project.run("--configfile", "config/reports.yaml")
    assert list(program.unmet(program.read(), project.folder / "results")) == []
