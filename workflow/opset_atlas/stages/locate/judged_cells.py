"""Verdicts for every cell of a model in every runtime, without importing any runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opset_atlas.base.files import read_json
from opset_atlas.numerics import verdicts
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.records import Cell, CellVerdict, ExportRecord, Measure, ParityRecord

# The verdicts on a file that a runtime does not load or run.
STOPPED = frozenset({"rejected", "failed"})
# Verdicts whose origin is searched for.
LOCATED = verdicts.WRONG | {"above-noise"} | STOPPED


@dataclass(frozen=True)
class Job:
    """The stage's input: `spec` names model, exporters, runtimes, tolerances and limits.

    `store` is a folder for large tensors of the files under examination.
    """

    spec: Mapping[str, Any]
    define: Path
    export: Path
    parity: Path
    store: Path = Path()

    @property
    def tolerances(self) -> Tolerances:
        """The tolerances of the configuration."""
        return Tolerances().updated(self.spec["tolerances"])


@dataclass(frozen=True)
class JudgedCell:
    """A cell in a runtime: its file, and the verdict and measures of each variant."""

    exporter: str
    cell: Cell
    runtime: str
    verdicts: dict[str, CellVerdict]
    measures: dict[str, list[Measure]]

    @property
    def label(self) -> str:
        """The cell, named as the export stage names the base of a conversion."""
        return f"{self.exporter} at opset {self.cell['requested']}"

    @property
    def name(self) -> str:
        """The label, with the file's opset if it is different."""
        delivered = self.cell["delivered"]
        moved = f" (which is {delivered})" if delivered != self.cell["requested"] else ""
        return self.label + moved

    def wrong(self) -> list[str]:
        """The variants in which the file is wrong."""
        return [name for name, v in self.verdicts.items() if v["verdict"] in LOCATED]

    def right(self) -> bool:
        """Whether it is right in every variant."""
        return all(v["verdict"] in verdicts.RIGHT | {"misdeclared"} for v in self.verdicts.values())

    def path(self, export: Path) -> Path:
        """Its file, in the folder of the model's sweeps."""
        return export / self.exporter / "cells" / str(self.cell["file"])


def judged_cells(job: Job) -> Iterator[JudgedCell]:
    """Every cell of the model in every runtime, with verdicts."""
    runtimes: dict[str, ParityRecord] = {
        name: read_json(job.parity / f"{name}.json", "parity") for name in job.spec["runtimes"]
    }
    for exporter in job.spec["exporters"]:
        exported: ExportRecord = read_json(job.export / exporter / "record.json", "export")
        cells = {cell["requested"]: cell for cell in exported["cells"]}
        for runtime, record in runtimes.items():
            judged: dict[int, dict[str, CellVerdict]] = {}
            measures: dict[int, dict[str, list[Measure]]] = {}
            for cell in (c for c in record["cells"] if c["exporter"] == exporter):
                verdict = verdicts.judge_cell(record, cell, job.tolerances)
                judged.setdefault(cell["requested"], {})[cell["runtime"]] = verdict
                measures.setdefault(cell["requested"], {})[cell["runtime"]] = cell["measures"]
            for opset, found in judged.items():
                yield JudgedCell(exporter, cells[opset], runtime, found, measures[opset])
