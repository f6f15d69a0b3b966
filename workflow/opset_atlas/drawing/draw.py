"""One side of a scene as an SVG element, with the differences marked.

Both sides of a scene have the same size and positions: laid over each other, equal nodes coincide.
Every text from a model goes through `_text`, which escapes it; everything else is numbers and our
own words. The page provides all styles.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from opset_atlas.drawing.layered.place import Route
from opset_atlas.drawing.layered.routes import TIP, Point
from opset_atlas.drawing.plan import HEAD, LINE, PAD, Plan, column, short, spelled
from opset_atlas.drawing.scene import Box, Card, Line, Link, Scene, Side
from opset_atlas.graph.spelling import visible

MARGIN = 12  # room for the numbers, which stick out of their boxes

Numbers = Mapping[str, Sequence[int]]


def draw(scene: Scene, plan: Plan, side: Side, label: str, prefix: str, numbers: Numbers) -> Markup:
    """The picture.

    Args:
        label: what a screen reader says.
        prefix: of every id, so that ids stay unique on the page.
        numbers: of the changes that concern a box, by the box's key.
    """
    parts = list(_links(scene, plan, side))
    for (key, box), place in zip(scene.boxes.items(), plan.boxes, strict=True):
        parts += _box(box, place, side, f"{prefix}-{key}", numbers.get(key, ()))
    width, height = plan.width + 2 * MARGIN, plan.height + 2 * MARGIN
    return Markup(
        f'<svg class="scene" viewBox="{-MARGIN} {-MARGIN} {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img"'
        f' aria-label="{html.escape(visible(label, 200))}">{"".join(parts)}</svg>'
    )


def _links(scene: Scene, plan: Plan, side: Side) -> Iterator[str]:
    for link, route in zip(scene.links.values(), plan.links, strict=True):
        text = getattr(link, side)
        if text is not None:
            yield _link(link, route, text)


def _link(link: Link, route: Route, text: str) -> str:
    alone = link.left is None or link.right is None
    (x, y), *rest = route.points
    curve = f"M{x:g} {y:g}C" + " ".join(f"{x:g} {y:g}" for x, y in rest)
    differs = " diff" if alone or link.left != link.right else ""
    words = _text(f"flow{differs}", route.label[0], route.label[1] + 3.5, spelled(link, text))
    head = tip(*route.points[-2:])
    kind = "link only" if alone else "link"
    return f'<g class="{kind}"><path d="{curve}"/><path class="tip" d="{head}"/>{words}</g>'


def tip(before: Point, end: Point) -> str:
    """An arrow's head, which begins where a curve ends."""
    dx, dy = end[0] - before[0], end[1] - before[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length, dy / length
    x, y = end
    left, right = (f"{x - w * uy:.1f} {y + w * ux:.1f}" for w in (3, -3))
    return f"M{left}L{x + TIP * ux:.1f} {y + TIP * uy:.1f}L{right}Z"


def _box(
    box: Box,
    place: tuple[float, float, float, float],
    side: Side,
    name: str,
    numbers: Sequence[int],
) -> Iterator[str]:
    x, y, width, height = place
    card: Card | None = getattr(box, side)
    if card is None:
        yield _rectangle("gap", x, y, width, height)
        return
    other = box.right if side == "left" else box.left
    kind = f"box {box.kind}" + (" only" if box.alone else "")
    yield f'<g class="{kind}" id="{name}" transform="translate({x:g} {y:g})">'
    yield _rectangle("card", 0, 0, width, height)
    if box.kind != "port":
        corner = f"M0 4a4 4 0 0 1 4-4h{width - 8:g}a4 4 0 0 1 4 4v{HEAD - 4}h-{width:g}z"
        yield f'<path class="head" d="{corner}"/>'
    yield _text(f"title{_renamed(box, card, other, numbers)}", PAD, HEAD - 7.5, card.title)
    yield from _content(box, card, side, width)
    for position, number in enumerate(reversed(numbers[:4])):
        middle = width - 4 - 19 * position
        circle = (
            f'<circle cx="{middle:g}" cy="0" r="8.5"/><text x="{middle:g}" y="4">{number}</text>'
        )
        yield f'<g class="number">{circle}</g>'
    yield "</g>"


def _renamed(box: Box, card: Card, other: Card | None, numbers: Sequence[int]) -> str:
    """Marks a different title, quietly if only the version differs and no change mentions it."""
    if box.kind == "port" or other is None or other.title == card.title:
        return ""
    same = other.title.rpartition("-")[0] == card.title.rpartition("-")[0]
    return " since" if same and not numbers else " diff"


def _content(box: Box, card: Card, side: Side, width: float) -> Iterator[str]:
    """The scope and the lines below the title."""
    y = HEAD + LINE - 5.0
    if (box.left and box.left.scope) or (box.right and box.right.scope):
        if card.scope:
            yield _text("scope", PAD, y, short(card.scope))
        y += LINE
    start = PAD + column(box)
    for row in box.rows:
        line = row[0] if side == "left" else row[1]
        if line is not None:
            yield from _row(line, y, start, width, row[0] != row[1] and not box.alone)
        y += LINE


def _row(line: Line, y: float, start: float, width: float, differs: bool) -> Iterator[str]:
    mark = " diff" if differs else ""
    if differs:
        yield _rectangle("mark", 1, y - 12, width - 2, LINE, corner=0)
    if line.name:
        yield _text(f"name{mark}", PAD, y, line.name)
    yield _text(f"{line.kind or 'given'}{mark}", start, y, line.text)


def _rectangle(
    kind: str, x: float, y: float, width: float, height: float, corner: float = 4
) -> str:
    size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect class="{kind}" {size} rx="{corner:g}"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{html.escape(visible(text, 80))}</text>'
