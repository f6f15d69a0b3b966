"""Versions of torch that nobody compared: warm processes all the same, and nothing is reused.

Both runs are of the installed torch; for the first, the table of what was compared is empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7]}]
opsets: [17, 18]
exporters: [torchscript, dynamo]
input_sets: [random-0]
"""
TABLE = "workflow/opset_atlas/exporters/_compared.yaml"


def cells(project: Project, exporter: str) -> list[dict[str, Any]]:
    """The cells of a sweep, which a warm worker must have made."""
    log = project.folder / f"results/logs/export/relu6/{exporter}.log"
    usage = json.loads(log.read_text(encoding="utf-8").splitlines()[-1].removeprefix("usage "))
    assert usage["worker"] is True
    return list(project.read(f"export/relu6/{exporter}/record.json")["cells"])


def test_an_unknown_version_loses_the_memory_of_sweeps_alone_and_says_so_once(
    new_project: Callable[..., Project],
) -> None:
    project = new_project("any_torch", CONFIG)
    table = project.folder / TABLE
    known = table.read_text(encoding="utf-8")
    table.write_text("# nothing\n[]\n", encoding="utf-8")
    said = project.snakemake("--cores", "2").stdout
    notes = [line for line in said.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1 and "was not compared: dynamo reuses nothing from opset" in notes[0]
    plain = {exporter: cells(project, exporter) for exporter in ("torchscript", "dynamo")}
    assert {cell["way"] for cell in plain["torchscript"]} == {"plain"}
    (way,) = {cell["way"] for cell in plain["dynamo"]}
    assert way.startswith("plain: torch ") and way.endswith(" was not compared")

    # An entry that is added makes the same cells again, now with a memory.
    table.write_text(known, encoding="utf-8")
    assert "note: " not in project.snakemake("--cores", "2").stdout
    memoized = cells(project, "dynamo")
    assert {cell["way"] for cell in memoized} == {"memoized"}
    same = ("outcome", "delivered", "canonical_sha256", "messages")
    for one, other in zip(plain["dynamo"], memoized, strict=True):
        assert {key: one[key] for key in same} == {key: other[key] for key in same}
