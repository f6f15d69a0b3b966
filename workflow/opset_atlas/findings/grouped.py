"""Surprises that say the same, together: for the report and for the answer on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

KINDS = {
    "silently-wrong": "Silently wrong",
    "fixed-size": "Wrong at other sizes",
    "invalid": "Invalid file",
    "loads-nowhere": "Runs nowhere",
    "metric-moved": "A metric moves",
    "misdeclared": "Declares something else",
    "silently-moved": "Another opset",
    "above-noise": "Beyond float noise",
    "off-text": "Not as the schema says",
}


@dataclass(frozen=True)
class Finding:
    """A statement on some opsets in some runtimes; `source`: the line of code it is about.

    `way_out`: what torch has for it, and `way_out_url` the page that says how.
    """

    text: str
    source: str
    opsets: list[int]
    runtimes: list[str]
    way_out: str = ""
    way_out_url: str = ""


@dataclass(frozen=True)
class Surprise:
    """Equal surprises, grouped. `models` maps to opsets; moved files group over all models."""

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
            way = (row.get("way_out") or "", row.get("way_out_url") or "")
            same = [Finding(text, row["source"] or "", [], [], *way)]
            surprise.findings.extend(same)
        _add(same[0].opsets, row["requested"])
        if row["runtime"]:
            _add(same[0].runtimes, row["runtime"])
    return sorted(found.values(), key=lambda surprise: surprise.severity)


def _add(values: list[Any], value: Any) -> None:
    if value not in values:
        values.append(value)


def _finding(row: Row) -> str:
    """The sentence without exporter, opset and runtime, which are shown next to it."""
    text: str = row["sentence"].removeprefix(f"{row['exporter']} at opset {row['requested']}")
    return text.lstrip(":; ").removeprefix(row["runtime"] or "").lstrip(":; ")
