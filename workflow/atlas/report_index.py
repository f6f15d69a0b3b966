"""The first page: what to use, what to beware of, the matrix, what changes and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, get_args

import pandas as pd

from atlas.records import RunOutcome, Verdict
from atlas.report_changes import Pictures, Told, tell, telling
from atlas.report_data import Data, Row
from atlas.report_matrix import LEGEND, columns, line

KINDS = {
    "silently-wrong": "Silently wrong",
    "fixed-size": "Wrong at other sizes",
    "invalid": "Invalid file",
    "silently-moved": "Another opset",
    "loads-nowhere": "Runs nowhere",
    "above-noise": "Beyond float noise",
}


@dataclass(frozen=True)
class Finding:
    """What is said of some opsets, in some runtimes."""

    text: str
    opsets: list[int]
    runtimes: list[str]


@dataclass(frozen=True)
class Surprise:
    """Equal surprises as one. `models` maps to opsets; what was moved is told for all models."""

    severity: int
    kind: str
    exporter: str
    models: dict[str, list[int]]
    findings: list[Finding]

    @property
    def title(self) -> str:
        """The kind in words."""
        return KINDS.get(self.kind, self.kind.replace("-", " ").capitalize())

    @property
    def state(self) -> str:
        """The key of the matrix's state, for the filter."""
        states = {
            "silently-wrong": "wrong",
            "silently-moved": "moved",
            "loads-nowhere": "runs-nowhere",
        }
        return states.get(self.kind, "unproven" if self.kind == "above-noise" else self.kind)


def page(data: Data) -> dict[str, Any]:
    """What the template of the index is given."""
    opsets = columns(data)
    lines = {
        model: [line(data, model, exporter, opsets) for exporter in exporters]
        for model, exporters in data.spec["sweeps"].items()
    }
    occurring = {key for group in lines.values() for each in group for key in each.states}
    return {
        "spec": data.spec,
        "figures": figures(data),
        "advice": [row for row in data.tables["models"] if row["outcome"] != "failed"],
        "broken": [row for row in data.tables["models"] if row["outcome"] == "failed"],
        "surprises": group_surprises(data.tables["surprises"]),
        "tables": list(data.tables),
        "opsets": opsets,
        "lines": lines,
        "legend": [entry for entry in LEGEND if entry[0] in occurring],
        "exporters": list(dict.fromkeys(e for es in data.spec["sweeps"].values() for e in es)),
        "case": _case(data),
        "changes": _changes(data),
        "parity": parity_summary(data),
        "tolerances": data.tolerances(),
        "definitions": data.definitions,
        "versions": versions(data),
        "files": [cell for cell in data.tables["cells"] if cell["sha256"]],
    }


def figures(data: Data) -> dict[str, int]:
    """Counts for the head of the page."""
    changes = data.tables["changes"]
    unexplained = sum(change["cause"] == "unexplained" for change in changes)
    graphs = {(s.model, s.exporter, key) for s in data.sweeps.values() for key in s.dump["graphs"]}
    return {
        "models": len(data.models),
        "sweeps": len(data.sweeps),
        "cells": len(data.tables["cells"]),
        "files": sum(cell["sha256"] is not None for cell in data.tables["cells"]),
        "graphs": len(graphs),
        "changes": len(changes),
        "unexplained": unexplained,
        # Rounded down: nothing is called complete that is not.
        "explained_percent": 100 * (len(changes) - unexplained) // len(changes) if changes else 100,
    }


def group_surprises(rows: Iterable[Row]) -> list[Surprise]:
    """Surprises by model and exporter, worst first, with the opsets of each."""
    found: dict[tuple[str, ...], Surprise] = {}
    for row in rows:
        text, kind, exporter = _finding(row), row["kind"], row["exporter"]
        key = (kind, exporter, text if kind == "silently-moved" else row["model"])
        fresh = Surprise(row["severity"], kind, exporter, {}, [])
        surprise = found.setdefault(key, fresh)
        _add(surprise.models.setdefault(row["model"], []), row["requested"])
        same = [finding for finding in surprise.findings if finding.text == text]
        if not same:
            same = [Finding(text, [], [])]
            surprise.findings.extend(same)
        _add(same[0].opsets, row["requested"])
        if row["runtime"]:
            _add(same[0].runtimes, row["runtime"])
    return sorted(found.values(), key=lambda surprise: surprise.severity)


def _add(values: list[Any], value: Any) -> None:
    if value not in values:
        values.append(value)


def _finding(row: Row) -> str:
    """The sentence without exporter, opset and runtime, which stand beside it."""
    text: str = row["sentence"].removeprefix(f"{row['exporter']} at opset {row['requested']}")
    return text.lstrip(":; ").removeprefix(row["runtime"] or "").lstrip(":; ")


def parity_summary(data: Data) -> dict[str, Any]:
    """Cells by verdict, a row per exporter and runtime. Columns without any are left out."""
    order = [*get_args(Verdict), *get_args(RunOutcome)]
    frame = pd.DataFrame(data.verdicts, columns=["exporter", "runtime", "verdict"])
    frame = frame[frame["verdict"] != "absent"]
    counts = frame.value_counts(sort=False).to_dict()
    names = sorted(
        frame["verdict"].unique(),
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    lanes = frame[["exporter", "runtime"]].drop_duplicates().itertuples(index=False, name=None)
    exporters = list(dict.fromkeys(exporter for _, exporter in data.sweeps))
    rows = [
        {
            "exporter": exporter,
            "runtime": runtime,
            "counts": [counts.get((exporter, runtime, name), 0) for name in names],
        }
        for exporter, runtime in sorted(lanes, key=lambda lane: (exporters.index(lane[0]), lane[1]))
    ]
    return {"verdicts": names, "rows": rows}


def versions(data: Data) -> dict[str, list[str]]:
    """Package -> every version that took part; more than one is worth seeing."""
    found: dict[str, set[str]] = {}
    records = [
        data.spec["versions"],
        *(definition["versions"] for definition in data.definitions.values()),
        *(sweep.export["versions"] for sweep in data.sweeps.values()),
    ]
    for record in records:
        for name, version in record.items():
            if version:
                found.setdefault(name, set()).add(version)
    return {name: sorted(found[name]) for name in sorted(found, key=str.lower)}


def _changes(data: Data) -> list[tuple[str, list[Told], list[Told]]]:
    """Per model what can matter, and what is another encoding of the same meaning."""
    found = []
    for model, group in groupby(data.tables["changes"], key=lambda row: row["model"]):
        told = tell(group)
        different = [each for each in told if not each.row.get("neutral")]
        same = [each for each in told if each.row.get("neutral")]
        found.append((model, different, same))
    return found


def _case(data: Data) -> dict[str, Any] | None:
    """The change to look at first, with both its graphs."""
    found = telling(data)
    if not found:
        return None
    sweep, step, change = found
    # Its own nodes are pointed out alone, so that the eye goes there.
    pair = Pictures(data).pair(sweep, {**step, "changes": [change]})
    return {"sweep": sweep, "step": step, "change": change, "pair": pair}
