"""Stage, per run: the audit of the version converter as a table and as a page.

reads   results/audit/{model}/record.json
writes  tables/audit.csv and .json: a row per operator, step and outcome; report/audit.html
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from atlas import opsets, schema
from atlas.records import AUDIT_DEFECTS, AuditOutcome, AuditRecord, AuditStep, read_json, write_text
from atlas.report import environment, render
from atlas.table import write_table

TITLE = "opset-atlas"
COLUMNS = (
    "operator from_opset to_opset direction from_version to_version outcome transition types_only"
    " cells models example evidence detail reproducer"
)
ORDER: tuple[str, ...] = get_args(AuditOutcome)
# Outcome, symbol, tone, what it means; from worst to best, as the page has it.
LEGEND: tuple[tuple[AuditOutcome, str, str, str], ...] = (
    ("wrong", "≠", "bad", "converted without an error, valid, and computes something else"),
    ("invalid", "!", "bad", "converted without an error; the checker or onnxruntime rejects it"),
    ("crashed", "✗", "bad", "the process died"),
    ("timeout", "✗", "bad", "it did not end in time"),
    ("refused", "–", "none", "the converter says that it cannot"),
    ("unproven", "≈", "fair", "it runs; nothing shows it to be wrong or right"),
    ("no-kernel", "◌", "fair", "onnxruntime has no kernel for the version it became"),
    ("right", "✓", "good", "computes what the model computes"),
)
TONES = {outcome: (symbol, tone) for outcome, symbol, tone, _ in LEGEND}


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m atlas.report_audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=json.loads, required=True, help="the run as JSON")
    parser.add_argument("--results", type=Path, required=True, help="folder of the stages' folders")
    options = parser.parse_args(arguments)
    names = options.spec["order"]
    records = [read_json(options.results / "audit" / n / "record.json", "audit") for n in names]
    found = rows(records)
    write_table(options.results / "tables" / "audit", found, COLUMNS.split())
    text = render(environment(), "audit", page(options.spec, records, found))
    write_text(options.results / "report" / "audit.html", text)


@dataclass
class _Group:
    """What is told in one row."""

    cells: set[tuple[str, str, int]] = field(default_factory=set)
    example: dict[str, Any] | None = None


def rows(records: Iterable[AuditRecord]) -> list[dict[str, Any]]:
    """The table: a row per operator, step and outcome, worst first.

    The example is the first model of the run with it. Where no single operator is proven to be
    at fault, `operator` says `one of A, B`.
    """
    groups: dict[tuple[str, int, int, AuditOutcome], _Group] = {}
    for record in records:
        for step in record["steps"]:
            for part in _parts(step):
                key = (part["operator"], step["from_opset"], step["to_opset"], part["outcome"])
                group = groups.setdefault(key, _Group())
                group.cells |= {
                    (record["model"], c["exporter"], c["requested"]) for c in step["cells"]
                }
                group.example = group.example or {**part, "model": record["model"]}
    found = [_row(*key, group) for key, group in groups.items()]
    return sorted(
        found,
        key=lambda r: (-ORDER.index(r["outcome"]), r["operator"], r["from_opset"], r["to_opset"]),
    )


def _parts(step: AuditStep) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [dict(each) for each in step["operators"]]
    if step["one_of"] or not (step["operators"] or step["outcome"] == "right"):
        names = ", ".join(step["one_of"])
        parts.append(
            {
                "operator": f"one of {names}" if names else "no operator that changes",
                "from_version": None,
                "to_version": None,
                "outcome": step["outcome"],
                "evidence": "file",
                "detail": step["detail"],
                "reproducer": step["reproducer"],
            }
        )
    return parts


def _row(operator: str, old: int, new: int, outcome: AuditOutcome, group: _Group) -> dict[str, Any]:
    part = group.example or {}
    versions = part["from_version"], part["to_version"]
    reproducer = part["reproducer"]
    return {
        "operator": operator,
        "from_opset": old,
        "to_opset": new,
        "direction": "up" if new > old else "down",
        "from_version": versions[0],
        "to_version": versions[1],
        "outcome": outcome,
        "transition": _transition(operator, *versions),
        "types_only": None not in versions
        and schema.down_is_types_only(operator, max(versions), min(versions)),
        "cells": len(group.cells),
        "models": len({model for model, _, _ in group.cells}),
        "example": part["model"],
        "evidence": part["evidence"],
        "detail": part["detail"],
        "reproducer": f"audit/{part['model']}/defects/{reproducer}" if reproducer else "",
    }


def _transition(operator: str, old: int | None, new: int | None) -> str:
    """The class of what lies between the versions, whichever way the step goes."""
    if old is None or new is None:
        since = old or new
        return f"new at {since}" if since else ""
    return str(schema.transition(operator, min(old, new), max(old, new)).summary)


def _types_only(operator: str, old: int | None, new: int | None) -> bool:
    if old is None or new is None:
        return False
    return schema.down_is_types_only(operator, max(old, new), min(old, new))


@dataclass(frozen=True)
class Mark:
    """An outcome in a cell of the matrix, with the row that tells about it."""

    arrow: str
    outcome: AuditOutcome
    symbol: str
    tone: str
    text: str
    anchor: str


def page(
    spec: Mapping[str, Any], records: Sequence[AuditRecord], table: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the page's template is given."""
    steps = [step for record in records for step in record["steps"]]
    told = [{**row, "anchor": _anchor(row), "between": _between(row)} for row in table]
    pairs = sorted({_pair(row) for row in table})
    return {
        "spec": {"title": TITLE, **spec},
        "opsets": pairs,
        "pairs": pairs,
        "legend": LEGEND,
        "marks": TONES,
        "tally": _tally(steps),
        "steps": len(steps),
        "not_right": sum(record["not_right"] for record in records),
        "defects": [row for row in told if row["outcome"] in AUDIT_DEFECTS],
        "matrix": _matrix(told),
        "rows": told,
        "versions": sorted({pair for record in records for pair in record["versions"].items()}),
    }


def _pair(row: Mapping[str, Any]) -> tuple[int, int]:
    low, high = sorted((row["from_opset"], row["to_opset"]))
    return low, high


def _tally(steps: Iterable[AuditStep]) -> list[tuple[str, Counter[str]]]:
    counts: dict[str, Counter[str]] = {"up": Counter(), "down": Counter()}
    for step in steps:
        direction = "up" if step["to_opset"] > step["from_opset"] else "down"
        counts[direction][step["outcome"]] += 1
    return list(counts.items())


def _matrix(
    table: Iterable[Mapping[str, Any]],
) -> dict[str, dict[tuple[int, int], list[Mark]]]:
    """Operators by name, and per pair of opsets what came of each way, the worst first."""
    found: dict[str, dict[tuple[int, int], list[Mark]]] = {}
    for row in sorted(table, key=lambda row: row["operator"].casefold()):
        symbol, tone = TONES[row["outcome"]]
        arrow = "↑" if row["direction"] == "up" else "↓"
        text = row["outcome"] + (", types only" if _only_types(row) else "")
        mark = Mark(arrow, row["outcome"], symbol, tone, text, row["anchor"])
        found.setdefault(row["operator"], {}).setdefault(_pair(row), []).append(mark)
    return found


def _only_types(row: Mapping[str, Any]) -> bool:
    return bool(row["outcome"] == "refused" and row["types_only"])


def _between(row: Mapping[str, Any]) -> str:
    if row["from_version"] is None or row["to_version"] is None:
        return str(row["transition"])
    return opsets.what_lies_between(row["operator"], row["from_version"], row["to_version"])


def _anchor(row: Mapping[str, Any]) -> str:
    """The address of a row on the page; names of operators are words, lists of them are not."""
    name = "".join(c if c.isalnum() else "-" for c in row["operator"])
    return f"{name}-{row['from_opset']}-{row['to_opset']}-{row['outcome']}"


if __name__ == "__main__":
    main()
