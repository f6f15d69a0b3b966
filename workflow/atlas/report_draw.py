"""One side of a scene as an SVG element of a page, with the differences marked.

Both sides of a scene have one size and one set of places: laid over each other, equal nodes
coincide. Every text is escaped on its way in; style comes from the page alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from atlas.picture import visible
from atlas.report_layout import HEAD, LINE, PAD, Path, Plan, column, short, spelled
from atlas.report_scene import Box, Card, Line, Link, Scene, Side

MARGIN = 6

Numbers = Mapping[str, Sequence[int]]


def draw(scene: Scene, plan: Plan, side: Side, label: str, prefix: str, numbers: Numbers) -> Markup:
    """The picture.

    Args:
        label: what a screen reader says.
        prefix: of every id, so that ids stay unique on the page.
        numbers: of the changes that a box has to do with, by the box's key.
    """
    places = {key: number for number, key in enumerate(scene.boxes)}
    parts = [*_links(scene, plan, side, places)]
    for key, box in scene.boxes.items():
        parts.append(
            _box(box, plan.boxes[places[key]], side, f"{prefix}-{key}", numbers.get(key, ()))
        )
    width, height = plan.width + 2 * MARGIN, plan.height + 2 * MARGIN
    return Markup(
        '<svg class="scene" viewBox="{} {} {:.0f} {:.0f}" width="{:.0f}" height="{:.0f}"'
        ' role="img" aria-label="{}">{}</svg>'
    ).format(
        -MARGIN, -MARGIN, width, height, width, height, visible(label, 200), Markup("").join(parts)
    )


def _links(scene: Scene, plan: Plan, side: Side, places: Mapping[str, int]) -> list[Markup]:
    used: Counter[tuple[int, int]] = Counter()
    parts = []
    for link in scene.links.values():
        ends = places[link.source], places[link.target]
        path = plan.links[ends][used[ends]]
        used[ends] += 1
        if getattr(link, side) is not None:
            parts.append(_link(link, path, getattr(link, side)))
    return parts


def _link(link: Link, path: Path, text: str) -> Markup:
    alone = link.left is None or link.right is None
    (x, y), *rest = path.points
    curve = f"M{x:g} {y:g}C" + " ".join(f"{x:g} {y:g}" for x, y in rest)
    tip = _tip(path.points[-2], path.points[-1])
    differs = " diff" if alone or link.left != link.right else ""
    words = Markup('<text class="flow{}" x="{:g}" y="{:g}">{}</text>').format(
        differs, path.label[0], path.label[1] + 3.5, spelled(link, text)
    )
    return Markup('<g class="link{}"><path d="{}"/><path class="tip" d="{}"/>{}</g>').format(
        " only" if alone else "", curve, tip, words
    )


def _tip(before: tuple[float, float], end: tuple[float, float]) -> str:
    """An arrow's head: graphviz ends a curve where the head begins, seven pixels from the box."""
    dx, dy = end[0] - before[0], end[1] - before[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length, dy / length
    x, y = end
    left = f"{x - 3 * uy:.1f} {y + 3 * ux:.1f}"
    right = f"{x + 3 * uy:.1f} {y - 3 * ux:.1f}"
    return f"M{left}L{x + 9 * ux:.1f} {y + 9 * uy:.1f}L{right}Z"


def _box(
    box: Box,
    place: tuple[float, float, float, float],
    side: Side,
    name: str,
    numbers: Sequence[int],
) -> Markup:
    x, y, width, height = place
    card: Card | None = getattr(box, side)
    if card is None:
        return Markup(
            '<rect class="gap" x="{:g}" y="{:g}" width="{:g}" height="{:g}" rx="4"/>'
        ).format(x, y, width, height)
    classes = f"box {box.kind}" + (" only" if box.alone else "")
    other = box.right if side == "left" else box.left
    parts = [Markup('<rect class="card" width="{:g}" height="{:g}" rx="4"/>').format(width, height)]
    if box.kind != "port":
        shape = f"M0 4a4 4 0 0 1 4-4h{width - 8:g}a4 4 0 0 1 4 4v{HEAD - 4}h-{width:g}z"
        parts.append(Markup('<path class="head" d="{}"/>').format(shape))
    parts.append(_text(f"title{_renamed(box, card, other, numbers)}", PAD, HEAD - 7.5, card.title))
    parts += _content(box, card, side, width)
    for place_, number in enumerate(numbers[:4]):
        circle = '<circle cx="{0:g}" cy="0" r="8.5"/><text x="{0:g}" y="4">{1}</text>'
        shape_ = Markup(f'<g class="number">{circle}</g>')
        parts.append(shape_.format(width - 4 - 19 * place_, number))
    return Markup('<g class="{}" id="{}" transform="translate({:g} {:g})">{}</g>').format(
        classes, name, x, y, Markup("").join(parts)
    )


def _renamed(box: Box, card: Card, other: Card | None, numbers: Sequence[int]) -> str:
    """Another title. Another schema version alone, of which no change tells, is a quiet one."""
    if box.kind == "port" or other is None or other.title == card.title:
        return ""
    same = other.title.rpartition("-")[0] == card.title.rpartition("-")[0]
    return " since" if same and not numbers else " diff"


def _content(box: Box, card: Card, side: Side, width: float) -> list[Markup]:
    parts, y = [], HEAD + LINE - 5.0
    if (box.left and box.left.scope) or (box.right and box.right.scope):
        if card.scope:
            parts.append(_text("scope", PAD, y, short(card.scope)))
        y += LINE
    start = PAD + column(box)
    for row in box.rows:
        line = row[0] if side == "left" else row[1]
        if line is not None:
            parts += _row(line, y, start, width, row[0] != row[1] and not box.alone)
        y += LINE
    return parts


def _row(line: Line, y: float, start: float, width: float, differs: bool) -> list[Markup]:
    mark = " diff" if differs else ""
    parts = []
    if differs:
        parts.append(
            Markup('<rect class="mark" x="1" y="{:g}" width="{:g}" height="{}"/>').format(
                y - 12, width - 2, LINE
            )
        )
    if line.name:
        parts.append(_text(f"name{mark}", PAD, y, line.name))
    parts.append(_text(f"{line.kind or 'given'}{mark}", start, y, line.text))
    return parts


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:g}" y="{:g}">{}</text>').format(
        kind, x, y, visible(text, 80)
    )
