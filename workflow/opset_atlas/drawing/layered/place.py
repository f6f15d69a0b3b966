"""The layout of a graph: components apart, side by side, each in layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opset_atlas.drawing.layered.coordinates import coordinates
from opset_atlas.drawing.layered.layers import Layers, layers
from opset_atlas.drawing.layered.order import reorder
from opset_atlas.drawing.layered.ranks import ranks
from opset_atlas.drawing.layered.routes import TIP, Bands, Point, curve, ports

ABOVE, BELOW = 8.0, 15.0  # room above and below labels; the arrow's head needs some of the latter
SLANT = 0.06  # more room where lines go far sideways, so that they never get almost horizontal
MOST_SLANT = 24.0
LOOP = 30.0  # how far a loop goes from its box
APART = 30.0  # between components
SHAPE = 2.0  # components are packed into about this ratio of width to height

Size = tuple[float, float]


@dataclass(frozen=True)
class Link:
    """An edge between two boxes with the size of its label; `(0, 0)` for none."""

    source: int
    target: int
    label: Size


@dataclass(frozen=True)
class Route:
    """The Bézier points of an edge's curve, as in SVG's `C`, and the middle of its label."""

    points: tuple[Point, ...]
    label: Point


@dataclass(frozen=True)
class Layout:
    """Upper left corners of boxes and routes of links, in the order given; y points down.

    `crossings` are those between layers.
    """

    width: float
    height: float
    boxes: list[Point]
    routes: list[Route]
    crossings: int = 0


def place(sizes: Sequence[Size], links: Sequence[Link]) -> Layout:
    """Place boxes of these sizes, so that links lead downward and no two boxes overlap.

    Links that close a cycle lead upward. A link from a box to itself is a loop at its right side.
    """
    return _packed(sizes, links, _components(len(sizes), links))


def _components(count: int, links: Sequence[Link]) -> list[list[int]]:
    """Connected boxes, in order of their first box."""
    near: list[list[int]] = [[] for _ in range(count)]
    for link in links:
        near[link.source].append(link.target)
        near[link.target].append(link.source)
    found: list[list[int]] = []
    seen = [False] * count
    for start in range(count):
        if seen[start]:
            continue
        seen[start] = True
        members = [start]
        for box in members:  # grows while it is read
            for other in near[box]:
                if not seen[other]:
                    seen[other] = True
                    members.append(other)
        found.append(sorted(members))
    return found


def _component(sizes: Sequence[Size], links: Sequence[Link]) -> Layout:
    """The layout of a connected graph."""
    ahead = [link for link in links if link.source != link.target]
    edges = [(link.source, link.target) for link in ahead]
    loops = [link for link in links if link.source == link.target]
    widths = [width for width, _ in sizes]
    for link in loops:  # a box stays in the middle of its place
        widths[link.source] += 2 * (LOOP + link.label[0])
    graph = layers(ranks(len(sizes), edges), widths, edges, [link.label[0] for link in ahead])
    crossings = reorder(graph)
    x = coordinates(graph)
    left = min(middle - width / 2 for middle, width in zip(x, graph.widths, strict=True))
    x = [middle - left for middle in x]
    graph.widths[: len(sizes)] = [width for width, _ in sizes]
    at = ports(graph, x)
    bands = _bands(graph, sizes, [link.label[1] for link in ahead], x, at)
    routes = iter(
        [
            Route(
                tuple(curve(graph, path, x, bands, at, path[0] != link.source)),
                _middle(graph, x, bands, label),
            )
            for link, path, label in zip(ahead, graph.paths, graph.labels, strict=True)
        ]
    )
    corners = [
        (x[box] - width / 2, bands.box(graph, box)[0]) for box, (width, _) in enumerate(sizes)
    ]
    right = max(middle + width / 2 for middle, width in zip(x, widths, strict=False))
    right = max(right, *(x[v] + graph.widths[v] / 2 for v in range(len(x))))
    return Layout(
        right,
        bands.bottoms[-1],
        corners,
        [
            next(routes)
            if link.source != link.target
            else _loop(corners[link.source], sizes[link.source], link)
            for link in links
        ],
        crossings,
    )


def _bands(
    graph: Layers,
    sizes: Sequence[Size],
    labels: Sequence[float],
    x: Sequence[float],
    at: dict[tuple[int, int], float],
) -> Bands:
    """Where each layer begins and ends: high enough for what is in it, and apart."""
    heights = [0.0] * len(graph.layers)
    for box, (_, height) in enumerate(sizes):
        heights[graph.layer[box]] = max(heights[graph.layer[box]], height)
    for vertex, height in zip(graph.labels, labels, strict=True):
        heights[graph.layer[vertex]] = max(heights[graph.layer[vertex]], height)
    tops, bottoms = [0.0], [heights[0]]
    for number, (upper, height) in enumerate(zip(graph.layers, heights[1:], strict=False)):
        aside = max(
            (
                abs(at.get((v, w), x[v]) - at.get((w, v), x[w]))
                for v in upper
                for w in graph.down[v]
            ),
            default=0.0,
        )
        least = BELOW if number % 2 else ABOVE
        tops.append(bottoms[-1] + least + min(SLANT * aside, MOST_SLANT))
        bottoms.append(tops[-1] + height)
    return Bands(tops, bottoms, [height for _, height in sizes])


def _middle(graph: Layers, x: Sequence[float], bands: Bands, label: int) -> Point:
    layer = graph.layer[label]
    return x[label], (bands.tops[layer] + bands.bottoms[layer]) / 2


def _loop(corner: Point, size: Size, link: Link) -> Route:
    """A curve from a box's right side to itself, with its label beside it."""
    x, y = corner[0] + size[0], corner[1]
    low, high = y + 0.75 * size[1], y + 0.25 * size[1]
    points = ((x, low), (x + LOOP, low), (x + LOOP, high), (x + TIP, high))
    return Route(points, (x + LOOP + link.label[0] / 2, (low + high) / 2))


def _packed(sizes: Sequence[Size], links: Sequence[Link], parts: list[list[int]]) -> Layout:
    """The layouts of the components in rows, in order."""
    where = {box: number for number, members in enumerate(parts) for box in members}
    linked: list[list[int]] = [[] for _ in parts]
    for number, link in enumerate(links):
        linked[where[link.source]].append(number)
    drawn = []
    for members, numbers in zip(parts, linked, strict=True):
        name = {box: number for number, box in enumerate(members)}
        own = [links[number] for number in numbers]
        drawn.append(
            _component(
                [sizes[box] for box in members],
                [Link(name[link.source], name[link.target], link.label) for link in own],
            )
        )
    boxes: list[Point] = [(0.0, 0.0)] * len(sizes)
    routes: list[Route] = [Route((), (0.0, 0.0))] * len(links)
    corners = _rows([(layout.width, layout.height) for layout in drawn])
    for (dx, dy), layout, members, numbers in zip(corners, drawn, parts, linked, strict=True):
        for box, (x, y) in zip(members, layout.boxes, strict=True):
            boxes[box] = _rounded((x, y), dx, dy)
        for number, route in zip(numbers, layout.routes, strict=True):
            points = tuple(_rounded(point, dx, dy) for point in route.points)
            routes[number] = Route(points, _rounded(route.label, dx, dy))
    ends = [(x + d.width, y + d.height) for (x, y), d in zip(corners, drawn, strict=True)]
    width, height = (max((end[axis] for end in ends), default=0.0) for axis in (0, 1))
    return Layout(
        round(width, 1), round(height, 1), boxes, routes, sum(each.crossings for each in drawn)
    )


def _rows(sizes: Sequence[Size]) -> list[Point]:
    """The corners of rectangles that fill rows from left to right."""
    area = sum((width + APART) * (height + APART) for width, height in sizes)
    most = max([(SHAPE * area) ** 0.5, *(width for width, _ in sizes)])
    corners, x, y, below = list[Point](), 0.0, 0.0, 0.0
    for width, height in sizes:
        if x and x + width > most:
            x, y = 0.0, below + APART
        corners.append((x, y))
        x += width + APART
        below = max(below, y + height)
    return corners


def _rounded(point: Point, dx: float, dy: float) -> Point:
    return round(point[0] + dx, 1), round(point[1] + dy, 1)
