"""Changes for reading: equal ones told once, and both graphs of a step as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from atlas.records import Change, GraphFile, Node, Step
from atlas.report_data import Data, Row, Sweep
from atlas.report_svg import inline

MOST_PICTURES = 3_000_000  # characters of pictures on a page; a browser stays quick below that
_PAGE = re.compile(r"text_diff_(\w+)_(\d+)_(\d+)\.html$")
_TOLD = (
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
class Told:
    """One statement and the steps that it holds for, as (exporter, from, to)."""

    row: Row
    where: list[tuple[str, int, int]]

    @property
    def exporters(self) -> list[str]:
        """The exporters of `where`, each once."""
        return list(dict.fromkeys(exporter for exporter, _, _ in self.where))


@dataclass(frozen=True)
class Side:
    """One graph of a pair: the picture, or a notice that says why there is none."""

    opset: int
    graph: str
    picture: Markup
    notice: str
    nodes: int


@dataclass
class Pictures:
    """Draws graphs into one page until the page is full; ids stay unique on it."""

    data: Data
    drawn: int = 0
    left: int = MOST_PICTURES
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def pair(self, sweep: Sweep, step: Step) -> tuple[Side, Side]:
        """Both graphs of a step, with what changed pointed out in each."""
        return (
            self.one(sweep, step["from_graph"], step["from_opset"], step["changes"], "from_node"),
            self.one(sweep, step["to_graph"], step["to_opset"], step["changes"], "to_node"),
        )

    def one(
        self,
        sweep: Sweep,
        graph: str,
        opset: int,
        changes: Iterable[Change] = (),
        side: str = "",
    ) -> Side:
        """One graph; `side` says which of a place's nodes stands in it."""
        self.seen.add((sweep.model, sweep.exporter, graph))
        entry = sweep.dump["graphs"][graph]
        picture, notice = Markup(), entry["notice"]
        if entry["picture"]:
            path = self.data.graph_folder(sweep.model, sweep.exporter) / entry["picture"]
            label = f"{sweep.model}, {sweep.exporter}, opset {opset}: {entry['nodes']} nodes"
            picture, notice = self._draw(path.read_text("utf-8"), label, marks(changes, side))
        return Side(opset, graph, picture, notice, entry["nodes"])

    def _draw(self, text: str, label: str, marks: dict[int, set[str]]) -> tuple[Markup, str]:
        if len(text) > self.left:
            return Markup(), "this page holds enough pictures; the file has this one"
        self.drawn += 1
        self.left -= len(text)
        try:
            return inline(text, f"p{self.drawn}", label, marks), ""
        except ValueError as error:
            return Markup(), str(error)


def tell(rows: Iterable[Row]) -> list[Told]:
    """Equal changes of several steps and exporters as one, in the order of their first."""
    told: dict[tuple[Any, ...], Told] = {}
    for row in rows:
        key = tuple(row[name] for name in _TOLD)
        place = (row["exporter"], row["from_opset"], row["to_opset"])
        if key not in told:
            told[key] = Told(row, [place])
        elif place not in told[key].where:
            told[key].where.append(place)
    return list(told.values())


def cited(change: Mapping[str, Any]) -> dict[str, str]:
    """Operator and versions that a change is about: those of the page that it cites, if any.

    A node that another operator's transition brought stands under its own name, not its version's.
    """
    page = _PAGE.search(change["url"] or "")
    if page:
        return {"op": page[1], "versions": f"{page[2]} → {page[3]}"}
    return {"op": change["op_type"], "versions": ""}


def telling(data: Data) -> tuple[Sweep, Step, Change] | None:
    """The change to show first: caused by the schema, and an input is omitted after it.

    Without one, the first that the schema caused; without any, None.
    """
    found = [
        (sweep, step, change)
        for sweep in data.sweeps.values()
        for step in sweep.compare["steps"]
        for change in step["changes"]
        if change["cause"] == "schema"
    ]
    for sweep, step, change in found:
        if _becomes_omitted(data.graph(sweep, step["to_graph"]), change):
            return sweep, step, change
    return found[0] if found else None


def _becomes_omitted(graph: GraphFile, change: Change) -> bool:
    indices = {place["to_node"] for place in change["places"]}
    return bool(change["parameter"]) and any(
        port["given"] == "omitted" and port["parameter"] == change["parameter"]
        for node in _nodes(graph)
        if node["index"] in indices and node["op"] == change["op_type"]
        for port in node["inputs"]
    )


def _nodes(graph: GraphFile) -> Iterator[Node]:
    yield from graph["graph"]["nodes"]


def marks(changes: Iterable[Change], side: str) -> dict[int, set[str]]:
    """Node index → parameters that changed in it; `side` is `from_node` or `to_node`."""
    found: dict[int, set[str]] = {}
    for change in changes:
        for place in change["places"]:
            index = place["from_node"] if side == "from_node" else place["to_node"]
            if index is not None:
                found.setdefault(index, set()).add(change["parameter"])
    return found
