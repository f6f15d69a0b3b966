"""Changes for display: equal ones grouped, and the one to show first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opset_atlas.records import Change, Step
from opset_atlas.stages.report.data import Data, Row, Sweep

_PAGE = re.compile(r"text_diff_(\w+)_(\d+)_(\d+)\.html$")
_STATEMENT = (
    "kind",
    "op_type",
    "parameter",
    "cause",
    "from_version",
    "to_version",
    "explanation",
    "url",
)


@dataclass(frozen=True)
class GroupedChange:
    """One statement and the steps that it applies to, as (model, exporter, from, to)."""

    row: Row
    where: list[tuple[str, str, int, int]]

    @property
    def models(self) -> list[str]:
        """The models of `where`, each once."""
        return list(dict.fromkeys(model for model, *_ in self.where))

    @property
    def exporters(self) -> list[str]:
        """The exporters of `where`, each once."""
        return list(dict.fromkeys(exporter for _, exporter, _, _ in self.where))


def group_changes(rows: Iterable[Row]) -> list[GroupedChange]:
    """Group equal changes of models, steps and exporters, in order of first occurrence."""
    found: dict[tuple[Any, ...], GroupedChange] = {}
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        key = tuple(row[name] for name in _STATEMENT)
        place = (row["model"], row["exporter"], row["from_opset"], row["to_opset"])
        if (key, place) not in seen:
            seen.add((key, place))
            found.setdefault(key, GroupedChange(row, [])).where.append(place)
    return list(found.values())


def cited(change: Mapping[str, Any]) -> dict[str, str]:
    """The operator and versions that a change is about: those of the page it cites, if any.

    A node that another operator's transition added is listed under its own name, without versions.
    """
    page = _PAGE.search(change["url"] or "")
    if page:
        return {"op": page[1], "versions": f"{page[2]} → {page[3]}"}
    return {"op": change.get("op_type", ""), "versions": ""}


def first_to_show(data: Data) -> tuple[Sweep, Step, Change] | None:
    """The change to show first: caused by the schema, with an input omitted after it.

    Otherwise the first that the schema caused, or None.
    """
    first = None
    keys = [
        (row["model"], row["exporter"])
        for row in data.tables["changes"]
        if row["cause"] == "schema"
    ]
    for sweep in (data.sweeps[key] for key in dict.fromkeys(keys)):
        for step in sweep.compare["steps"]:
            for change in step["changes"]:
                if change["cause"] != "schema":
                    continue
                first = first or (sweep, step, change)
                if _becomes_omitted(data, sweep, step, change):
                    return sweep, step, change
    return first


def _becomes_omitted(data: Data, sweep: Sweep, step: Step, change: Change) -> bool:
    if not change["parameter"] or "omitted" not in change["after"]:
        return False
    indices = {place["to_node"] for place in change["places"]}
    return any(
        port["given"] == "omitted" and port["parameter"] == change["parameter"]
        for node in data.graph(sweep.model, step["to_graph"])["graph"]["nodes"]
        if node["index"] in indices and node["op"] == change["op_type"]
        for port in node["inputs"]
    )
