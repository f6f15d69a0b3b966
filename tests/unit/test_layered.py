"""The layered layout: what holds for every graph, whatever its shape."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opset_atlas.drawing.layered.coordinates import spread
from opset_atlas.drawing.layered.layers import layers
from opset_atlas.drawing.layered.order import crossings, reorder
from opset_atlas.drawing.layered.place import Layout, Link, Size, place
from opset_atlas.drawing.layered.ranks import Edge, ranks
from opset_atlas.drawing.layered.routes import TIP, Point

Rectangle = tuple[float, float, float, float]


@st.composite
def graphs(draw: st.DrawFn, most: int = 14, cycles: bool = False) -> tuple[list[Size], list[Link]]:
    """Boxes of any size, with links forward, or anywhere, several between the same two included."""
    sizes = draw(
        st.lists(st.tuples(st.integers(20, 300), st.integers(20, 120)), min_size=1, max_size=most)
    )
    boxes = st.integers(0, len(sizes) - 1)
    label = st.sampled_from([(0, 0), (30, 16), (150, 16)])
    ends = draw(st.lists(st.tuples(boxes, boxes, label), max_size=2 * most))
    if not cycles:
        ends = [(min(s, t), max(s, t), text) for s, t, text in ends if s != t]
    return sizes, [Link(*each) for each in ends]


def rectangles(sizes: Sequence[Size], layout: Layout) -> list[Rectangle]:
    return [(*corner, *size) for corner, size in zip(layout.boxes, sizes, strict=True)]


def overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles share more than a border, or what rounding adds to one."""
    return all(
        min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis])
        > 0.2
        for axis in (0, 1)
    )


def along(points: Sequence[Point], steps: int = 12) -> Iterator[Point]:
    """Points of a Bézier curve."""
    for start in range(0, len(points) - 1, 3):
        for step in range(steps + 1):
            t, u = step / steps, 1 - step / steps
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            part = points[start : start + 4]
            yield (
                sum(w * p[0] for w, p in zip(weights, part, strict=True)),
                sum(w * p[1] for w, p in zip(weights, part, strict=True)),
            )


def inside(point: Point, box: Rectangle) -> bool:
    return all(box[axis] + 0.2 < point[axis] < box[axis] + box[axis + 2] - 0.2 for axis in (0, 1))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_boxes_and_labels_lie_apart_and_links_lead_down(
    graph: tuple[list[Size], list[Link]],
) -> None:
    sizes, links = graph
    layout = place(sizes, links)
    boxes = rectangles(sizes, layout)
    labels = [
        (route.label[0] - link.label[0] / 2, route.label[1] - link.label[1] / 2, *link.label)
        for link, route in zip(links, layout.routes, strict=True)
    ]
    assert not any(overlap(*pair) for pair in combinations([*boxes, *labels], 2))
    for x, y, width, height in [*boxes, *labels]:
        assert x >= -0.2 and x + width <= layout.width + 0.2
        assert y >= -0.2 and y + height <= layout.height + 0.2
    for link in links:
        upper, lower = boxes[link.source], boxes[link.target]
        assert upper[1] + upper[3] < lower[1]


@settings(max_examples=80, deadline=None)
@given(graphs(cycles=True))
def test_a_curve_leads_from_box_to_box_and_through_no_other(
    graph: tuple[list[Size], list[Link]],
) -> None:
    sizes, links = graph
    layout = place(sizes, links)
    boxes = rectangles(sizes, layout)
    for link, route in zip(links, layout.routes, strict=True):
        start, end = route.points[0], route.points[-1]
        source, target = boxes[link.source], boxes[link.target]
        assert len(route.points) % 3 == 1
        if link.source == link.target:
            assert start[0] == pytest.approx(source[0] + source[2], abs=0.2)
            continue
        downward = source[1] < target[1]
        out = source[1] + source[3] if downward else source[1]
        into = target[1] if downward else target[1] + target[3]
        assert start[1] == pytest.approx(out, abs=0.2)
        assert source[0] <= start[0] <= source[0] + source[2]
        assert 0 < abs(into - end[1]) <= TIP + 0.2  # where the arrow's head begins
        others = [
            box for number, box in enumerate(boxes) if number not in (link.source, link.target)
        ]
        assert not any(inside(point, box) for point in along(route.points) for box in others)


@settings(max_examples=60, deadline=None)
@given(graphs(most=5))
def test_the_total_length_is_the_least(graph: tuple[list[Size], list[Link]]) -> None:
    sizes, links = graph
    chain = [(n, n + 1) for n in range(len(sizes) - 1)]  # connected
    edges = [(link.source, link.target) for link in links] + chain[: len(sizes) // 2]
    edges += [(0, n) for n in range(1, len(sizes)) if (n - 1, n) not in edges]
    found = ranks(len(sizes), edges)
    assert min(found) == 0
    assert all(found[source] < found[target] for source, target in edges)
    possible = [
        _length(edges, given_)
        for given_ in product(range(len(sizes)), repeat=len(sizes))
        if all(given_[source] < given_[target] for source, target in edges)
    ]
    assert _length(edges, found) == min(possible)


def _length(edges: Sequence[Edge], given_: Sequence[int]) -> int:
    return sum(given_[target] - given_[source] for source, target in edges)


@settings(max_examples=60, deadline=None)
@given(graphs(most=10))
def test_crossings_are_counted_and_get_fewer(graph: tuple[list[Size], list[Link]]) -> None:
    sizes, links = graph
    edges = [(link.source, link.target) for link in links]
    edges += [(0, number) for number in range(1, len(sizes))]  # connected
    made = layers(ranks(len(sizes), edges), [40.0] * len(sizes), edges, [20.0] * len(edges))
    before = [order.copy() for order in made.layers]
    left = reorder(made)
    assert left == crossings(made, made.layers) <= crossings(made, before)
    assert [sorted(order) for order in made.layers] == [sorted(order) for order in before]
    place_ = {vertex: number for order in made.layers for number, vertex in enumerate(order)}
    count = 0
    for upper in made.layers:
        lines = [(place_[v], place_[w]) for v in upper for w in made.down[v]]
        count += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(lines, 2))
    assert left == count


def test_a_tree_and_a_grid_of_streams_have_no_crossings() -> None:
    tree = [Link((n - 1) // 2, n, (60, 16)) for n in range(1, 31)]
    assert place([(50, 24)] * 31, tree).crossings == 0
    streams = [Link(0, n, (60, 16)) for n in range(1, 7)]
    streams += [Link(n, n + 6, (60, 16)) for n in range(1, 25)]
    streams += [Link(n, 31, (60, 16)) for n in range(25, 31)]
    assert place([(50, 24)] * 32, streams).crossings == 0


def test_a_chain_is_straight_whatever_the_widths_of_its_boxes() -> None:
    sizes = [(40, 24), (200, 60), (90, 24), (300, 24)]
    layout = place(sizes, [Link(n, n + 1, (70, 16)) for n in range(3)])
    assert all(len({x for x, _ in route.points}) == 1 for route in layout.routes)
    middles = {x + width / 2 for (x, _), (width, _) in zip(layout.boxes, sizes, strict=True)}
    assert len(middles) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6), st.integers(0, 20))
def test_positions_that_are_spread_are_apart_and_nearest(wanted: list[int], step: int) -> None:
    offsets = [step * number for number in range(len(wanted))]
    found = spread(wanted, offsets, -math.inf, math.inf)
    assert all(right - left > step - 1e-9 for left, right in pairwise(found))
    error = sum((a - b) ** 2 for a, b in zip(found, wanted, strict=True))
    for number, move in product(range(len(found)), (-0.01, 0.01)):  # convex: no way is better
        for end in range(number, len(found)):
            moved = [x + move * (number <= n <= end) for n, x in enumerate(found)]
            if all(right - left >= step - 1e-12 for left, right in pairwise(moved)):
                other = sum((a - b) ** 2 for a, b in zip(moved, wanted, strict=True))
                assert other >= error - 1e-9
    bounded = spread(wanted, offsets, -10, -10 + offsets[-1])
    assert bounded == pytest.approx([-10 + offset for offset in offsets])


def test_long_links_of_a_box_share_their_way_where_they_would_be_too_many() -> None:
    count = 300
    edges = [(n, n + 1) for n in range(count - 1)] + [(0, n) for n in range(2, count)]
    made = layers(list(range(count)), [50.0] * count, edges, [40.0] * len(edges))
    assert len(made.layer) < count + len(edges) + 2 * count  # each its own way: 90,000
    sizes = [(50.0, 24.0)] * count
    layout = place(sizes, [Link(*edge, (40, 16)) for edge in edges])
    boxes = rectangles(sizes, layout)
    assert all(upper[1] + upper[3] < lower[1] for upper, lower in pairwise(boxes))


PROGRAM = """
from opset_atlas.drawing.layered.place import Link, place
links = [Link(n, m, (50 + n, 16)) for n in range(30) for m in range(n + 1, 30) if (n * m) % 7 == 3]
print(place([(40 + 3 * n, 24) for n in range(30)], links))
"""


def test_the_same_layout_in_every_process() -> None:
    made = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1 and "Route(" in made.pop()
