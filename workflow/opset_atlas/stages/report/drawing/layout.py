"""The layout of scenes: graphviz places boxes and links, many scenes in one process.

`dot` receives only sizes, never a text from a model. Coordinates are in pixels, y down.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from opset_atlas.graph.spelling import visible
from opset_atlas.stages.report.drawing.scene import Box, Link, Scene

INCH = 72.0
# Widths of a monospaced character at 11 px, 12 px bold and 10 px, rounded up.
CHARACTER, BOLD, SMALL = 6.65, 7.3, 6.05
SCOPE = 34  # characters of a module path
LINE, HEAD, PAD = 17, 24, 8  # heights of a line and of a title; margin on both sides of a text
GAP = 12  # between a parameter's name and what it is given
SECONDS = 120  # per call; after that, the pages say that there is no picture
TOGETHER = 100  # scenes per call

Point = tuple[float, float]


@dataclass(frozen=True)
class Path:
    """A link's Bézier curve and the center of its label."""

    points: tuple[Point, ...]
    label: Point


@dataclass(frozen=True)
class Plan:
    """The layout of one scene, with boxes in the order of the scene.

    A box has its upper left corner, width and height; the paths of links between two boxes are in
    the order of the scene. `notice` says why there is no layout.
    """

    width: float = 0
    height: float = 0
    boxes: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    links: dict[tuple[int, int], list[Path]] = field(default_factory=dict)
    notice: str = ""


class Planner:
    """Plans of scenes; equal scenes are placed once, prepared ones in few processes."""

    def __init__(self) -> None:
        self._known: dict[str, Plan] = {}
        self._missing = "" if shutil.which("dot") else "graphviz is not installed"

    def prepare(self, scenes: Iterable[Scene]) -> None:
        """Place many scenes at once."""
        waiting = list(dict.fromkeys(source for source in map(_source, scenes)))
        waiting = [source for source in waiting if source not in self._known]
        for start in range(0, len(waiting), TOGETHER):
            part = waiting[start : start + TOGETHER]
            self._known |= zip(part, self._place(part), strict=True)

    def plan(self, scene: Scene) -> Plan:
        """The plan of a scene, or one with a notice if it could not be placed."""
        source = _source(scene)
        if source not in self._known:
            self._known[source] = self._place([source])[0]
        return self._known[source]

    def forget(self) -> None:
        """Drop every plan, so that a long run keeps those of only a few models at a time."""
        self._known.clear()

    def _place(self, sources: Sequence[str]) -> list[Plan]:
        if self._missing:
            return [Plan(notice=self._missing)] * len(sources)
        try:
            done = subprocess.run(
                ["dot", "-Tplain"],
                input="\n".join(sources),
                capture_output=True,
                encoding="utf-8",
                timeout=SECONDS,
                check=True,
            )
            return list(_plans(done.stdout.splitlines(), len(sources)))
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            if len(sources) > 1:  # place each alone, so that one failure costs only one picture
                return [self._place([source])[0] for source in sources]
            return [Plan(notice=visible(f"graphviz failed: {error}", 200))]


def size(box: Box) -> tuple[float, float]:
    """The width and height that fit the cards of both sides."""
    cards = [card for card in (box.left, box.right) if card]
    lines = [line for card in cards for line in card.lines]
    texts = column(box) + max((len(line.text) for line in lines), default=0) * CHARACTER
    titles = max(len(card.title) for card in cards) * BOLD
    scopes = max(len(short(card.scope)) for card in cards) * SMALL
    scope = any(card.scope for card in cards)
    height = HEAD + LINE * (len(box.rows) + scope) + (PAD / 2 if box.rows or scope else 0)
    return round(max(texts, titles, scopes, 40.0) + 2 * PAD), height


def column(box: Box) -> float:
    """The offset of the texts to the right of the names, on both sides; 0 without names."""
    cards = [card for card in (box.left, box.right) if card]
    longest = max((len(line.name) for card in cards for line in card.lines), default=0)
    return longest * CHARACTER + GAP if longest else 0.0


def short(scope: str) -> str:
    """The end of a module path, which says more than its beginning."""
    return scope if len(scope) <= SCOPE else f"…{scope[1 - SCOPE :]}"


def label_of(link: Link) -> str:
    """The longer label of the two sides, for which the plan leaves room."""
    return max((spelled(link, text) for text in (link.left, link.right)), key=len)


def spelled(link: Link, text: str | None) -> str:
    """A link's label: the formal parameter, then the type."""
    return " ".join(filter(None, [visible(link.parameter, 20), visible(text or "", 28)]))


def _source(scene: Scene) -> str:
    """The scene in graphviz's language: only numbers and sizes."""
    numbers = {key: number for number, key in enumerate(scene.boxes)}
    lines = [
        "digraph {",
        'graph [rankdir=TB nodesep=0.3 ranksep=0.28]; node [shape=box fixedsize=true label=""];',
    ]
    for key, box in scene.boxes.items():
        width, height = size(box)
        lines.append(f"b{numbers[key]} [width={width / INCH:.4f} height={height / INCH:.4f}]")
    for link in scene.links.values():
        width = len(label_of(link)) * SMALL + 10
        sized = f'fixedsize="true" width="{width:.0f}" height="16" border="0"'
        lines.append(
            f"b{numbers[link.source]} -> b{numbers[link.target]}"
            f" [label=<<table {sized}><tr><td></td></tr></table>>]"
        )
    return "\n".join([*lines, "}"])


def _plans(lines: Iterable[str], count: int) -> Iterator[Plan]:
    rows = iter(lines)
    for _ in range(count):
        yield _plan(rows)


def _plan(rows: Iterator[str]) -> Plan:
    """Parse one graph in graphviz's plain format, up to its `stop`: inches, y up.

    Only edges between the same two nodes are in the order of the source.
    """
    plan = Plan()
    for row in rows:
        kind, *words = row.split(" ")
        if kind == "graph":
            plan = Plan(_pixels(words[1]), _pixels(words[2]))
        elif kind == "node":
            x, y, width, height = map(_pixels, words[1:5])
            corner = round(x - width / 2, 1), round(plan.height - y - height / 2, 1)
            plan.boxes[int(words[0][1:])] = (*corner, width, height)
        elif kind == "edge":
            end = 3 + 2 * int(words[2])
            # After the points: the label, its center, style and color.
            *points, middle = (
                (_pixels(x), round(plan.height - _pixels(y), 1))
                for x, y in _pairs([*words[3:end], *words[end + 1 : end + 3]])
            )
            ends = int(words[0][1:]), int(words[1][1:])
            plan.links.setdefault(ends, []).append(Path(tuple(points), middle))
        elif kind == "stop":
            return plan
    raise ValueError("its output ends early")


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Consecutive items in pairs."""
    return zip(words[::2], words[1::2], strict=True)


def _pixels(inches: str) -> float:
    return round(float(inches) * INCH, 1)
