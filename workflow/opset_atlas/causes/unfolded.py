"""A constant that one file holds and the other computes from constants, because of a schema.

An exporter folds what it can compute. An operator that is new at an opset, or that takes as an
input what was an attribute, may be unknown to its constant folding: the nodes stay in the file.
"""

from __future__ import annotations

from opset_atlas.causes import Cause, Situation, same
from opset_atlas.differences.difference import Difference
from opset_atlas.differences.wording import made_by
from opset_atlas.graph.view import input_of
from opset_atlas.operators import definitions
from opset_atlas.operators.definitions import Kind
from opset_atlas.records import Node

ORDER = 25
MOVED = {Kind.ATTRIBUTE_TO_INPUT, Kind.INPUT_TO_ATTRIBUTE}


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """The operator among those that compute the constant that could not be there, or not so."""
    if difference.kind != "encoding" or len(difference.left) != 1 or len(difference.right) != 1:
        return None
    ours, theirs = (
        input_of(node, difference.parameter) for node in (difference.left[0], difference.right[0])
    )
    if ours is None or theirs is None or ("computed" in ours) == ("computed" in theirs):
        return None
    port, here, there = (
        (ours, situation.from_opset, situation.to_opset)
        if "computed" in ours
        else (theirs, situation.to_opset, situation.from_opset)
    )
    end = (
        f"At opset {there} the file holds it as a constant; at opset {here} {made_by(port)}"
        f" {'compute' if len(port['computed']) > 1 else 'computes'} it from constants. "
        f"{same(difference)}."
    )
    found = (_new(node, there, end) or _moved(node, there, end) for node in port["computed"])
    return next((cause for cause in found if cause), None)


def _new(node: Node, opset: int, end: str) -> Cause | None:
    """An operator that the other opset does not have."""
    op, domain = node["op"], node["domain"]
    if definitions.in_force(op, opset, domain) is not None or node["since"] is None:
        return None
    return Cause(
        cause="replacement",
        explanation=f"{op} is new in opset {definitions.versions(op, domain)[0]}. {end}",
        schema_class="new operator",
        to_version=node["since"],
        url=definitions.operator_url(op, domain) or "",
        neutral=True,
    )


def _moved(node: Node, opset: int, end: str) -> Cause | None:
    """A parameter that is an input in one version and an attribute in the other."""
    op, domain, since = node["op"], node["domain"], node["since"]
    other = definitions.in_force(op, opset, domain)
    if other is None or since is None or other == since:
        return None
    transition = definitions.transition(op, other, since, domain)
    for change in transition.changes:
        if change.kind in MOVED:
            as_input, as_attribute = (
                (since, other) if change.kind is Kind.ATTRIBUTE_TO_INPUT else (other, since)
            )
            return Cause(
                cause="schema",
                explanation=(
                    f"`{change.parameter}` is an input of {op}-{as_input} and an attribute of"
                    f" {op}-{as_attribute}, so what was folded into a constant no longer is. {end}"
                ),
                schema_class=str(transition.summary),
                from_version=other,
                to_version=since,
                url=definitions.url(op, other, since, domain) or "",
                neutral=True,
            )
    return None
