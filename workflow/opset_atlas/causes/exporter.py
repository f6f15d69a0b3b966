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
    who = f"The {situation.exporter}{'' if situation.converted else ' exporter'}"
    return Cause(
        cause="converter" if situation.converted else "exporter",
        explanation=f"{who} {_what(difference)}. {end}.",
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
    end = f"; {_lower(same(difference))}" if difference.neutral else ""
    return Cause(
        cause="exporter",
        explanation=(
            f"{situation.exporter} writes {difference.before} {_place(difference)} and"
            f" {situation.other} writes {difference.after}. The schemas are the same for both{end}."
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
    before, after = difference.before, difference.after
    if difference.kind != "identity":
        return f"writes {after} {_place(difference)} instead of {before}"
    if not difference.left or not difference.right:
        verb, nodes = ("leaves out", before) if difference.left else ("adds", after)
        return f"{verb} nodes that only pass a value on: {nodes}"
    return f"writes other nodes that only pass a value on: {after} instead of {before}"


def _place(difference: Difference) -> str:
    if difference.parameter and difference.op:
        return f"for `{difference.parameter}` of {difference.op}"
    return f"for {difference.op}" if difference.kind == "encoding" else "in this place"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
