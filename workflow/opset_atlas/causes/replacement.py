"""One subgraph replaced another because one of them cannot be written at both opsets."""

from __future__ import annotations

from collections.abc import Iterable

from opset_atlas.causes import Cause, Situation
from opset_atlas.causes._fit import Obstacle, obstacles
from opset_atlas.causes._function_body import body_operators
from opset_atlas.differences.difference import Difference
from opset_atlas.operators import definitions
from opset_atlas.records import Node

ORDER = 20


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """What keeps the newer side from the lower opset, else the older side from the higher one."""
    if difference.kind != "operators":
        return None
    low, high = sorted((situation.from_opset, situation.to_opset))
    if low == high:
        return None
    sides = (difference.left, difference.before), (difference.right, difference.after)
    forward = situation.from_opset <= situation.to_opset
    (older, before), (newer, after) = sides if forward else sides[::-1]
    if found := _first(newer, low):
        if not older:
            end = f"Up to opset {low} the file has {before} in this place."
        elif found.other is None:
            end = f"It takes the place of {_count(older)} ({before}).{_body(found.node, older)}"
        else:
            end = f"Up to opset {low} the file has {_count(older)} in this place ({before})."
        return _cause(found, end)
    if found := _first(older, high):
        return _cause(found, f"From opset {high} on the file has {after} in its place.")
    return None


def _first(nodes: Iterable[Node], opset: int) -> Obstacle | None:
    """The weightiest reason: an operator that is not there, then one that means something else."""
    found = [each for node in nodes for each in obstacles(node, opset)]
    return min(found, key=_weight, default=None)


def _weight(obstacle: Obstacle) -> int:
    if obstacle.other is None:
        return 0
    if not obstacle.parameter:
        return 1
    return 2 if obstacle.numeric else 3


def _cause(obstacle: Obstacle, end: str) -> Cause:
    node, other = obstacle.node, obstacle.other
    op, domain, since = node["op"], node["domain"], node["since"] or 0
    page = definitions.url(op, other, since, domain) if other is not None else None
    kind = (
        "new operator"
        if other is None
        else str(definitions.transition(op, other, since, domain).summary)
    )
    if other is not None and definitions.deprecated(op, max(other, since), domain):
        kind = "deprecated"
    return Cause(
        cause="replacement",
        explanation=f"{obstacle.words}. {end}",
        schema_class=kind,
        from_version=other,
        to_version=since,
        url=page or definitions.operator_url(op, domain) or "",
        numeric=True,
    )


def _body(node: Node, older: tuple[Node, ...]) -> str:
    """How the operator's own function body compares with what it replaced; "" without one."""
    body = body_operators(node)
    replaced = {each["op"] for each in older}
    if not body or not body & replaced:
        return ""
    if body == replaced:
        return f" Its function body in ONNX is made of the same operators ({_listed(body)})."
    return f" Its function body in ONNX has {_listed(body & replaced)} of these."


def _listed(operators: Iterable[str]) -> str:
    return ", ".join(sorted(operators))


def _count(nodes: tuple[Node, ...]) -> str:
    return "one node" if len(nodes) == 1 else f"{len(nodes)} nodes"
