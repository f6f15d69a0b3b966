"""The plan of a scene: the sizes of its boxes and labels, and their places, in pixels, y down.

Only sizes reach the layout, never a text from a model; equal sizes are placed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from opset_atlas.drawing.layered.place import Layout, Route, place
from opset_atlas.drawing.layered.place import Link as Edge
from opset_atlas.drawing.scene import Box, Link, Scene
from opset_atlas.graph.spelling import visible

# Widths of a monospaced character at 11 px, 12 px bold and 10 px, rounded up.
CHARACTER, BOLD, SMALL = 6.65, 7.3, 6.05
SCOPE = 34  # characters of a module path
LINE, HEAD, PAD = 17, 24, 8  # heights of a line and of a title; margin on both sides of a text
GAP = 12  # between a parameter's name and what it is given
LABEL = 16  # height of a link's label
REMEMBERED = 1000  # layouts; pairs of other opsets often have the same sizes


@dataclass(frozen=True)
class Plan:
    """The layout of one scene, with boxes and routes of links in the order of the scene.

    A box has its upper left corner, width and height.
    """

    width: float
    height: float
    boxes: list[tuple[float, float, float, float]]
    links: list[Route]


def plan(scene: Scene) -> Plan:
    """Place a scene."""
    numbers = {key: number for number, key in enumerate(scene.boxes)}
    sizes = tuple(map(size, scene.boxes.values()))
    edges = tuple(
        Edge(numbers[link.source], numbers[link.target], extent(link))
        for link in scene.links.values()
    )
    found = _placed(sizes, edges)
    boxes = [(*corner, *extent) for corner, extent in zip(found.boxes, sizes, strict=True)]
    return Plan(found.width, found.height, boxes, found.routes)


@lru_cache(REMEMBERED)
def _placed(sizes: tuple[tuple[float, float], ...], edges: tuple[Edge, ...]) -> Layout:
    return place(sizes, edges)


def extent(link: Link) -> tuple[float, float]:
    """The width and height of the link's label, with some room beside it; (0, 0) for none."""
    text = label_of(link)
    return (len(text) * SMALL + 10, LABEL) if text else (0.0, 0.0)


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
