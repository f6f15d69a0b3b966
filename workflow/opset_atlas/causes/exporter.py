"""A choice of the exporter or the converter: one of the opsets allows both forms.

Claimed only for two files of one exporter, or for two exporters at one opset, and only where the
schemas of all operators that take part are known.
"""

from __future__ import annotations

from collections.abc import Iterable

from opset_atlas.causes import Cause, Situation, same
from opset_atlas.causes._fit import known, obstacles
from opset_atlas.differences.difference import Difference
from opset_atlas.records import Node

ORDER = 30


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """The exporter's own choice, or the converter's."""
    if difference.kind == "declaration":
        return _declared(difference, situation)
    if situation.other:
        return _two_exporters(difference, situation)
    equal = difference.neutral and difference.kind == "signature"
    if not situation.exporter:
        return None
    if difference.kind in {"semantics", "type", "signature"} and not equal:
        return None
    if difference.kind in {"encoding", "identity", "function"} or equal:
        end = same(difference)
    elif allowed := _allowed(difference, situation):
        end = allowed
    else:
        return None
    kind = "" if situation.converted else " exporter"
    who = f"the {situation.exporter}{kind}"
    return Cause(
        cause="converter" if situation.converted else "exporter",
        explanation=f"{_what(difference)} {end}; {who} chose.",
        neutral=difference.neutral,
        numeric=not difference.neutral,
    )


def _declared(difference: Difference, situation: Situation) -> Cause:
    """No operator is asked what a file says of its inputs and outputs: whoever writes it decides.

    The numbers are the same either way, yet who relies on a fixed size is wrong at other sizes.
    """
    return Cause(
        cause="converter" if situation.converted else "exporter",
        explanation=(
            f"`{difference.parameter}`: {difference.before} in one file, {difference.after} in the"
            " other. Whoever writes a file declares these sizes; no schema does."
        ),
    )


def _two_exporters(difference: Difference, situation: Situation) -> Cause | None:
    """At one opset the same schemas hold for both, so that the difference is their own choice."""
    if situation.from_opset != situation.to_opset:
        return None
    name = f"`{difference.parameter}` of {difference.op}" if difference.parameter else "this place"
    return Cause(
        cause="exporter",
        explanation=(
            f"The schemas are the same; for {name} {situation.exporter} writes {difference.before}"
            f" and {situation.other} writes {difference.after}."
        ),
        neutral=difference.neutral,
        numeric=not difference.neutral,
    )


def _allowed(difference: Difference, situation: Situation) -> str:
    """At which of the opsets the schemas allow both ways; "" where that is not known."""
    nodes = (*difference.left, *difference.right)
    if not all(map(known, nodes)):
        return ""
    forward = situation.from_opset <= situation.to_opset
    older, newer = (
        (difference.left, difference.right) if forward else (difference.right, difference.left)
    )
    low, high = sorted((situation.from_opset, situation.to_opset))
    could_before = _fits(newer, low, difference.parameter)
    could_after = _fits(older, high, difference.parameter)
    if could_before and could_after and low == high:
        return "The schemas allow both"
    if could_before and could_after:
        return "The schemas of both opsets allow both"
    if could_before or could_after:
        return f"The schemas of opset {low if could_before else high} allow both"
    return ""


def _fits(nodes: Iterable[Node], opset: int, parameter: str) -> bool:
    """Whether nodes could stand at an opset, or one parameter of a node as it is."""
    found = (each for node in nodes for each in obstacles(node, opset))
    return all(parameter and each.parameter not in {"", parameter} for each in found)


def _what(difference: Difference) -> str:
    if difference.kind == "identity":
        return f"Nodes that compute nothing: {difference.before} before, {difference.after} after."
    name = f"`{difference.parameter}` of {difference.op}" if difference.parameter else "This place"
    return f"{name} is {difference.before} before and {difference.after} after."
