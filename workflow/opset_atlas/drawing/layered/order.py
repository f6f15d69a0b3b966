"""The order of the vertices of each layer, with few crossings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import count, islice
from random import Random

from opset_atlas.drawing.layered.layers import Layers

LEAST_STARTS, MOST_STARTS = 2, 12
EFFORT = 3_000  # vertices in all starts
ROUNDS = 24  # sweeps down or up
PATIENCE = 1  # sweeps without a better order, after which it stays

Orders = list[list[int]]


def reorder(graph: Layers) -> int:
    """Order `graph.layers`, and return the number of crossings that are left."""
    best, fewest = graph.layers, -1
    for start in islice(_starts(graph), _tries(graph)):
        found, left = _improved(graph, start)
        if left < fewest or fewest < 0:
            best, fewest = found, left
        if not fewest:
            break
    graph.layers = best
    return max(fewest, 0)


def _tries(graph: Layers) -> int:
    return max(LEAST_STARTS, min(MOST_STARTS, EFFORT // len(graph.layer)))


def crossings(graph: Layers, orders: Sequence[Sequence[int]]) -> int:
    """The number of pairs of edges that cross."""
    place = _places(graph, orders)
    return sum(_between(graph, upper, place) for upper in orders)


def _between(graph: Layers, upper: Sequence[int], place: Sequence[int]) -> int:
    """The crossings below a layer: inversions among the lower ends, in order of the upper ones."""
    if len(upper) < 2:
        return 0
    ends: list[int] = []
    for vertex in upper:
        ends += _sorted(graph.down[vertex], place)
    found, seen = 0, list[int]()
    for end in ends:
        if not seen or end >= seen[-1]:
            seen.append(end)
        else:
            at = bisect_right(seen, end)
            found += len(seen) - at
            seen.insert(at, end)
    return found


def _sorted(vertices: Sequence[int], place: Sequence[int]) -> list[int]:
    """The places of vertices, in order."""
    places = [place[vertex] for vertex in vertices]
    if len(places) > 1:
        places.sort()
    return places


def _places(graph: Layers, orders: Sequence[Sequence[int]]) -> list[int]:
    place = [0] * len(graph.layer)
    for order in orders:
        for number, vertex in enumerate(order):
            place[vertex] = number
    return place


def _starts(graph: Layers) -> Iterator[Orders]:
    """Orders of depth-first searches: downward, upward, and then with the edges in random order.

    The random numbers are the same every time, in every version of Python.
    """
    ways = [(graph.down, graph.up), (graph.up, graph.down)]
    for after, before in ways:
        yield _searched(graph, after, before, list(range(len(after))))
    source = Random(0)
    for number in count():
        drawn = [source.random() for _ in graph.layer]
        yield _searched(graph, *ways[number % 2], drawn)


def _searched(
    graph: Layers, after: list[list[int]], before: list[list[int]], keys: Sequence[float]
) -> Orders:
    """Every layer in the order in which a search finds its vertices, those of lesser keys first."""
    orders: Orders = [[] for _ in graph.layers]
    seen = [False] * len(keys)
    waiting = [vertex for vertex in range(len(keys)) if not before[vertex]]
    waiting.sort(key=keys.__getitem__, reverse=True)
    while waiting:
        vertex = waiting.pop()
        if not seen[vertex]:
            seen[vertex] = True
            orders[graph.layer[vertex]].append(vertex)
            waiting += sorted(after[vertex], key=keys.__getitem__, reverse=True)
    return orders


def _improved(graph: Layers, start: Orders) -> tuple[Orders, int]:
    """The best of a number of sweeps, each followed by exchanges of neighbors."""
    best, fewest = start, crossings(graph, start)
    orders, idle = [order.copy() for order in start], 0
    for number in range(ROUNDS):
        if not fewest or idle >= PATIENCE:
            break
        _sweep(graph, orders, down=number % 2 == 0, later_first=number % 4 >= 2)
        left = _exchange(graph, orders)
        idle += 1
        if left < fewest:
            best, fewest, idle = [order.copy() for order in orders], left, 0
    return best, fewest


def _sweep(graph: Layers, orders: Orders, down: bool, later_first: bool) -> None:
    """Sort each layer by the mean place of the neighbors in the layer before it.

    Vertices without such neighbors keep their place. `later_first`: how ties are broken.
    """
    near = graph.up if down else graph.down
    place = _places(graph, orders)
    numbers = range(1, len(orders)) if down else range(len(orders) - 2, -1, -1)
    for number in numbers:
        order = orders[number]
        if len(order) < 2:
            continue
        mean = {
            vertex: sum([place[other] for other in near[vertex]]) / len(near[vertex])
            for vertex in order
            if near[vertex]
        }
        moving = [vertex for vertex in order if vertex in mean]
        if later_first:
            moving.reverse()
        moving.sort(key=mean.__getitem__)
        rest = iter(moving)
        orders[number] = order = [next(rest) if v in mean else v for v in order]
        for position, vertex in enumerate(order):
            place[vertex] = position


def _exchange(graph: Layers, orders: Orders) -> int:
    """Exchange neighbors where edges cross and fewer would; returns the crossings that are left."""
    place = _places(graph, orders)
    below = [_between(graph, upper, place) for upper in orders]
    crossed = {number + d for number, found in enumerate(below) if found for d in (0, 1)}
    for number in sorted(crossed):
        if _exchanged(graph, orders[number], place):
            for upper in (number - 1, number):
                below[upper] = _between(graph, orders[upper], place) if upper >= 0 else 0
    return sum(below)


def _exchanged(graph: Layers, order: list[int], place: list[int]) -> bool:
    """Exchange neighbors of one layer once from left to right; whether any was."""
    if len(order) < 2:
        return False
    improved = False
    ends = {
        vertex: (
            _sorted(graph.up[vertex], place),
            _sorted(graph.down[vertex], place),
        )
        for vertex in order
    }
    for number in range(len(order) - 1):
        left, right = order[number], order[number + 1]
        gain = 0
        for one, other in zip(ends[left], ends[right], strict=True):
            if one and other and one[-1] > other[0]:  # else they do not cross
                gain += _inversions(one, other) - _inversions(other, one)
        if gain > 0:
            order[number], order[number + 1] = right, left
            improved = True
    for number, vertex in enumerate(order):
        place[vertex] = number
    return improved


def _inversions(left: Sequence[int], right: Sequence[int]) -> int:
    """Pairs of ends that cross if the vertex of `left` comes first."""
    if len(left) == 1 == len(right):
        return left[0] > right[0]
    return sum([len(left) - bisect_right(left, end) for end in right])
