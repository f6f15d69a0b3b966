"""The schemas allow both: who wrote the files chose, or a version conversion left its mark.

Claimed only for two files of one exporter, and only where no schema of an operator that takes part,
or stands next to it, changed in more than the types it allows.
"""

from __future__ import annotations

from atlas import schema
from atlas.causes import Cause, Situation
from atlas.differences import Difference
from atlas.schema import Summary

ORDER = 30
CONVERTER = "converter"
# Transitions under which a node of the older version stays what it is.
LIGHT = {Summary.NONE, Summary.TEXT_ONLY, Summary.FUNCTION_ONLY, Summary.TYPES_ONLY}


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """The exporter's own choice, or the converter's."""
    if situation.other:
        return _two_exporters(difference, situation)
    if not situation.exporter or difference.kind in {"semantics", "type", "signature"}:
        return None
    if difference.kind not in {"encoding", "identity"} and not _same_schemas(difference, situation):
        return None
    converted = situation.exporter == CONVERTER
    who = "onnx.version_converter" if converted else f"the {situation.exporter} exporter"
    return Cause(
        cause=CONVERTER if converted else "exporter",
        explanation=f"{_what(difference)} The schema allows both; {who} chose.",
        neutral=difference.neutral,
        numeric=not difference.neutral,
    )


def _two_exporters(difference: Difference, situation: Situation) -> Cause | None:
    """At one opset the schemas are the same for both, so a difference is one of theirs."""
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


def _same_schemas(difference: Difference, situation: Situation) -> bool:
    """Whether every operator that takes part is specified alike at both opsets, types aside."""
    neighbors = [node for wire in difference.around for node in (wire.left, wire.right)]
    return all(
        _alike(node["op"], node["domain"], situation)
        for node in (*difference.left, *difference.right, *neighbors)
    )


def _alike(op: str, domain: str, situation: Situation) -> bool:
    if domain:
        return False
    old = schema.in_force(op, situation.from_opset, domain)
    new = schema.in_force(op, situation.to_opset, domain)
    if old is None or new is None:
        return False
    return old == new or (
        schema.transition(op, old, new, domain).summary in LIGHT
        and not any(note.numeric for note in schema.notes(op, old, new, domain))
    )


def _what(difference: Difference) -> str:
    name = f"`{difference.parameter}` of {difference.op}" if difference.parameter else "This place"
    return f"{name} is {difference.before} before and {difference.after} after."
