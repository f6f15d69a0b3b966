"""The page of the audit of the version converter: its tally, its defects, operator by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opset_atlas.findings.audit_rows import rows
from opset_atlas.operators import conversions
from opset_atlas.records import AUDIT_DEFECTS, AuditOutcome, AuditRecord, AuditStep

# Outcome, symbol, tone, what it means; from worst to best, as the page has it.
LEGEND: tuple[tuple[AuditOutcome, str, str, str], ...] = (
    ("wrong", "≠", "bad", "converted without an error, valid, and computes something else"),
    ("invalid", "!", "bad", "converted without an error; the checker or onnxruntime rejects it"),
    ("crashed", "✗", "bad", "the process died"),
    ("timeout", "✗", "bad", "it timed out"),
    ("internal-error", "⚠", "none", "opset-atlas itself failed; no finding about the converter"),
    ("refused", "–", "none", "the converter reports that it cannot"),
    ("unproven", "≈", "fair", "it runs; neither proven wrong nor right"),
    ("no-kernel", "◌", "fair", "onnxruntime has no kernel for the new version"),
    ("right", "✓", "good", "computes what the model computes"),
)
TONES = {outcome: (symbol, tone) for outcome, symbol, tone, _ in LEGEND}


@dataclass(frozen=True)
class Mark:
    """An outcome in a cell of the matrix, with the row that describes it."""

    arrow: str
    outcome: AuditOutcome
    symbol: str
    tone: str
    text: str
    anchor: str


def page(spec: Mapping[str, Any], records: Sequence[AuditRecord]) -> dict[str, Any]:
    """The variables of the page's template."""
    table = rows(records)
    steps = [step for record in records for step in record["steps"]]
    shown = [{**row, "anchor": _anchor(row), "between": _between(row)} for row in table]
    pairs = sorted({_pair(row) for row in table})
    return {
        "spec": spec,
        "opsets": pairs,
        "pairs": pairs,
        "legend": LEGEND,
        "marks": TONES,
        "tally": _tally(steps),
        "steps": len(steps),
        "not_right": sum(record["not_right"] for record in records),
        "defects": [row for row in shown if row["outcome"] in AUDIT_DEFECTS],
        "matrix": _matrix(shown),
        "rows": shown,
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
    """Operators by name, with the outcomes in both directions per pair of opsets, worst first."""
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
    return conversions.what_lies_between(row["operator"], row["from_version"], row["to_version"])


def _anchor(row: Mapping[str, Any]) -> str:
    """The anchor of a row; operator names are words, but lists of them are not."""
    name = "".join(c if c.isalnum() else "-" for c in row["operator"])
    return f"{name}-{row['from_opset']}-{row['to_opset']}-{row['outcome']}"
