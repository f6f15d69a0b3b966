"""A region that is there because the schema of an operator next to it changed.

It computes an input that the other version does not have, or has as an attribute; it moves axes
around an operator whose rule about axes changed; or it did the work of a parameter that came with
the newer version, which a reviewed note says (padding before an AveragePool without `ceil_mode`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opset_atlas.causes import Cause, Situation
from opset_atlas.causes._fit import concerns, obstacles
from opset_atlas.differences.difference import Difference, Wire
from opset_atlas.differences.wording import given
from opset_atlas.graph.view import attribute, input_of
from opset_atlas.operators import definitions
from opset_atlas.operators.definitions import Kind
from opset_atlas.records import Node

ORDER = 15
MOVES = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape"}


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """A region beside such an operator, or another parameter of it that stood in for a new one."""
    if difference.kind == "operators":
        return (
            _computed_input(difference)
            or _moved_axes(difference)
            or _stood_in(difference, difference.around)
        )
    if difference.kind in {"input", "attribute"}:
        pair = Wire(difference.left[0], difference.right[0], "")
        return _stood_in(difference, (pair,), difference.parameter)
    return None


def _computed_input(difference: Difference) -> Cause | None:
    feeds = {wire.parameter: wire for wire in difference.around if wire.parameter}
    if len(feeds) != 1 or bool(difference.left) == bool(difference.right):
        return None
    ((name, wire),) = feeds.items()
    nodes, words = (
        (difference.right, difference.after)
        if difference.right
        else (difference.left, difference.before)
    )
    count = "one node computes" if len(nodes) == 1 else f"{len(nodes)} nodes compute"
    op = wire.right["op"]
    for change in _changes(wire):
        has, other = wire.right["since"], wire.left["since"]
        match change.kind:
            case Kind.ATTRIBUTE_TO_INPUT:
                what = "has it as an attribute"
            case Kind.INPUT_TO_ATTRIBUTE:
                what, has, other = "has it as an attribute", other, has
            case Kind.INPUT_ADDED:
                what = "has no such input"
            case Kind.INPUT_REMOVED:
                what, has, other = "has no such input", other, has
            case _:
                continue
        sentence = (
            f"`{name}` is an input of {op}-{has}, and {count} it ({words}). {op}-{other} {what}."
        )
        return _cause(wire, sentence, str(_class(wire)), numeric=False)
    return None


def _stood_in(difference: Difference, wires: Iterable[Wire], parameter: str = "") -> Cause | None:
    """Something that, by a reviewed note, does the work of a parameter where that is not there."""
    ops = set() if parameter else {n["op"] for n in (*difference.left, *difference.right)}
    for wire in wires:
        newer, older = sorted((wire.left, wire.right), key=lambda node: -(node["since"] or 0))
        if not _differs(wire):
            continue
        for note in definitions.notes(
            newer["op"], older["since"], newer["since"] or 0, newer["domain"]
        ):
            fed = not parameter and wire.parameter in note.instead
            did_it = parameter in note.instead or fed or (ops and ops <= set(note.instead))
            if did_it and note.parameter and _uses(newer, older, note.parameter):
                words = f" {note.note} Therefore {_became(difference)}."
                sentence = (
                    f"{newer['op']}-{newer['since']} has `{note.parameter}`, which is"
                    f" {_shown(newer, note.parameter)} here;"
                    f" {newer['op']}-{older['since']} does not."
                )
                return _cause(wire, sentence + words, str(_class(wire)), numeric=True)
    return None


def _became(difference: Difference) -> str:
    """`pads` goes from … to …; `Add` beside it is gone."""
    before, after = difference.before, difference.after
    if difference.parameter:
        return f"`{difference.parameter}` goes from {before} to {after}"
    if not difference.left or not difference.right:
        one = len(difference.left or difference.right) == 1
        if difference.right:
            return f"{after} {'stands' if one else 'stand'} beside it now"
        return f"{before} beside it {'is' if one else 'are'} gone"
    return f"{before} beside it becomes {after}"


def _uses(newer: Node, older: Node, name: str) -> bool:
    """Whether a node uses a parameter that the older version does not have."""
    version = older["since"] or 0
    found = (each for each in obstacles(newer, version) if each.parameter == name)
    return any(each.other == version and not each.numeric for each in found)


def _shown(node: Node, name: str) -> str:
    found = attribute(node, name)
    if found is not None:
        return f"`{found['value']}`"
    return given(input_of(node, name))


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


def _changes(wire: Wire) -> Iterator[definitions.SchemaChange]:
    if _differs(wire):
        transition = _transition(wire)
        stem = wire.parameter.partition("[")[0]
        yield from (change for change in transition.changes if stem in change.names)


def _transition(wire: Wire) -> definitions.Transition:
    old, new = wire.left["since"] or 0, wire.right["since"] or 0
    return definitions.transition(wire.left["op"], old, new, wire.left["domain"])


def _class(wire: Wire) -> definitions.Summary:
    return _transition(wire).summary


def _axis_notes(wire: Wire) -> list[definitions.Note]:
    if not _differs(wire):
        return []
    old, new = wire.left["since"] or 0, wire.right["since"] or 0
    notes = definitions.notes(wire.left["op"], old, new, wire.left["domain"])
    return [
        note
        for note in notes
        if note.numeric
        and note.parameter in {"axis", "axes"}
        and concerns(note, wire.left, wire.right)
    ]


def _cause(wire: Wire, sentence: str, schema_class: str, numeric: bool) -> Cause:
    old, new = wire.left["since"] or 0, wire.right["since"] or 0
    return Cause(
        cause="schema",
        explanation=sentence,
        schema_class=schema_class,
        from_version=old,
        to_version=new,
        url=definitions.url(wire.left["op"], old, new, wire.left["domain"]) or "",
        numeric=numeric,
    )
