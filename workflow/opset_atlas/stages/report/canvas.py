"""A pair: what differs and why, both graphs in one layout, and what the schema changed.

A pair is two opsets of a sweep, two exporters at one opset, or any two files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from opset_atlas.drawing.draw import SIGNS, draw
from opset_atlas.drawing.fold import Folded, fold
from opset_atlas.drawing.pairs import scene
from opset_atlas.drawing.plan import plan
from opset_atlas.drawing.scene import SIDES, Scene
from opset_atlas.findings.preference import as_ranges
from opset_atlas.graph.as_text import as_text
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.operators import definitions
from opset_atlas.records import Change, Contrast, GraphFile, Step
from opset_atlas.stages.report.changes import cited
from opset_atlas.stages.report.data import Data, Sweep
from opset_atlas.stages.report.files import Link, graph_links
from opset_atlas.stages.report.versions import VersionRow, side_by_side


@dataclass(frozen=True)
class Parity:
    """What parity measured for a file in one runtime.

    `error` is the largest `n_runtime` of its outputs, in units of rounding; None if nothing was
    measured, for example because the runtime rejects the file. `limit` is what the error of that
    output may be at most.
    """

    runtime: str
    verdict: str
    error: float | None
    limit: float | None = None


@dataclass(frozen=True)
class File:
    """One of two graphs: its name, opset, content and parity in each runtime.

    `key` is its digest in the run; "" for a file outside any run, which has no `parity` and no
    `links` to files in the report.
    """

    name: str
    opset: int
    graph: GraphFile
    key: str = ""
    parity: Sequence[Parity] = ()
    links: Sequence[Link] = ()


@dataclass(frozen=True)
class Numbered:
    """A change and its number.

    `boxes` are the keys of the boxes that it concerns, `anchor` is the id of the first in a picture
    ("" if none is drawn), `happened` one of `SIGNS`.
    """

    number: int
    change: Change
    boxes: list[str]
    anchor: str = ""
    happened: str = "meaning"


@dataclass(frozen=True)
class Drawn:
    """A side in the template: its file, picture and text."""

    file: File
    nodes: int
    picture: Markup
    text: str


@dataclass(frozen=True)
class Passage:
    """An operator's transition between two versions: the rows of parameters that differ."""

    op: str
    domain: str
    old: int
    new: int
    rows: list[VersionRow]
    notes: list[definitions.Note]
    summary: str
    url: str | None


@dataclass(frozen=True)
class Pair:
    """Two graphs and their differences. `title` is for pages, `place` is its path."""

    model: str
    title: str
    place: str
    left: File
    right: File
    changes: Sequence[Change]


def step_place(model: str, exporter: str, first: int, last: int) -> str:
    """The path of a step's page in the report's folder."""
    return f"pairs/{model}/{exporter}-{first}-{last}.html"


def contrast_place(model: str, pair: Mapping[str, Any]) -> str:
    """The path of the page of two exporters at one opset, in the report's folder."""
    return f"pairs/{model}/{pair['left']}-vs-{pair['right']}-{pair['opsets'][0]}.html"


def pairs(data: Data, model: str) -> Iterator[Pair]:
    """Every pair of a model that differs: steps of its sweeps, then its exporters."""
    for sweep in data.sweeps_of(model):
        for step in sweep.compare["steps"]:
            if step["changes"]:
                yield of_step(data, sweep, step)
    for contrast in contrasts(data, model):
        if contrast["changes"]:
            yield _of_contrast(data, model, contrast)


def contrasts(data: Data, model: str) -> list[Contrast]:
    """The contrasts of a model's exporters; those with the same changes are one, at their opsets.

    Its graphs and places are those of the first opset.
    """
    found: dict[tuple[str, str, str], Contrast] = {}
    for pair in data.comparisons[model]["pairs"]:
        changes = [{**change, "places": len(change["places"])} for change in pair["changes"]]
        key = pair["left"], pair["right"], json.dumps(changes)
        same = found.get(key, {**pair, "opsets": []})
        found[key] = {**same, "opsets": sorted([*same["opsets"], *pair["opsets"]])}
    return list(found.values())


def of_step(data: Data, sweep: Sweep, step: Step, changes: Sequence[Change] = ()) -> Pair:
    """The pair of a step, with all or some of its changes."""
    first, last = step["from_opset"], step["to_opset"]
    left, right = (
        File(
            f"opset {opset}",
            opset,
            data.graph(sweep.model, key),
            key,
            parity(data, sweep.model, sweep.exporter, opset),
            graph_links(data, sweep.model, key),
        )
        for opset, key in ((first, step["from_graph"]), (last, step["to_graph"]))
    )
    return Pair(
        sweep.model,
        f"{sweep.exporter}, opset {first} → {last}",
        step_place(sweep.model, sweep.exporter, first, last),
        left,
        right,
        changes or step["changes"],
    )


def _of_contrast(data: Data, model: str, contrast: Contrast) -> Pair:
    opset, *others = contrast["opsets"]
    ends = [
        (contrast["left"], contrast["left_graph"]),
        (contrast["right"], contrast["right_graph"]),
    ]
    left, right = (
        File(
            name,
            opset,
            data.graph(model, key),
            key,
            parity(data, model, name, opset),
            graph_links(data, model, key),
        )
        for name, key in ends
    )
    return Pair(
        model,
        f"{contrast['left']} and {contrast['right']}, opset {opset}"
        + (f", and the same differences at {as_ranges(others)}" if others else ""),
        contrast_place(model, contrast),
        left,
        right,
        contrast["changes"],
    )


def parity(data: Data, model: str, exporter: str, opset: int) -> list[Parity]:
    """The parity of a cell in every available runtime."""
    found, allowed = [], data.tolerances(model)
    for verdict in data.verdicts_of.get((model, exporter, opset), []):
        if verdict["verdict"] not in {"absent", "unavailable"}:
            errors = [
                (o["n_runtime"], _limit(o["n_torch"], allowed))
                for o in verdict["outputs"]
                if o["n_runtime"] is not None
            ]
            error, limit = max(errors, default=(None, None), key=lambda each: each[0] or 0.0)
            found.append(Parity(verdict["runtime"], verdict["verdict"], error, limit))
    return found


def _limit(n_torch: float | None, allowed: Tolerances) -> float | None:
    return None if n_torch is None else max(allowed.noise_factor * n_torch, allowed.noise_floor)


class Canvas:
    """The scene of a pair, folded if it is too large, with the numbers of its changes."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        whole = scene(pair.left.graph["graph"], pair.right.graph["graph"])
        ordered = [change for change in pair.changes if not change["neutral"]]
        ordered += [change for change in pair.changes if change["neutral"]]
        places = [list(_boxes(whole, pair, change)) for change in ordered]
        first = [keys[0] for keys in places if keys]
        every = [key for keys in places for key in keys]
        self.folded: Folded = fold(whole, [*first, *every])
        self.changes = [
            self._numbered(
                number, change, list(dict.fromkeys(self.folded.into[key] for key in keys))
            )
            for number, (change, keys) in enumerate(zip(ordered, places, strict=True), 1)
        ]

    def _numbered(self, number: int, change: Change, keys: list[str]) -> Numbered:
        boxes = [self.folded.scene.boxes[key] for key in keys]
        alone = {"added" if box.left is None else "removed" for box in boxes if box.alone}
        happened = "encoding" if change["neutral"] else "meaning"
        if len(alone) == 1 and all(box.alone for box in boxes) and not change["neutral"]:
            happened = alone.pop()
        anchor = f"{'left' if boxes[0].left else 'right'}-{keys[0]}" if keys else ""
        return Numbered(number, change, keys, anchor, happened)

    def draw(self, prefix: str = "", texts: bool = False) -> list[Drawn]:
        """Both sides. `prefix` keeps ids unique on a page with several pairs."""
        numbers: dict[str, list[int]] = {}
        for each in self.changes:
            for key in each.boxes:
                numbers.setdefault(key, []).append(each.number)
        neutral = {each.number for each in self.changes if each.change["neutral"]}
        placed = plan(self.folded.scene)
        drawn: list[Drawn] = []
        for side, file in zip(SIDES, (self.pair.left, self.pair.right), strict=True):
            nodes = len(file.graph["graph"]["nodes"])
            label = f"{self.pair.model} {file.name}, {nodes} nodes".strip()
            shared = f"{prefix}{SIDES[0]}" if drawn else ""
            own = f"{prefix}{side}"
            svg = draw(self.folded.scene, placed, side, label, own, numbers, shared, neutral)
            drawn.append(Drawn(file, nodes, svg, as_text(file.graph) if texts else ""))
        return drawn

    def context(self, texts: bool = False) -> dict[str, Any]:
        """The variables of a pair's template, without those of the report around it."""
        return {
            "pair": self.pair,
            "signs": SIGNS,
            "folded": self.folded,
            "sides": self.draw(texts=texts),
            "different": [each for each in self.changes if not each.change["neutral"]],
            "same": [each for each in self.changes if each.change["neutral"]],
            "passages": passages(self.pair.changes),
        }


def _boxes(whole: Scene, pair: Pair, change: Change) -> Iterator[str]:
    """The boxes of a change's nodes. Nodes of a subgraph, recognized by name, have none."""
    left, right = pair.left.graph["graph"]["nodes"], pair.right.graph["graph"]["nodes"]
    for place in change["places"]:
        one, other = place["from_node"], place["to_node"]
        index, nodes = (other, right) if one is None else (one, left)
        if index is None or index >= len(nodes) or nodes[index]["name"] != place["name"]:
            continue
        if one is not None and one in whole.left:
            yield whole.left[one]
        if other is not None and other in whole.right:
            yield whole.right[other]


def passages(changes: Iterable[Change]) -> list[Passage]:
    """What the schema changed, for every transition that a change cites."""
    found: dict[tuple[str, str, int, int], Passage] = {}
    for change in changes:
        old, new = change["from_version"], change["to_version"]
        op, domain = cited(change)["op"], change["domain"]
        if change["cause"] != "schema" or old is None or new is None or old == new:
            continue
        if (op, domain, old, new) not in found and {old, new} <= set(
            definitions.versions(op, domain)
        ):
            found[op, domain, old, new] = _passage(op, domain, old, new)
    return list(found.values())


def _passage(op: str, domain: str, old: int, new: int) -> Passage:
    transition = definitions.transition(op, old, new, domain)
    about = {name for change in transition.changes for name in change.names}
    rows = [
        row
        for row in side_by_side(op, domain)
        if {cell.name for cell in row.cells.values()} & about and {old, new} & row.cells.keys()
    ]
    return Passage(
        op,
        domain,
        old,
        new,
        [row for row in rows if _differs(row, old, new)],
        [
            note
            for step in transition.steps
            for note in definitions.notes(op, step.old, step.new, domain)
        ],
        transition.summary.value,
        definitions.url(op, old, new, domain),
    )


def _differs(row: VersionRow, old: int, new: int) -> bool:
    ends = [row.cells.get(old), row.cells.get(new)]
    if None in ends:
        return True
    words = [(c.name, c.presence, c.default, c.all_types) for c in ends if c]
    return len(set(words)) > 1
