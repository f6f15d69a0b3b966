"""Which versions of which operators the files of a run hold: how much of ONNX it covers.

A transition is a step between neighboring versions of an operator of the default domain, from
opset 10 on. It is structural if more changes than allowed types, text and function body (the
classes of `definitions.Summary`). A run reaches it if some model has the operator at both versions,
in files of any exporter. No valid file holds a version that deprecates the operator, so there the
older version is enough.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from opset_atlas.operators import definitions
from opset_atlas.operators.definitions import Summary
from opset_atlas.records import DumpRecord

FIRST = 10
_SLIGHT = {Summary.NONE, Summary.TEXT_ONLY, Summary.FUNCTION_ONLY, Summary.TYPES_ONLY}
_COUNTED = re.compile(r"(\w+)-(\d+)")  # as the dump counts operators; other domains have a prefix

# Operator, model, versions.
Uses = Mapping[str, Mapping[str, set[int]]]


def rows(dumped: Iterable[DumpRecord]) -> list[dict[str, Any]]:
    """Every transition of every operator, with the first model that reaches it and their number."""
    used = uses(dumped)
    return [
        row
        for op in definitions.operators()
        for old, new in pairwise(definitions.versions(op))
        if new >= FIRST
        for row in [_row(op, old, new, used.get(op, {}))]
    ]


def uses(dumped: Iterable[DumpRecord]) -> Uses:
    """The versions of each operator of the default domain, per model."""
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for record in dumped:
        for op, version in _operators(record):
            found[op][record["model"]].add(version)
    return found


def summarize(dumped: Sequence[DumpRecord]) -> dict[str, Any]:
    """Counts; `within`: structural transitions up to the newest opset of the run's files.

    `missing` names those not reached, `known` counts the structural transitions of all opsets.
    """
    cells = [cell for record in dumped for sweep in record["sweeps"].values() for cell in sweep]
    last = max((cell["imports"].get("", 0) for cell in cells), default=0)
    structural = [row for row in rows(dumped) if row["structural"]]
    within = [row for row in structural if row["to_version"] <= last]
    return {
        "operators": len(uses(dumped)),
        "models": len(dumped),
        "last": last,
        "reached": sum(row["reached"] for row in within),
        "within": len(within),
        "known": len(structural),
        "missing": [
            f"{row['operator']} {row['from_version']} → {row['to_version']}"
            for row in within
            if not row["reached"]
        ],
    }


def _operators(record: DumpRecord) -> Iterator[tuple[str, int]]:
    for entry in record["graphs"].values():
        for text in entry["operators"]:
            if counted := _COUNTED.fullmatch(text):
                yield counted[1], int(counted[2])


def _row(op: str, old: int, new: int, used: Mapping[str, set[int]]) -> dict[str, Any]:
    summary = definitions.transition(op, old, new).summary
    needed = {old} if summary is Summary.DEPRECATED else {old, new}
    models = [model for model, versions in used.items() if needed <= versions]
    return {
        "operator": op,
        "from_version": old,
        "to_version": new,
        "transition": str(summary),
        "structural": summary not in _SLIGHT,
        "reached": bool(models),
        "models": len(models),
        "example": models[0] if models else "",
    }
