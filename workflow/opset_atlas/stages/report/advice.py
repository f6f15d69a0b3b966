"""The advice for the whole run, for the first page: what is right for all, and for how many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from opset_atlas.findings.advice import exporters_of, qualifying
from opset_atlas.findings.answer_lines import in_words
from opset_atlas.findings.preference import (
    DEPRECATED,
    Choice,
    choose,
    of_spec,
    right_for_all,
    spans,
)
from opset_atlas.records import SettingRange
from opset_atlas.stages.report.data import Data


def lead(data: Data, opsets: Sequence[int]) -> dict[str, Any]:
    """The variables of `advice_lead.html.j2`.

    Args:
        opsets: the columns of the strips.
    """
    cells, aim = data.tables["cells"], of_spec(data.spec)
    running = {row["model"] for row in data.tables["models"] if row["outcome"] == "ok"}
    right = [cell for cell in qualifying(cells, data.verdicts) if cell["model"] in running]
    order = exporters_of(cells)
    exporters = list(dict.fromkeys(e for es in data.spec["sweeps"].values() for e in es))
    bounds = {"": aim} | {str(opset): aim.up_to(opset) for opset in opsets}
    highest = max((cell["requested"] for cell in cells), default=None)
    own: dict[str, list[Any]] = {model: [] for model in running}
    for cell in right:
        own[cell["model"]].append(cell)
    return {
        "running": len(running),
        "targets": [each["target"] for each in aim.limits],
        "deprecated": aim.default_exporter != DEPRECATED and DEPRECATED in order,
        "for_all": {
            bound: _in_words(right_for_all(running, right, order, each), highest)
            for bound, each in bounds.items()
        },
        "best": {
            bound: _best(choose(running, right, order, each)) for bound, each in bounds.items()
        },
        "upto": {
            model: " ".join(
                _answer(choose({model}, found, order, each), exporters)
                for bound, each in bounds.items()
                if bound
            )
            for model, found in own.items()
        },
        "strips": [
            (name, _shares(name, opsets, right, running))
            for name in sorted(order, key=aim.standing)
        ],
    }


def _in_words(found: Mapping[str, Sequence[int]], highest: int | None) -> str:
    ranges: list[SettingRange] = [
        {"exporter": name, "first": first, "last": last}
        for name, opsets in found.items()
        for first, last in spans(opsets)
    ]
    return in_words(ranges, highest)


def _best(choice: Choice | None) -> str:
    """What is right for most models, where nothing is right for all; "" if for none."""
    if choice is None:
        return ""
    return f"{choice.exporter} at opset {choice.opset} is right for {len(choice.cells)} of them"


def _answer(choice: Choice | None, exporters: Sequence[str]) -> str:
    """A setting as the script reads it: the number of the exporter, and the opset; `-` if none."""
    return f"{exporters.index(choice.exporter)}.{choice.opset}" if choice else "-"


def _shares(
    exporter: str, opsets: Sequence[int], right: Sequence[Any], running: Collection[str]
) -> list[dict[str, int]]:
    """Per opset, how many models are right, and their share in tenths, rounded down."""
    counts = dict.fromkeys(opsets, 0)
    for cell in right:
        if cell["exporter"] == exporter and cell["requested"] in counts:
            counts[cell["requested"]] += 1
    return [
        {"right": count, "tenths": 10 * count // max(1, len(running))} for count in counts.values()
    ]
