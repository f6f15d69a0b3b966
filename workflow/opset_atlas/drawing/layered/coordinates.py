"""Where the vertices of each layer lie from left to right, by the method of Brandes and Köpf.

Vertices are aligned in vertical blocks with a median neighbor: above or below, preferring left or
right where there are two. Each of the four alignments gives coordinates, of which every vertex
takes the mean of the two in the middle. As vertices have widths, blocks are compacted by longest
paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from opset_atlas.drawing.layered.layers import Layers

BOX_GAP, LABEL_GAP, EDGE_GAP = 22.0, 8.0, 14.0  # to the right neighbor, by what is narrower

Conflicts = set[tuple[int, int]]


def coordinates(graph: Layers) -> list[float]:
    """The middle of every vertex, from about 0."""
    conflicts = _conflicts(graph)
    found = [
        _aligned(graph, conflicts, down, mirrored)
        for down in (True, False)
        for mirrored in (False, True)
    ]
    _onto_narrowest(graph, found)
    middles = [sorted(four) for four in zip(*found, strict=True)]
    x = [(four[1] + four[2]) / 2 for four in middles]
    _straighten(graph, x)
    return x


def _straighten(graph: Layers, x: list[float]) -> None:
    """Move labels toward the straight lines between what they join, in the room beside them."""
    for order in graph.layers[1::2]:
        low, group = -inf, list[int]()
        for vertex in order:
            if graph.is_label(vertex):
                group.append(vertex)
                continue
            _shift(graph, x, group, low, x[vertex])
            low, group = x[vertex], []
        _shift(graph, x, group, low, inf)


def _shift(graph: Layers, x: list[float], labels: Sequence[int], low: float, high: float) -> None:
    """Move neighboring labels between two vertices that stay where they are."""
    if not labels:
        return
    offsets = [0.0]
    for left, right in pairwise(labels):
        offsets.append(offsets[-1] + _apart(graph, left, right))
    low += graph.widths[labels[0]] / 2 + EDGE_GAP
    high -= graph.widths[labels[-1]] / 2 + EDGE_GAP
    wanted = [_between(graph, x, graph.up[label][0], graph.down[label][0]) for label in labels]
    for label, position in zip(labels, spread(wanted, offsets, low, high), strict=True):
        x[label] = position


def _between(graph: Layers, x: Sequence[float], above: int, below: int) -> float:
    """The middle of the shortest line between two vertices."""
    low = max(x[vertex] - graph.widths[vertex] / 2 for vertex in (above, below))
    high = min(x[vertex] + graph.widths[vertex] / 2 for vertex in (above, below))
    return min(max((x[above] + x[below]) / 2, low), high) if low < high else (low + high) / 2


def spread(
    wanted: Sequence[float], offsets: Sequence[float], low: float, high: float
) -> list[float]:
    """The positions between two bounds that are nearest to those wanted, as far apart as `offsets`.

    Least squares in order is isotonic regression, by pooling adjacent violators.
    """
    pools: list[tuple[float, int]] = []  # mean and number of positions, each less its offset
    for value, offset in zip(wanted, offsets, strict=True):
        mean, size = value - offset, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean = (mean * size + before * many) / (size + many)
            size += many
        pools.append((mean, size))
    top = max(low, high - offsets[-1]) if offsets else low
    level = [min(max(mean, low), top) for mean, size in pools for _ in range(size)]
    return [value + offset for value, offset in zip(level, offsets, strict=True)]


def gap(graph: Layers, left: int, right: int) -> float:
    """The room between two neighbors in a layer."""
    if graph.is_box(left) and graph.is_box(right):
        return BOX_GAP
    wide = graph.widths[left] and graph.widths[right]
    return LABEL_GAP if wide else EDGE_GAP


def _apart(graph: Layers, left: int, right: int) -> float:
    """The least distance of the middles of two neighbors."""
    return (graph.widths[left] + graph.widths[right]) / 2 + gap(graph, left, right)


def _conflicts(graph: Layers) -> Conflicts:
    """Edges at boxes that cross a part of a long edge, which is to be straight."""
    found: Conflicts = set()
    for upper, lower in pairwise(graph.layers):
        below = {vertex: number for number, vertex in enumerate(lower)}
        edges = [(number, below[w], v, w) for number, v in enumerate(upper) for w in graph.down[v]]
        inner = [(a, b) for a, b, v, w in edges if not graph.is_box(v) and not graph.is_box(w)]
        if not inner:
            continue
        for a, b, v, w in edges:
            if (graph.is_box(v) or graph.is_box(w)) and any(
                (u < a and x > b) or (u > a and x < b) for u, x in inner
            ):
                found.add((v, w))
    return found


def _aligned(graph: Layers, conflicts: Conflicts, down: bool, mirrored: bool) -> list[float]:
    """Coordinates from one alignment; mirrored ones are those of the graph seen from behind."""
    orders = [order[::-1] if mirrored else order for order in graph.layers]
    root = _blocks(graph, conflicts, orders, down)
    x = _compacted(graph, orders, root)
    return [-value for value in x] if mirrored else x


def _blocks(
    graph: Layers, conflicts: Conflicts, orders: Sequence[Sequence[int]], down: bool
) -> list[int]:
    """The first vertex of every vertex's block, each aligned with a median neighbor if possible."""
    count = len(graph.layer)
    root, taken = list(range(count)), [False] * count
    near = graph.up if down else graph.down
    place = [0] * count
    for order in orders:
        for number, vertex in enumerate(order):
            place[vertex] = number
    for order in orders if down else orders[::-1]:
        last = -1
        for vertex in order:
            others = sorted(near[vertex], key=place.__getitem__)
            half = len(others)
            for other in others[(half - 1) // 2 : half // 2 + 1] if half else ():
                edge = (other, vertex) if down else (vertex, other)
                if root[vertex] == vertex and not taken[other] and last < place[other]:
                    if edge in conflicts:
                        continue
                    root[vertex], taken[other] = root[other], True
                    last = place[other]
    return root


def _compacted(graph: Layers, orders: Sequence[Sequence[int]], root: Sequence[int]) -> list[float]:
    """Every block as far left as its left neighbors allow, then as far right as needed by none."""
    after: dict[int, dict[int, float]] = {}
    before = dict.fromkeys(root, 0)
    for order in orders:
        for left, right in pairwise(order):
            one, other = root[left], root[right]
            known = after.setdefault(one, {})
            if other not in known:
                before[other] += 1
            known[other] = max(known.get(other, 0.0), _apart(graph, left, right))
    sorted_blocks = [block for block in before if not before[block]]
    x = dict.fromkeys(before, 0.0)
    for block in sorted_blocks:  # grows while it is read
        for other, distance in after.get(block, {}).items():
            x[other] = max(x[other], x[block] + distance)
            before[other] -= 1
            if not before[other]:
                sorted_blocks.append(other)
    for block in reversed(sorted_blocks):
        if others := after.get(block):
            x[block] = max(x[block], min(x[other] - d for other, d in others.items()))
    return [x[block] for block in root]


def _onto_narrowest(graph: Layers, found: list[list[float]]) -> None:
    """Move the four drawings, so that they share a side with the narrowest."""

    def ends(x: Sequence[float]) -> tuple[float, float]:
        halves = [width / 2 for width in graph.widths]
        return (
            min(middle - half for middle, half in zip(x, halves, strict=True)),
            max(middle + half for middle, half in zip(x, halves, strict=True)),
        )

    left, right = min(map(ends, found), key=lambda pair: pair[1] - pair[0])
    for number, x in enumerate(found):
        low, high = ends(x)
        shift = right - high if number % 2 else left - low
        found[number] = [middle + shift for middle in x]
