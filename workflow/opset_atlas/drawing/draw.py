"""One side of a scene as an SVG element, with the differences marked.

Both sides of a scene have the same size and positions: laid over each other, equal nodes coincide.
What is equal on both sides is drawn once, and the second picture refers to it (`<use>`): most of a
pair is equal, so this halves its page.
Every text from a model goes through `_text`, which escapes it; everything else is numbers and our
own words. The page provides all styles.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence, Set

from markupsafe import Markup

from opset_atlas.drawing.layered.place import Route
from opset_atlas.drawing.layered.routes import TIP, Point
from opset_atlas.drawing.plan import HEAD, LINE, PAD, Plan, column, short, spelled
from opset_atlas.drawing.scene import Box, Card, Line, Link, Scene, Side
from opset_atlas.graph.spelling import visible

MARGIN = 12  # room for the numbers, which stick out of their boxes

Numbers = Mapping[str, Sequence[int]]

# What happened to a box, beside its color: only on the left, only on the right, both.
SIGNS = {"removed": "−", "added": "+", "meaning": "≠", "encoding": "="}


def draw(
    scene: Scene,
    plan: Plan,
    side: Side,
    label: str,
    prefix: str,
    numbers: Numbers,
    shared: str = "",
    neutral: Set[int] = frozenset(),
) -> Markup:
    """The picture.

    Args:
        label: what a screen reader says.
        prefix: of every id, so that ids stay unique on the page.
        numbers: of the changes that concern a box, by the box's key.
        neutral: the numbers of changes that mean the same.
        shared: prefix of the other side's picture if it is on the same page, before this one.
    """
    parts = list(_links(scene, plan, side, prefix, shared))
    for (key, box), place in zip(scene.boxes.items(), plan.boxes, strict=True):
        name = f"{prefix}-{key}"
        if shared and box.left == box.right:
            parts.append(f'<use class="box" id="{name}" href="#{shared}-{key}"/>')
        else:
            own = numbers.get(key, ())
            parts += _box(box, place, side, name, own, what_happened(box, own, neutral))
    width, height = plan.width + 2 * MARGIN, plan.height + 2 * MARGIN
    return Markup(
        f'<svg class="scene" viewBox="{-MARGIN} {-MARGIN} {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img"'
        f' aria-label="{html.escape(visible(label, 200))}">{"".join(parts)}</svg>'
    )


def _links(scene: Scene, plan: Plan, side: Side, prefix: str, shared: str) -> Iterator[str]:
    """The links that are equal on both sides, as a group, then the others."""
    equal, other = [], []
    for link, route in zip(scene.links.values(), plan.links, strict=True):
        text = getattr(link, side)
        if link.left == link.right:
            equal.append("" if shared else _link(link, route, text, ""))
        elif text is not None:
            other.append(_link(link, route, text, f"{prefix}-tip-only"))
    yield _tip(f"{prefix}-tip", "tip")
    yield _tip(f"{prefix}-tip-only", "tip only")
    yield f'<g marker-end="url(#{prefix}-tip)">'
    if shared:
        yield f'<use href="#{shared}-links"/>'
    else:
        yield f'<g class="link" id="{prefix}-links">{"".join(equal)}</g>'
    yield f"{''.join(other)}</g>"


def _tip(name: str, kind: str) -> str:
    """An arrow's head, which begins where a curve ends and takes its direction."""
    return (
        f'<marker id="{name}" class="{kind}" markerUnits="userSpaceOnUse" orient="auto"'
        f' markerWidth="{TIP:g}" markerHeight="6" refY="3"><path d="M0 0L{TIP:g} 3 0 6z"/></marker>'
    )


def _link(link: Link, route: Route, text: str, lone_tip: str) -> str:
    alone = link.left is None or link.right is None
    differs = " diff" if alone or link.left != link.right else ""
    words = _text(
        f"flow{differs}" if differs else "",
        route.label[0],
        route.label[1] + 3.5,
        spelled(link, text),
    )
    drawn = f'<path d="{curve(route.points)}"/>{words}'
    if not differs:
        return drawn  # its group is one of links
    kind = f'"link only" marker-end="url(#{lone_tip})"' if alone else '"link"'
    return f"<g class={kind}>{drawn}</g>"


def curve(points: Sequence[Point]) -> str:
    """A path through the points of cubic curves, in tenths of a pixel, relative to shorten it."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    (x, y), *rest = tenths
    start = f"M{_number(x)} {_number(y)}"
    if all(each[0] == x for each in rest):
        return f"{start}V{_number(rest[-1][1])}"
    found = []
    for number, (px, py) in enumerate(rest, 1):
        found += [_number(px - x), _number(py - y)]
        if number % 3 == 0:
            x, y = px, py
    return f"{start}c" + " ".join(found).replace(" -", "-")


def _number(tenths: int) -> str:
    """A number of tenths as SVG writes it in the fewest characters."""
    whole, rest = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole or ''}.{rest}" if rest else f"{sign}{whole}"


def _box(
    box: Box,
    place: tuple[float, float, float, float],
    side: Side,
    name: str,
    numbers: Sequence[int],
    happened: str,
) -> Iterator[str]:
    x, y, width, height = place
    card: Card | None = getattr(box, side)
    if card is None:
        yield _rectangle("gap", x, y, width, height)
        return
    other = box.right if side == "left" else box.left
    kind = " ".join(filter(None, ["box", box.kind, "only" if box.alone else "", happened]))
    yield f'<g class="{kind}" id="{name}" transform="translate({x:g} {y:g})">'
    yield _rectangle("card", 0, 0, width, height)
    if box.kind != "port":
        corner = f"M0 {HEAD}V4q0-4 4-4h{width - 8:g}q4 0 4 4v{HEAD - 4}z"
        yield f'<path class="head" d="{corner}"/>'
    yield _text(f"title{_renamed(box, card, other, numbers)}", PAD, HEAD - 7.5, card.title)
    yield from _content(box, card, side, width)
    if happened:
        yield f'<text class="sign" y="6">{SIGNS[happened]}</text>'
    for position, number in enumerate(reversed(numbers[:4])):
        middle = width - 4 - 19 * position
        circle = f'<circle cx="{middle:g}" r="8.5"/><text x="{middle:g}" y="4">{number}</text>'
        yield f'<g class="number">{circle}</g>'
    yield "</g>"


def what_happened(box: Box, numbers: Sequence[int], neutral: Set[int]) -> str:
    """A key of `SIGNS`, or "" for a box that no change concerns and both sides have."""
    if box.left is None or box.right is None:
        return "added" if box.left is None else "removed"
    if not numbers:
        return ""
    return "encoding" if set(numbers) <= neutral else "meaning"


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
        yield _rectangle("mark", 1, y - 12, width - 2, LINE)
    if line.name:
        yield _text(f"name{mark}", PAD, y, line.name)
    kind = line.kind or ("given" if differs else "")
    yield _text(f"{kind}{mark}", start, y, line.text)


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    corners = (("x", x), ("y", y), ("width", width), ("height", height))
    size = "".join(f' {name}="{value:g}"' for name, value in corners if value)
    return f'<rect class="{kind}"{size}/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    words = html.escape(visible(text, 80))
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{_number(round(10 * x))}" y="{_number(round(10 * y))}">{words}</text>'
