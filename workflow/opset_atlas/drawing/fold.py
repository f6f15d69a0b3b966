"""Fold scenes that are too large to read: changes and their neighbours stay, the rest is grouped.

A group holds connected boxes of one module scope, or just connected boxes if there are no scopes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opset_atlas.drawing.scene import Box, Card, Line, Link, Scene, counted, neighbors

MOST_BOXES = 90  # boxes that can still be read as one picture
DEEPEST = 6  # levels of module scope


@dataclass(frozen=True)
class Folded:
    """A readable scene. `into` maps every box of the whole scene to the box that contains it.

    `hidden` boxes went into `groups`; both are 0 if nothing was folded.
    """

    scene: Scene
    into: Mapping[str, str]
    hidden: int = 0
    groups: int = 0


def fold(whole: Scene, changed: Iterable[str]) -> Folded:
    """The scene reduced to about `MOST_BOXES` boxes.

    Args:
        changed: boxes to keep first, most important first; those that differ come next.
    """
    most = MOST_BOXES
    if len(whole.boxes) <= most:
        return Folded(whole, {key: key for key in whole.boxes})
    near = neighbors(whole)
    kept = _kept(whole, near, changed, most)
    groups = _best(whole, near, kept, most - len(kept))
    kept |= {members[0] for members in groups.values() if len(members) == 1}
    groups = {name: members for name, members in groups.items() if len(members) > 1}
    into = {key: key for key in kept}
    for name, members in groups.items():
        into |= dict.fromkeys(members, name)
    return Folded(_folded(whole, groups, into), into, len(into) - len(kept), len(groups))


def _kept(
    whole: Scene, near: Mapping[str, set[str]], changed: Iterable[str], most: int
) -> set[str]:
    """Changed boxes and their neighbours, up to half of the limit; groups get the other half."""
    differing = (key for key, box in whole.boxes.items() if box.differs)
    ports = {key for key, box in whole.boxes.items() if box.kind == "port"}
    kept = ports if len(ports) <= most // 5 else set()
    for key in dict.fromkeys((*changed, *differing)):
        wanted = kept | {key} | near[key]
        if len(wanted) > most // 2:
            break
        kept = wanted
    return kept


def _best(
    whole: Scene, near: Mapping[str, set[str]], kept: set[str], most: int
) -> dict[str, list[str]]:
    """About `most` groups: fine next to changes, coarse away from them."""
    changed = {key for key in kept if whole.boxes[key].kind != "port"}
    rest = [key for key in whole.boxes if key not in kept]
    groups = _components(rest, near, dict.fromkeys(rest, ""))
    if len(groups) > most:  # ports and isolated boxes: those linked to the same boxes form a group
        groups = _together(groups, near)
    for depth in range(1, DEEPEST + 1):
        for members in sorted(groups, key=lambda group: -len(group)):
            beside = any(other in changed for key in members for other in near[key])
            parts = _components(members, near, {k: _scope(whole.boxes[k], depth) for k in members})
            room = most if beside else most // 3
            if 1 < len(parts) <= room - len(groups) + 1:
                place = groups.index(members)
                groups[place : place + 1] = parts
    return {f"g{number}": members for number, members in enumerate(groups)}


def _scope(box: Box, depth: int) -> str:
    card = box.left or box.right
    return ".".join(card.scope.split(".")[:depth]) if card else ""


def _components(
    keys: Sequence[str], near: Mapping[str, set[str]], scopes: Mapping[str, str]
) -> list[list[str]]:
    """Connected boxes of one scope, ordered by their first box."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in keys:
        if start in seen:
            continue
        seen.add(start)
        members, waiting = [], [start]
        while waiting:
            key = waiting.pop()
            members.append(key)
            for other in near[key]:
                if other not in seen and scopes.get(other) == scopes[start]:
                    seen.add(other)
                    waiting.append(other)
        found.append(members)
    return found


def _together(groups: Sequence[Sequence[str]], near: Mapping[str, set[str]]) -> list[list[str]]:
    merged: dict[frozenset[str], list[str]] = {}
    for members in groups:
        inside = set(members)
        around = frozenset(other for key in members for other in near[key] if other not in inside)
        merged.setdefault(around, []).extend(members)
    return list(merged.values())


def _folded(whole: Scene, groups: Mapping[str, Sequence[str]], into: Mapping[str, str]) -> Scene:
    scene = Scene()
    for key, box in whole.boxes.items():
        name = into[key]
        if name == key:
            scene.boxes[key] = box
        elif name not in scene.boxes:
            scene.boxes[name] = _group(name, [whole.boxes[each] for each in groups[name]])
    for number, link in enumerate(whole.links.values()):
        source, target = into[link.source], into[link.target]
        if source == target:
            continue
        if (source, target) == (link.source, link.target):
            scene.links[source, target, link.parameter, number] = link
        else:
            _bundle(scene, source, target, link, target == link.target)
    for side in ("left", "right"):
        getattr(scene, side).update(
            {index: into[key] for index, key in getattr(whole, side).items()}
        )
    return scene


def _bundle(scene: Scene, source: str, target: str, link: Link, entering: bool) -> None:
    """Merge links with an end in a group; they keep their type if all have the same."""
    parameter = link.parameter if entering else ""
    known = scene.links.setdefault(
        (source, target), Link(source, target, parameter, link.left, link.right)
    )
    if known.parameter != parameter:
        known.parameter = ""
    known.left, known.right = _both(known.left, link.left), _both(known.right, link.right)


def _both(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return other if one is None else one
    return one if one == other else ""


def _group(name: str, members: Sequence[Box]) -> Box:
    """A box that lists what is in it and how much of it differs."""
    differing = sum(box.differs for box in members)
    cards = []
    for side in ("left", "right"):
        own = [card for box in members if (card := getattr(box, side))]
        nodes = [card for box in members if box.kind == "node" and (card := getattr(box, side))]
        scopes = [card.scope for card in nodes]
        lines = counted([card.title for card in nodes])
        if differing:
            lines = (*lines, Line("differ", f"{differing} of these"))
        title = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
        ports = len(own) - len(nodes)
        if ports:
            title += f", {ports} port{'' if ports == 1 else 's'}"
        cards.append(Card(title, _common(scopes), lines) if own else None)
    return Box(name, "group", *cards)


def _common(scopes: Sequence[str]) -> str:
    """The common prefix of the module paths."""
    parts = [scope.split(".") for scope in scopes]
    shared: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared)
