"""The audit of the version converter as rows: one per operator, step and outcome, worst first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from opset_atlas.operators import definitions
from opset_atlas.records import AuditOutcome, AuditRecord, AuditStep

ORDER: tuple[str, ...] = get_args(AuditOutcome)


@dataclass
class _Group:
    """The cases that one row summarizes."""

    cells: set[tuple[str, str, int]] = field(default_factory=set)
    example: dict[str, Any] | None = None


def rows(records: Iterable[AuditRecord]) -> list[dict[str, Any]]:
    """The table: a row per operator, step and outcome, worst first.

    The example is the first model of the run with it. If no single operator is proven to be at
    fault, `operator` is `one of A, B`.
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
        and definitions.down_is_types_only(operator, max(versions), min(versions)),
        "cells": len(group.cells),
        "models": len({model for model, _, _ in group.cells}),
        "example": part["model"],
        "evidence": part["evidence"],
        "detail": part["detail"],
        "reproducer": f"audit/{part['model']}/defects/{reproducer}" if reproducer else "",
    }


def _transition(operator: str, old: int | None, new: int | None) -> str:
    """The class of the transition between the versions, whatever the direction."""
    if old is None or new is None:
        since = old or new
        return f"new at {since}" if since else ""
    return str(definitions.transition(operator, min(old, new), max(old, new)).summary)
