"""The answer of a run: what to use, what to beware of, where opset-atlas itself failed.

It has no rule of its own about what is right or best: those are in `advice`. `answer_lines` puts
it into words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from opset_atlas.findings.advice import exporters_of, qualifying
from opset_atlas.findings.grouped import Surprise, group_surprises
from opset_atlas.findings.preference import Aim, as_ranges, choose, right_for_all, spans
from opset_atlas.records import (
    VERSION,
    Answer,
    AnswerException,
    AnswerFinding,
    CellVerdict,
    ModelFailure,
    Setting,
)

Row = Mapping[str, Any]
# The kinds of surprises that are findings of their own; others are counted.
SHOWN = (
    "silently-wrong",
    "fixed-size",
    "invalid",
    "loads-nowhere",
    "metric-moved",
    "silently-moved",
)


def answer(
    verdicts: Collection[CellVerdict],
    models: Sequence[Row],
    cells: Sequence[Row],
    surprises: Iterable[Row],
    failures: Iterable[Row],
    aim: Aim | None = None,
) -> Answer:
    """The answer, from the verdicts on all cells and the rows of the tables with these names."""
    aim = aim or Aim()
    right: dict[str, list[Row]] = {row["model"]: [] for row in models}
    qualified = qualifying(cells, verdicts)
    for cell in qualified:
        right[cell["model"]].append(cell)
    order = exporters_of(cells)

    def setting_for(names: Collection[str]) -> Setting | None:
        """What is right for all of these models."""
        choice = choose(names, (cell for name in names for cell in right[name]), order, aim)
        if choice is None or len(choice.cells) < len(names):
            return None
        return {"exporter": choice.exporter, "opset": choice.opset}

    running = {row["model"]: row for row in models if row["outcome"] == "ok"}
    best = choose(running, qualified, order, aim)
    everywhere = right_for_all(running, qualified, order, aim)
    grouped = group_surprises(surprises)
    return {
        "version": VERSION,
        "stage": "answer",
        "models": len(models),
        "exporters": len(order),
        "cells": len(cells),
        "files": sum(cell["sha256"] is not None for cell in cells),
        "right": len(qualified),
        "runtimes": _runtimes(verdicts),
        "setting": {"exporter": best.exporter, "opset": best.opset} if best else None,
        "for_all": [
            {"exporter": name, "first": first, "last": last}
            for name, opsets in everywhere.items()
            for first, last in spans(opsets)
        ],
        "highest": max((cell["requested"] for cell in cells), default=None),
        "policy": aim.policy,
        "targets": [each["target"] for each in aim.limits],
        "exceptions": [
            _exception(row) for name, row in running.items() if not best or name not in best.cells
        ],
        "not_run": {row["model"]: row["why"] for row in models if row["outcome"] != "ok"},
        "findings": [
            {**finding, "use": setting_for(finding["models"])} for finding in _findings(grouped)
        ],
        "others": dict(Counter(each.kind for each in grouped if each.kind not in SHOWN)),
        "failures": [_failure(row) for row in failures],
    }


def _runtimes(verdicts: Iterable[CellVerdict]) -> list[str]:
    """The runtimes that ran a file at all."""
    return list(dict.fromkeys(each["runtime"] for each in verdicts if each["outputs"]))


def _exception(row: Row) -> AnswerException:
    use: Setting | None = None
    if row["use_exporter"]:
        use = {"exporter": row["use_exporter"], "opset": row["use_opset"]}
    return {"model": row["model"], "use": use, "why": "" if use else row["why"]}


def _failure(row: Row) -> ModelFailure:
    names = "model", "stage", "what", "detail", "traceback"
    return {name: row[name] for name in names}  # type: ignore[return-value]


def _findings(surprises: Iterable[Surprise]) -> Iterator[AnswerFinding]:
    """A finding for each kind and model, over all exporters; for moved files, each reason."""
    found: dict[tuple[str, str], list[Surprise]] = {}
    for surprise in surprises:
        if surprise.kind in SHOWN:
            moved = surprise.kind == "silently-moved"
            subject = surprise.findings[0].text if moved else next(iter(surprise.models))
            found.setdefault((surprise.kind, subject), []).append(surprise)
    for (kind, _), group in found.items():
        places = (
            f"{each.exporter} {as_ranges(n for opsets in each.models.values() for n in opsets)}"
            for each in group
        )
        yield {
            "kind": kind,
            "models": list(dict.fromkeys(model for each in group for model in each.models)),
            "where": ", ".join(places),
            "why": group[0].findings[0].text,
            "use": None,
        }
