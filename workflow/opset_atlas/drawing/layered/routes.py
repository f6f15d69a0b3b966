"""Where edges meet their boxes, and their curves through the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist

from opset_atlas.drawing.layered.coordinates import spread
from opset_atlas.drawing.layered.layers import Layers

Point = tuple[float, float]

PORT_GAP, CORNER = 16.0, 10.0  # between the ends of edges at a box, and from its corners
TIP = 9.0  # a curve ends so far from its target, where the arrow's head begins


@dataclass(frozen=True)
class Bands:
    """The top and bottom of each layer, and of each box, which is in the middle of its layer."""

    tops: Sequence[float]
    bottoms: Sequence[float]
    heights: Sequence[float]

    def middle(self, layer: int) -> float:
        """The middle of a layer."""
        return (self.tops[layer] + self.bottoms[layer]) / 2

    def box(self, graph: Layers, box: int) -> tuple[float, float]:
        """The top and bottom of a box."""
        middle = self.middle(graph.layer[box])
        return middle - self.heights[box] / 2, middle + self.heights[box] / 2


def ports(graph: Layers, x: Sequence[float]) -> dict[tuple[int, int], float]:
    """Where the line between a box and a neighbor above or below meets the box.

    As near to the neighbor as the other lines on that side of the box and its corners allow.
    """
    found: dict[tuple[int, int], float] = {}
    place = {vertex: number for order in graph.layers for number, vertex in enumerate(order)}
    for box in range(graph.boxes):
        half = max(graph.widths[box] / 2 - CORNER, 0.0)
        for side in (graph.up[box], graph.down[box]):
            others = sorted(side, key=place.__getitem__)
            step = min(PORT_GAP, 2 * half / max(len(others) - 1, 1))
            wanted = [x[other] for other in others]
            offsets = [number * step for number in range(len(others))]
            at = spread(wanted, offsets, x[box] - half, x[box] + half)
            found |= {(box, other): position for other, position in zip(others, at, strict=True)}
    return found


def curve(
    graph: Layers,
    path: Sequence[int],
    x: Sequence[float],
    bands: Bands,
    at: dict[tuple[int, int], float],
    upward: bool,
) -> list[Point]:
    """The Bézier points of an edge's curve, from its source to where the arrow's head begins.

    Args:
        path: its vertices from top to bottom. upward: it leads from bottom to top.
    """
    first, last, label = path[0], path[-1], path[-2]
    start, end = at[first, path[1]], at[last, label]
    points = [(start, bands.box(graph, first)[1]), (start, bands.bottoms[graph.layer[first]])]
    for vertex in path[1:-1]:
        layer = graph.layer[vertex]
        if layer % 2:
            points.append((x[vertex], bands.middle(layer)))
        else:  # straight down between boxes
            points += [(x[vertex], bands.tops[layer]), (x[vertex], bands.bottoms[layer])]
    points += [(end, bands.tops[graph.layer[last]]), (end, bands.box(graph, last)[0])]
    return _smooth(_before_head(_plain(points[::-1] if upward else points)))


def _before_head(points: list[Point]) -> list[Point]:
    """The points with the last one moved back by the length of the arrow's head."""
    while len(points) > 2 and dist(points[-2], points[-1]) <= TIP:
        del points[-2]
    before, end = points[-2:]
    part = TIP / max(dist(before, end), 2 * TIP)
    back = tuple(b - part * (b - a) for a, b in zip(before, end, strict=True))
    return [*points[:-1], (back[0], back[1])]


def _plain(points: Sequence[Point]) -> list[Point]:
    """Without points that repeat another or lie on a vertical line between two."""
    kept = [points[0]]
    for point, after in zip(points[1:], [*points[2:], None], strict=True):
        if point == kept[-1]:
            continue
        if after is not None and kept[-1][0] == point[0] == after[0]:
            continue
        kept.append(point)
    return kept


def _smooth(points: Sequence[Point]) -> list[Point]:
    """Cubic curves through points, x monotone between them, as straight as possible at the ends."""
    steps = [(b[0] - a[0]) / (b[1] - a[1]) for a, b in pairwise(points)]
    slopes = [steps[0], *(_slope(*pair) for pair in pairwise(steps)), steps[-1]]
    bezier = [points[0]]
    for (a, b), (left, right) in zip(pairwise(points), pairwise(slopes), strict=True):
        third = (b[1] - a[1]) / 3
        bezier += [(a[0] + left * third, a[1] + third), (b[0] - right * third, b[1] - third), b]
    return bezier


def _slope(before: float, after: float) -> float:
    """The harmonic mean, or 0 where the direction changes, so that nothing overshoots."""
    return 2 * before * after / (before + after) if before * after > 0 else 0.0
