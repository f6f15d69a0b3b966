"""A newer version of the operator takes the type that is used: no cast around it any more."""

from __future__ import annotations

from opset_atlas.causes import Cause, Situation
from opset_atlas.causes._fit import refused_type
from opset_atlas.differences.difference import Difference
from opset_atlas.graph.view import input_of
from opset_atlas.operators import definitions
from opset_atlas.records import Node

ORDER = 12


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """A type, or a Cast beside it, where only the newer version of the operator allows the type."""
    if difference.kind in {"type", "signature"} or _same_but_type(difference):
        if len(difference.left) == len(difference.right) == 1:
            return _widened(difference, difference.left[0], difference.right[0], "")
    elif difference.kind == "operators" and _only(difference, "Cast"):
        gone, come = not difference.right, not difference.left
        end = f" {difference.before} beside it becomes {difference.after}."
        if gone or come:
            verb = "is" if len(difference.left or difference.right) == 1 else "are"
            words, what = (difference.before, "gone") if gone else (difference.after, "new")
            end = f" {words} beside it {verb} {what}."
        for wire in difference.around:
            if cause := _widened(difference, wire.left, wire.right, end):
                return cause
    return None


def _widened(difference: Difference, one: Node, other: Node, end: str) -> Cause | None:
    """A cause, where the newer of two nodes uses a type that the older one's version refuses."""
    old, new = one["since"], other["since"]
    if one["op"] != other["op"] or old is None or new is None or old == new:
        return None
    newer, version = (other, old) if new > old else (one, new)
    refused = refused_type(newer, version)
    if refused is None:
        return None
    op, since = newer["op"], newer["since"]
    return Cause(
        cause="schema",
        explanation=(
            f"{op}-{since} takes {refused[1]} as `{refused[0]}`, which {op}-{version} does not."
            f"{end or f' It was {difference.before} and is {difference.after}.'}"
        ),
        schema_class=str(definitions.transition(op, old, new, newer["domain"]).summary),
        from_version=old,
        to_version=new,
        url=definitions.url(op, old, new, newer["domain"]) or "",
        numeric=True,
    )


def _only(difference: Difference, op: str) -> bool:
    return {node["op"] for node in (*difference.left, *difference.right)} == {op}


def _same_but_type(difference: Difference) -> bool:
    """A constant input that holds the same numbers in another type."""
    if difference.kind != "input" or len(difference.left) != 1 or len(difference.right) != 1:
        return False
    sides = difference.left[0], difference.right[0]
    one, other = (input_of(node, difference.parameter) for node in sides)
    if one is None or other is None or "value" not in one or "value" not in other:
        return False
    return one["value"] == other["value"] and one.get("dtype") != other.get("dtype")
