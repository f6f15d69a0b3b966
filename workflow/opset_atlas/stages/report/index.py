"""The index page: what to use, what to beware of, the matrix, what changes and why."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from opset_atlas.findings import coverage, glossary
from opset_atlas.findings.grouped import group_surprises
from opset_atlas.findings.preference import of_spec
from opset_atlas.records import RunOutcome, Verdict
from opset_atlas.stages.report.advice import lead
from opset_atlas.stages.report.canvas import Canvas, of_step
from opset_atlas.stages.report.cards import cards
from opset_atlas.stages.report.changes import GroupedChange, first_to_show, group_changes
from opset_atlas.stages.report.data import Data, Row
from opset_atlas.stages.report.located import origins
from opset_atlas.stages.report.matrix import LEGEND, Line, columns, least, line
from opset_atlas.stages.report.operators import Catalog
from opset_atlas.stages.report.overview import faults, in_words, squares

MOST_SENTENCES = 24  # models with their advice shown in a sentence each; more are grouped
MOST_WHOLE = 24  # models in the matrix of whole blocks; more are a row each, with strips
MOST_PICKS = 400  # models listed under an exporter; more are folded
MOST_TOGETHER = 400  # models in one matrix; more are split into foldable parts
PART = 100  # models per part
MOST_CHANGES = 60  # changes of a kind on this page; models' pages and the table have all
FEW_CHANGES = 12  # the same where models are many and the page leads to them
MOST_DEFINITIONS = 400  # models with their hashes on this page; each model's page has its own
MOST_FILES = 1000  # files with their hashes on this page; the table of cells has all


def page(data: Data, catalog: Catalog) -> dict[str, Any]:
    """The variables of the index template."""
    opsets = columns(data)
    lines = {
        model: [line(data, model, exporter, opsets) for exporter in exporters]
        for model, exporters in data.spec["sweeps"].items()
    }
    occurring = {key for group in lines.values() for each in group for key in each.states}
    advice = [row for row in data.tables["models"] if row["outcome"] == "ok"]
    found = group_surprises(data.tables["surprises"])
    return {
        "spec": data.spec,
        "figures": figures(data),
        "coverage": coverage.summarize(list(data.dumps.values())),
        "located": origins(data),
        "cards": cards(data, data.models),
        "advice": advice,
        "lead": lead(data, opsets),
        "policy": of_spec(data.spec).policy,
        "most_picks": MOST_PICKS,
        "groups": group_advice(advice) if len(advice) > MOST_SENTENCES else [],
        "broken": [row for row in data.tables["models"] if row["outcome"] != "ok"],
        "failures": data.tables["failures"],
        "surprises": found,
        "kinds": [(kind, list(group)) for kind, group in groupby(found, lambda each: each.title)],
        "tables": data.table_names,
        "opsets": opsets,
        "lines": lines,
        "most_together": MOST_TOGETHER,
        "part": PART,
        "least": {
            model: {name: least(data, model, name) for name in ("nodes", "size_bytes")}
            for model in data.models
        },
        "operators_of": operators_of(catalog),
        "legend": [entry for entry in LEGEND if entry[0] in occurring],
        "exporters": list(dict.fromkeys(e for es in data.spec["sweeps"].values() for e in es)),
        "case": _case(data),
        "changes": grouped(data.tables["changes"]),
        "choices": data.tables["choices"],
        "most_changes": MOST_CHANGES if len(data.models) <= MOST_WHOLE else FEW_CHANGES,
        "compact": len(data.models) > MOST_WHOLE,
        "advised": {row["model"]: row for row in data.tables["models"]},
        "strips": {(one.model, one.exporter): one for of in lines.values() for one in of},
        "bad": {model: _bad(of) for model, of in lines.items()},
        "symbols": {key: symbol for key, symbol, _, _ in LEGEND},
        "overview": overview(data, catalog, opsets),
        "parity": parity_summary(data),
        "metrics": metrics_summary(data.tables["metrics"]),
        "tolerances": data.tolerances(),
        "definitions": data.definitions if len(data.models) <= MOST_DEFINITIONS else {},
        "versions": versions(data),
        "files": [cell for cell in data.tables["cells"] if cell["sha256"]],
        "most_files": MOST_FILES,
        "machine": machine(),
        "words": glossary.WORDS,
    }


def machine() -> str:
    """The machine writing the page, which gives the seconds a meaning. Varies like a time."""
    name = next((line for line in _cpu() if line), platform.processor() or platform.machine())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({name})"


def _cpu() -> Iterator[str]:
    """The processor's name, if Linux reports it."""
    path = Path("/proc/cpuinfo")
    for row in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if row.startswith("model name"):
            yield row.partition(":")[2].strip()


def group_advice(advice: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Advice by recommended exporter; first ("") the models for which nothing qualifies."""
    found: dict[str, list[Row]] = {}
    for row in advice:
        found.setdefault(row["use_exporter"] or "", []).append(row)
    return sorted(found.items(), key=lambda group: (group[0] != "", -len(group[1]), group[0]))


def operators_of(catalog: Catalog) -> dict[tuple[str, str], list[int]]:
    """Per sweep, the operators in its files as numbers of the catalog, for the filter."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, operator in enumerate(catalog.entries):
        for use in operator.uses:
            numbers = found.setdefault((use.model, use.exporter), [])
            if number not in numbers:
                numbers.append(number)
    return found


def _bad(lines: Iterable[Line]) -> int:
    """How many files of a model run and are wrong, or are not valid."""
    blocks = (block for each in lines for block in each.blocks)
    return sum(block.width for block in blocks if block.state and block.state.tone == "bad")


def overview(data: Data, catalog: Catalog, opsets: Sequence[int]) -> list[tuple[Any, ...]]:
    """Every operator that a file has: its number in the catalog, itself, its squares, in words."""
    wrong = faults(data.tables["located"])
    found = []
    for number, operator in enumerate(catalog.entries):
        if operator.uses:
            row = squares(operator, opsets, wrong.get((operator.domain, operator.op), []))
            found.append((number, operator, row, in_words(row)))
    return found


def figures(data: Data) -> dict[str, int]:
    """Counts for the head of the page."""
    changes = data.tables["changes"]
    unexplained = sum(change["cause"] == "unexplained" for change in changes)
    return {
        "models": len(data.models),
        "sweeps": len(data.sweeps),
        "cells": len(data.tables["cells"]),
        "files": sum(cell["sha256"] is not None for cell in data.tables["cells"]),
        "graphs": len({key for record in data.dumps.values() for key in record["graphs"]}),
        "changes": len(changes),
        "contrasts": len(data.tables["contrasts"]),
        "unexplained": unexplained,
        # Rounded down, so that only a complete count shows as 100 %.
        "explained_percent": 100 * (len(changes) - unexplained) // len(changes) if changes else 100,
    }


def parity_summary(data: Data) -> dict[str, Any]:
    """Cells by verdict, a row per exporter and runtime. Empty columns are omitted."""
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


def metrics_summary(rows: Iterable[Row]) -> list[Row]:
    """A row per model and metric: torch's value, the least and the most of the files', and counts.

    `cells` counts files in runtimes.
    """
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        fresh = {**row, "least": None, "most": None, "moved": 0, "cells": 0}
        known = found.setdefault((row["model"], row["metric"]), fresh)
        known["moved"] += bool(row["moved"])
        known["cells"] += 1
        if row["value"] is not None:
            ends = [
                each for each in (known["least"], known["most"], row["value"]) if each is not None
            ]
            known["least"], known["most"] = min(ends), max(ends)
    return list(found.values())


def versions(data: Data) -> dict[str, list[str]]:
    """Package -> every version used in the run; more than one is worth knowing."""
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


def grouped(rows: Iterable[Row]) -> tuple[list[GroupedChange], list[GroupedChange]]:
    """Each change once for all models: those that can matter, and those of encoding.

    Unexplained ones come first, then those that most models have.
    """
    found = sorted(
        group_changes(rows),
        key=lambda each: (each.row["cause"] != "unexplained", -len(each.models)),
    )
    different = [each for each in found if not each.row.get("neutral")]
    return different, [each for each in found if each.row.get("neutral")]


def _case(data: Data) -> dict[str, Any] | None:
    """The change to look at first, with both graphs."""
    found = first_to_show(data)
    if not found:
        return None
    sweep, step, change = found
    # Only its own nodes are marked, to draw attention to them.
    pair = of_step(data, sweep, step, [change])
    canvas = Canvas(pair)
    return {
        "sweep": sweep,
        "step": step,
        "change": change,
        "pair": pair,
        "folded": canvas.folded,
        "sides": canvas.draw(),
    }
