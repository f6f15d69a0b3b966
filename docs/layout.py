"""The layout of graphs beside that of graphviz: `make layout` prints the tables of docs/report.md.

Every pair of graphs of a finished run is placed, folded as the report draws it; pairs with equal
sizes of boxes and labels count once. With --random, graphs of 30 to 300 boxes with random links are
placed too. Both layouts get the same boxes and labels. Without the program `dot` there is only one.

crossings  of curves, counted where they are drawn
bends      how far curves turn in total, in right angles
through    curves that pass through a box that is not theirs, labels over other labels or boxes,
           and boxes over boxes
area       of the picture, in millions of square pixels
seconds    of CPU, with those of the started process
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import combinations, pairwise
from pathlib import Path

from opset_atlas.drawing import plan
from opset_atlas.drawing.layered.place import Link, Size, place
from opset_atlas.drawing.layered.routes import Point
from opset_atlas.stages.report.canvas import Canvas, pairs
from opset_atlas.stages.report.data import load

INCH = 72.0
TOGETHER = 100  # graphs per process of `dot`
CLASSES = (10, 20, 40, 90, 1000)  # largest numbers of boxes
STEPS = 8  # straight pieces of a Bézier curve

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Graph:
    """What a layout is given."""

    sizes: tuple[Size, ...]
    links: tuple[Link, ...]


@dataclass
class Drawing:
    """What a layout returns; curves and labels are in the order of the links."""

    width: float
    height: float
    boxes: list[Rectangle]
    curves: list[Sequence[Point]]
    labels: list[Point]


@dataclass(frozen=True)
class Quality:
    """Measures of one drawing."""

    crossings: int
    bends: float
    through: int
    area: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    parser.add_argument("--random", type=int, default=0, metavar="N", help="so many of each size")
    options = parser.parse_args()
    layouts: dict[str, Callable[[Sequence[Graph]], list[Drawing]]] = {"own": _own}
    if shutil.which("dot"):
        layouts["dot"] = _dot
    else:
        print("graphviz's `dot` is not installed: no comparison", file=sys.stderr)
    graphs = list(dict.fromkeys(_of_run(options.results)))
    _table(f"{len(graphs)} pairs of {options.results}", graphs, layouts)
    if options.random:
        _table("random graphs", list(_random(options.random)), layouts)


def _table(
    title: str,
    graphs: Sequence[Graph],
    layouts: dict[str, Callable[[Sequence[Graph]], list[Drawing]]],
) -> None:
    print(
        f"\n{title}\n\n| boxes | graphs | layout | crossings | bends | through | area | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    classes: dict[int, list[Graph]] = defaultdict(list)
    for graph in graphs:
        classes[next(most for most in CLASSES if len(graph.sizes) <= most)].append(graph)
    for most, members in sorted(classes.items()):
        for name, layout in layouts.items():
            started = _seconds()
            drawings = layout(members)
            seconds = _seconds() - started
            found = [_quality(*pair) for pair in zip(members, drawings, strict=True)]
            crossings, bends, through, area = (
                sum(getattr(each, field.name) for each in found) for field in fields(Quality)
            )
            print(
                f"| ≤ {most} | {len(members)} | {name} | {crossings:,} | {bends:,.0f}"
                f" | {through} | {area:.1f} | {seconds:.2f} |",
                flush=True,
            )


def _seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _of_run(results: Path) -> Iterator[Graph]:
    """The graphs of all pairs of a run, as the report places them."""
    data = load(json.loads((results / "run.json").read_text(encoding="utf-8")), results)
    for model in data.models:
        for pair in pairs(data, model):
            scene = Canvas(pair).folded.scene
            numbers = {key: number for number, key in enumerate(scene.boxes)}
            links = [
                Link(numbers[link.source], numbers[link.target], plan.extent(link))
                for link in scene.links.values()
            ]
            yield Graph(tuple(map(plan.size, scene.boxes.values())), tuple(links))


def _random(count: int) -> Iterator[Graph]:
    """Graphs whose boxes read one to three of those before them, mostly recent ones."""
    source = random.Random(0)
    for boxes in (30, 60, 90, 150, 300):
        for _ in range(count):
            links = []
            for target in range(1, boxes):
                for _ in range(source.choice((1, 1, 1, 2, 2, 3))):
                    before = min(target, 1 + int(source.expovariate(1 / 4)))
                    links.append(Link(target - before, target, (source.randrange(60, 160), 16)))
            sizes = [(source.randrange(60, 220), source.randrange(24, 110)) for _ in range(boxes)]
            yield Graph(tuple(sizes), tuple(links))


def _own(graphs: Sequence[Graph]) -> list[Drawing]:
    drawings = []
    for graph in graphs:
        found = place(graph.sizes, graph.links)
        boxes = [(*at, *size) for at, size in zip(found.boxes, graph.sizes, strict=True)]
        curves = [route.points for route in found.routes]
        labels = [route.label for route in found.routes]
        drawings.append(Drawing(found.width, found.height, boxes, curves, labels))
    return drawings


def _dot(graphs: Sequence[Graph]) -> list[Drawing]:
    drawings = []
    for start in range(0, len(graphs), TOGETHER):
        part = graphs[start : start + TOGETHER]
        done = subprocess.run(
            ["dot", "-Tplain"],
            input="\n".join(map(_source, part)),
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        rows = iter(done.stdout.splitlines())
        drawings += [_drawing(graph, rows) for graph in part]
    return drawings


def _source(graph: Graph) -> str:
    """A graph in graphviz's language, by default settings except for the room between boxes."""
    lines = [
        "digraph {",
        'graph [rankdir=TB nodesep=0.3 ranksep=0.28]; node [shape=box fixedsize=true label=""];',
    ]
    for number, (width, height) in enumerate(graph.sizes):
        lines.append(f"b{number} [width={width / INCH:.4f} height={height / INCH:.4f}]")
    for link in graph.links:
        width, height = link.label
        sized = f'fixedsize="true" width="{width:.0f}" height="{height:.0f}" border="0"'
        label = f"[label=<<table {sized}><tr><td></td></tr></table>>]" if width else ""
        lines.append(f"b{link.source} -> b{link.target} {label}")
    return "\n".join([*lines, "}"])


def _drawing(graph: Graph, rows: Iterator[str]) -> Drawing:
    """One graph in graphviz's plain format, up to its `stop`: inches, y up."""
    _, _, width, height = next(rows).split(" ")
    drawing = Drawing(float(width) * INCH, float(height) * INCH, [], [], [])
    routes: dict[tuple[int, int], list[tuple[Sequence[Point], Point]]] = defaultdict(list)

    def points(words: Sequence[str]) -> list[Point]:
        pairs_ = zip(words[::2], words[1::2], strict=True)
        return [(float(x) * INCH, drawing.height - float(y) * INCH) for x, y in pairs_]

    for row in rows:
        kind, *words = row.split(" ")
        if kind == "stop":
            break
        if kind == "node":
            ((x, y),) = points(words[1:3])
            wide, high = (float(word) * INCH for word in words[3:5])
            drawing.boxes.append((x - wide / 2, y - high / 2, wide, high))
        else:
            end = 3 + 2 * int(words[2])
            curve = points(words[3:end])
            label = points(words[end + 1 : end + 3])[0] if len(words) > end + 3 else (0.0, 0.0)
            routes[int(words[0][1:]), int(words[1][1:])].append((curve, label))
    for link in graph.links:
        curve, label = routes[link.source, link.target].pop(0)
        drawing.curves.append(curve)
        drawing.labels.append(label)
    return drawing


def _quality(graph: Graph, drawing: Drawing) -> Quality:
    lines = [_flat(curve) for curve in drawing.curves]
    labels = [
        (x - link.label[0] / 2, y - link.label[1] / 2, *link.label)
        for (x, y), link in zip(drawing.labels, graph.links, strict=True)
        if link.label[0]
    ]
    crossings = 0
    for (one, line), (other, across) in combinations(list(zip(graph.links, lines, strict=True)), 2):
        if (one.source, one.target) != (other.source, other.target):
            crossings += _crossings(line, across)
    through = sum(
        any(_inside(point, box) for point in line)
        for link, line in zip(graph.links, lines, strict=True)
        for number, box in enumerate(drawing.boxes)
        if number not in (link.source, link.target)
    )
    through += sum(_overlap(*pair) for pair in combinations(labels, 2))
    through += sum(_overlap(label, box) for label in labels for box in drawing.boxes)
    through += sum(_overlap(*pair) for pair in combinations(drawing.boxes, 2))
    area = drawing.width * drawing.height / 1e6
    return Quality(crossings, sum(map(_bends, lines)), through, area)


def _flat(curve: Sequence[Point]) -> list[Point]:
    """A Bézier curve as straight pieces."""
    line = [curve[0]]
    for start in range(0, len(curve) - 1, 3):
        part = curve[start : start + 4]
        for step in range(1, STEPS + 1):
            t, u = step / STEPS, 1 - step / STEPS
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            x, y = (sum(w * p[axis] for w, p in zip(weights, part, strict=True)) for axis in (0, 1))
            line.append((x, y))
    return line


def _bends(line: Iterable[Point]) -> float:
    """How far a line turns, in right angles; pieces below a third of a pixel have no direction."""
    directions = [
        math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in pairwise(line) if math.dist(a, b) > 0.3
    ]
    turns = [abs((b - a + math.pi) % (2 * math.pi) - math.pi) for a, b in pairwise(directions)]
    return sum(turns) / (math.pi / 2)


def _crossings(one: Sequence[Point], other: Sequence[Point]) -> int:
    if not _near(*_corners(one), *_corners(other)):
        return 0
    return sum(
        _cross(*piece, *across)
        for piece in pairwise(one)
        for across in pairwise(other)
        if _near(*piece, *across)
    )


def _corners(line: Sequence[Point]) -> tuple[Point, Point]:
    """Of the rectangle around a line."""
    xs, ys = zip(*line, strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))


def _near(a: Point, b: Point, c: Point, d: Point) -> bool:
    return all(
        max(a[axis], b[axis]) >= min(c[axis], d[axis])
        and min(a[axis], b[axis]) <= max(c[axis], d[axis])
        for axis in (1, 0)
    )


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(o: Point, p: Point, q: Point) -> float:
        return (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _inside(point: Point, box: Rectangle) -> bool:
    return all(box[axis] + 1 < point[axis] < box[axis] + box[axis + 2] - 1 for axis in (0, 1))


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return all(
        min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis])
        > 1
        for axis in (0, 1)
    )


if __name__ == "__main__":
    main()
