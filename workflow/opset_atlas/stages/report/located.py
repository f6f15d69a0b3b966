"""Where wrong results begin, for the report: the findings of each sweep, with their opsets."""

from __future__ import annotations

from dataclasses import dataclass, field

from opset_atlas.stages.report.data import Data


@dataclass
class Origin:
    """A finding of the locate stage. `reproducer` is a folder below results, or "".

    `source`: the lines of the user's code that it is about.
    """

    sentence: str
    source: str
    inputs: list[str]
    reproducer: str
    opsets: list[int] = field(default_factory=list)
    runtimes: list[str] = field(default_factory=list)


def origins(data: Data) -> dict[tuple[str, str], list[Origin]]:
    """Findings by model and exporter, in table order."""
    found: dict[tuple[str, str], dict[tuple[str, str], Origin]] = {}
    for row in data.tables["located"]:
        sweep = found.setdefault((row["model"], row["exporter"]), {})
        inputs = list(filter(None, (row["inputs"] or "").split("; ")))
        fresh = Origin(row["sentence"], row["source"] or "", inputs, row["reproducer"] or "")
        origin = sweep.setdefault((fresh.sentence, fresh.reproducer), fresh)
        for values, value in ((origin.opsets, row["requested"]), (origin.runtimes, row["runtime"])):
            if value not in values:
                values.append(value)
    return {sweep: list(each.values()) for sweep, each in found.items()}
