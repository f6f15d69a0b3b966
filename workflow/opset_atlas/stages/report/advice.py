"""The advice for the whole run, for the first page: what is right for all, and for how many."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from opset_atlas.findings.advice import exporters_of, qualifying
from opset_atlas.findings.answer_lines import in_words
from opset_atlas.findings.preference import DEPRECATED, of_spec, right_for_all, spans
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
    everywhere = right_for_all(running, right, order, aim)
    return {
        "running": len(running),
        "targets": [each["target"] for each in aim.limits],
        "deprecated": aim.default_exporter != DEPRECATED and DEPRECATED in order,
        "for_all": in_words(
            [
                {"exporter": name, "first": first, "last": last}
                for name, found in everywhere.items()
                for first, last in spans(found)
            ],
            max((cell["requested"] for cell in cells), default=None),
        ),
        "strips": [
            (name, _shares(name, opsets, right, running))
            for name in sorted(order, key=aim.standing)
        ],
    }


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
