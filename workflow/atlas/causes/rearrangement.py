"""A region that is there because the schema of an operator next to it changed.

Either it computes what is an attribute in one version and an input in the other, or it only moves
axes around an operator whose rule about axes changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from atlas import schema
from atlas.causes import Cause, Situation
from atlas.differences import Difference, Wire
from atlas.schema import Kind

ORDER = 15
MOVES = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape"}


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """A region whose every result goes into such an input, or that is nothing but moves."""
    if difference.kind != "operators":
        return None
    return _computed_input(difference) or _moved_axes(difference)


def _computed_input(difference: Difference) -> Cause | None:
    feeds = [wire for wire in difference.around if wire.parameter]
    if len(feeds) != 1 or bool(difference.left) == bool(difference.right):
        return None
    for change in _changes(feeds[0]):
        if change.kind in {Kind.ATTRIBUTE_TO_INPUT, Kind.INPUT_TO_ATTRIBUTE}:
            is_input = difference.right or difference.left
            words = difference.after if difference.right else difference.before
            name = feeds[0].parameter
            sentence = (
                f"`{name}` of {feeds[0].right['op']} is an attribute in one of its versions "
                f"{feeds[0].left['since']} and {feeds[0].right['since']} and an input in "
                f"the other: {len(is_input)} nodes ({words}) compute it."
            )
            return _cause(feeds[0], sentence, str(_class(feeds[0])), numeric=False)
    return None


def _moved_axes(difference: Difference) -> Cause | None:
    if not {node["op"] for node in (*difference.left, *difference.right)} <= MOVES:
        return None
    for wire in difference.around:
        for note in _axis_notes(wire):
            sentence = (
                f"{note.note} The file had {difference.before} around {note.op} and has "
                f"{difference.after} for it."
            )
            return _cause(wire, sentence, str(_class(wire)), numeric=True)
    return None


def _differs(wire: Wire) -> bool:
    return None not in (wire.left["since"], wire.right["since"]) and (
        wire.left["since"] != wire.right["since"]
    )


def _changes(wire: Wire) -> Iterator[schema.SchemaChange]:
    if _differs(wire):
        transition = _transition(wire)
        stem = wire.parameter.partition("[")[0]
        yield from (change for change in transition.changes if stem in change.names)


def _transition(wire: Wire) -> schema.Transition:
    old, new = wire.left["since"] or 0, wire.right["since"] or 0
    return schema.transition(wire.left["op"], old, new, wire.left["domain"])


def _class(wire: Wire) -> schema.Summary:
    return _transition(wire).summary


def _axis_notes(wire: Wire) -> list[schema.Note]:
    if not _differs(wire):
        return []
    old, new = wire.left["since"] or 0, wire.right["since"] or 0
    notes = schema.notes(wire.left["op"], old, new, wire.left["domain"])
    return [note for note in notes if note.numeric and note.parameter in {"", "axis", "axes"}]


def _cause(wire: Wire, sentence: str, schema_class: str, numeric: bool) -> Cause:
    old, new = wire.left["since"] or 0, wire.right["since"] or 0
    return Cause(
        cause="schema",
        explanation=sentence,
        schema_class=schema_class,
        from_version=old,
        to_version=new,
        url=schema.url(wire.left["op"], old, new, wire.left["domain"]) or "",
        numeric=numeric,
    )
