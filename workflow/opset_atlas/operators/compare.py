"""Find what differs between two versions of an operator.

`compare` works in either direction: each change from new to old mirrors one from old to new.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from opset_atlas.operators.changes import Kind, Role, SchemaChange
from opset_atlas.operators.parameters import AttributeParameter, FormalParameter, Schema
from opset_atlas.operators.prose import collapse, sentences

Pair = tuple[FormalParameter, FormalParameter]


def compare(old: Schema, new: Schema) -> tuple[SchemaChange, ...]:
    """Every difference from `old` to `new`, which may be given in either order."""
    inputs, outputs = _pair(old.inputs, new.inputs), _pair(old.outputs, new.outputs)
    crossed = _attributes_and_inputs(old, new)
    return (
        *_operator_changes(old, new),
        *crossed,
        *_formal_changes("input", old.inputs, new.inputs, inputs, crossed),
        *_formal_changes("output", old.outputs, new.outputs, outputs, ()),
        *_attribute_changes(old.attributes, new.attributes, crossed),
        *_tie_changes([("input", *pair) for pair in inputs] + [("output", *p) for p in outputs]),
    )


def default_text(value: Any) -> str:
    """A default in readable form; floats with the fewest digits that give the same float32."""
    if value is None:
        return "none"
    return str(np.float32(value)) if isinstance(value, float) else str(value)


def _operator_changes(old: Schema, new: Schema) -> Iterator[SchemaChange]:
    if old.deprecated != new.deprecated:
        kind = Kind.DEPRECATED if new.deprecated else Kind.UNDEPRECATED
        states = ("in use", "deprecated") if new.deprecated else ("deprecated", "in use")
        yield SchemaChange(kind, "operator", "", *states, f"{states[0]} becomes {states[1]}")
    before, after = _function(old), _function(new)
    if "none" not in (before, after) and (before, old.function) != (after, new.function):
        kind = Kind.FUNCTION_CHANGED
        yield SchemaChange(kind, "operator", "", before, after, "another function body")
    elif before != after:
        kind = Kind.FUNCTION_ADDED if before == "none" else Kind.FUNCTION_REMOVED
        yield SchemaChange(kind, "operator", "", before, after, f"function body: {after}")
    yield from _text_change("operator", "", old.doc, new.doc)


def _function(schema: Schema) -> str:
    """The kind of function body. One that depends on the node has no text to compare."""
    if schema.function:
        return "fixed"
    return "depends on the node" if schema.context_function else "none"


def _text_change(
    role: Role, parameter: str, old: str, new: str, formerly: str = ""
) -> Iterator[SchemaChange]:
    """Ignores white space. `before` and `after` hold the sentences that only one side has."""
    if collapse(old) == collapse(new):
        return
    left, right = sentences(old), sentences(new)
    gone = [sentence for sentence in left if sentence not in right]
    come = [sentence for sentence in right if sentence not in left]
    detail = (
        f"{'description' if parameter else 'text'}: {len(gone)} sentences gone, {len(come)} new"
    )
    yield SchemaChange(
        Kind.TEXT_CHANGED, role, parameter, " ".join(gone), " ".join(come), detail, formerly
    )


def _pair(old: tuple[FormalParameter, ...], new: tuple[FormalParameter, ...]) -> list[Pair]:
    """Pair formal parameters of both versions, in the new order.

    By name first. Of the rest, two in the same position that share a type are one renamed parameter
    (BatchNormalization-14's `input_mean`); without a common type they are different parameters
    (Tile-6's `repeats`, where `tiles` was).
    """
    of_old = {parameter.name: parameter for parameter in old}
    names_new = {parameter.name for parameter in new}
    pairs = []
    for right in new:
        if right.name in of_old:
            pairs.append((of_old[right.name], right))
        elif right.index < len(old):
            left = old[right.index]
            if left.name not in names_new and {*left.types} & {*right.types}:
                pairs.append((left, right))
    return pairs


def _formal_changes(
    role: Role,
    old: tuple[FormalParameter, ...],
    new: tuple[FormalParameter, ...],
    pairs: list[Pair],
    crossed: Iterable[SchemaChange],
) -> Iterator[SchemaChange]:
    """Changes of the inputs or outputs, except those already covered by `crossed`."""
    told_old = {change.names[0] for change in crossed if change.kind is Kind.INPUT_TO_ATTRIBUTE}
    told_new = {change.names[1] for change in crossed if change.kind is Kind.ATTRIBUTE_TO_INPUT}
    told_old |= {left.name for left, _ in pairs}
    told_new |= {right.name for _, right in pairs}
    for left in old:
        if left.name not in told_old:
            what = _presence(left)
            kind = Kind(f"{role} removed")
            yield SchemaChange(kind, role, left.name, what, "absent", f"{what} {role} removed")
    for right in new:
        if right.name not in told_new:
            what = _presence(right)
            kind = Kind(f"{role} added")
            yield SchemaChange(kind, role, right.name, "absent", what, f"{what} {role} added")
    for left, right in pairs:
        yield from _formal_change(role, left, right)


def _formal_change(
    role: Role, old: FormalParameter, new: FormalParameter
) -> Iterator[SchemaChange]:
    formerly = old.name if old.name != new.name else ""

    def change(kind: Kind, before: str, after: str, detail: str) -> SchemaChange:
        return SchemaChange(kind, role, new.name, before, after, detail, formerly)

    if formerly:
        detail = f"{old.name} becomes {new.name}"
        yield change(Kind(f"{role} renamed"), old.name, new.name, detail)
    if old.index != new.index:
        places = f"position {old.index}", f"position {new.index}"
        yield change(Kind(f"{role} moved"), *places, f"{places[0]} becomes {places[1]}")
    before, after = _presence(old), _presence(new)
    if before != after:
        kinds = {
            ("required", "optional"): Kind.BECAME_OPTIONAL,
            ("optional", "required"): Kind.BECAME_REQUIRED,
        }
        kind = kinds.get((before, after), Kind.ARITY_CHANGED)
        yield change(kind, before, after, f"{before} {role} becomes {after}")
    gone, come = sorted({*old.types} - {*new.types}), sorted({*new.types} - {*old.types})
    if gone or come:
        parts = [f"adds {_types(come)}"] * bool(come) + [f"drops {_types(gone)}"] * bool(gone)
        types = _types(old.types), _types(new.types)
        yield change(_type_kind(bool(gone), bool(come)), *types, ", ".join(parts))
    yield from _text_change(role, new.name, old.description, new.description, formerly)


def _presence(parameter: FormalParameter) -> str:
    if parameter.option == "variadic":
        mixed = "" if parameter.homogeneous else ", types may differ"
        return f"variadic (at least {parameter.min_arity}{mixed})"
    return "required" if parameter.option == "single" else "optional"


def _type_kind(gone: bool, come: bool) -> Kind:
    if gone and come:
        return Kind.TYPES_CHANGED
    return Kind.TYPES_WIDENED if come else Kind.TYPES_NARROWED


def _types(types: Iterable[str]) -> str:
    """Type strings in readable form: `float16, seq(tensor(float))`."""
    return ", ".join(map(_type, types))


@functools.cache
def _type(text: str) -> str:
    return re.sub(r"^tensor\((\w+)\)$", r"\1", text)


def _attributes_and_inputs(old: Schema, new: Schema) -> list[SchemaChange]:
    """Attributes that became inputs, or the reverse: Slice-10, Clip-11, Squeeze-13."""
    found = []
    for attribute, parameter in _same_meaning(old, new):
        formerly = attribute.name if attribute.name != parameter.name else ""
        sides = _attribute(attribute), f"input, {_presence(parameter)}"
        detail = f"attribute {attribute.name} becomes input {parameter.name}"
        kind = Kind.ATTRIBUTE_TO_INPUT
        found.append(SchemaChange(kind, "input", parameter.name, *sides, detail, formerly))
    for attribute, parameter in _same_meaning(new, old):
        formerly = parameter.name if attribute.name != parameter.name else ""
        sides = f"input, {_presence(parameter)}", _attribute(attribute)
        detail = f"input {parameter.name} becomes attribute {attribute.name}"
        kind = Kind.INPUT_TO_ATTRIBUTE
        found.append(SchemaChange(kind, "attribute", attribute.name, *sides, detail, formerly))
    return found


def _same_meaning(
    one: Schema, other: Schema
) -> Iterator[tuple[AttributeParameter, FormalParameter]]:
    """Attributes found only in `one`, paired with inputs found only in `other`.

    Names match if they are equal up to case (TopK's `k` and `K`) or if the input's ends in the
    attribute's (Pad's `value` and `constant_value`).
    """
    names = {parameter.name for parameter in one.inputs}
    for name, attribute in one.attributes.items():
        for parameter in other.inputs:
            alike = parameter.name.casefold() == name.casefold()
            alike = alike or parameter.name.endswith(f"_{name}")
            if alike and name not in other.attributes and parameter.name not in names:
                yield attribute, parameter


def _attribute_changes(
    old: Mapping[str, AttributeParameter],
    new: Mapping[str, AttributeParameter],
    crossed: Iterable[SchemaChange],
) -> Iterator[SchemaChange]:
    told_old = {change.names[0] for change in crossed if change.kind is Kind.ATTRIBUTE_TO_INPUT}
    told_new = {change.names[1] for change in crossed if change.kind is Kind.INPUT_TO_ATTRIBUTE}
    gone = [old[name] for name in old if name not in new and name not in told_old]
    come = [new[name] for name in new if name not in old and name not in told_new]
    renamed = _renamed(gone, come)
    for left in gone:
        if all(left is not pair[0] for pair in renamed):
            what, kind = _attribute(left), Kind.ATTRIBUTE_REMOVED
            yield SchemaChange(kind, "attribute", left.name, what, "absent", f"{what}: removed")
    for right in come:
        if all(right is not pair[1] for pair in renamed):
            what, kind = _attribute(right), Kind.ATTRIBUTE_ADDED
            yield SchemaChange(kind, "attribute", right.name, "absent", what, f"{what}: added")
    for left, right in [(old[name], new[name]) for name in old if name in new] + renamed:
        yield from _attribute_change(left, right)


def _renamed(
    gone: list[AttributeParameter], come: list[AttributeParameter]
) -> list[tuple[AttributeParameter, AttributeParameter]]:
    """The renamed attribute: same type, default and a similar description.

    If there are several candidates, they stay reported as removed and added.
    """
    pairs = [
        (left, right)
        for left in gone
        for right in come
        if (left.type, left.required, left.default) == (right.type, right.required, right.default)
        and _likeness(left.description, right.description) > 0.8
    ]
    return pairs if len(pairs) == 1 else []


def _likeness(one: str, other: str) -> float:
    """Similarity of words; sorted, since `SequenceMatcher` depends on its arguments' order."""
    left, right = sorted((collapse(one).split(), collapse(other).split()))
    return SequenceMatcher(None, left, right).ratio()


def _attribute_change(old: AttributeParameter, new: AttributeParameter) -> Iterator[SchemaChange]:
    formerly = old.name if old.name != new.name else ""

    def change(kind: Kind, before: str, after: str, detail: str) -> SchemaChange:
        return SchemaChange(kind, "attribute", new.name, before, after, detail, formerly)

    if formerly:
        detail = f"{old.name} becomes {new.name}"
        yield change(Kind.ATTRIBUTE_RENAMED, old.name, new.name, detail)
    if old.type != new.type:
        detail = f"{old.type} becomes {new.type}"
        yield change(Kind.ATTRIBUTE_TYPE_CHANGED, old.type, new.type, detail)
    if old.required != new.required:
        kind = Kind.ATTRIBUTE_BECAME_REQUIRED if new.required else Kind.ATTRIBUTE_BECAME_OPTIONAL
        states = ("optional", "required") if new.required else ("required", "optional")
        yield change(kind, *states, f"{states[0]} attribute becomes {states[1]}")
    if old.default != new.default:
        defaults = default_text(old.default), default_text(new.default)
        yield change(
            Kind.DEFAULT_CHANGED, *defaults, f"default {defaults[0]} becomes {defaults[1]}"
        )
    yield from _text_change("attribute", new.name, old.description, new.description, formerly)


def _attribute(attribute: AttributeParameter) -> str:
    if attribute.default is not None:
        return f"attribute, {attribute.type}, default {default_text(attribute.default)}"
    return f"attribute, {attribute.type}, {'required' if attribute.required else 'optional'}"


def _tie_changes(
    pairs: list[tuple[Role, FormalParameter, FormalParameter]],
) -> Iterator[SchemaChange]:
    """Parameters that no longer share a type variable (Pow-12: the exponent's type).

    A parameter's leader is the first with the same variable; a change of leader is reported.
    """
    left_leaders = _leaders([left for _, left, _ in pairs])
    right_leaders = _leaders([right for _, _, right in pairs])
    for place, (role, left, right) in enumerate(pairs):
        leaders = left_leaders[place], right_leaders[place]
        if leaders[0] == leaders[1]:
            continue
        before = _tie(leaders[0], place, [pair[1] for pair in pairs])
        after = _tie(leaders[1], place, [pair[2] for pair in pairs])
        kind = Kind.TYPES_RETIED
        if place in leaders:
            kind = Kind.TYPES_UNTIED if leaders[1] == place else Kind.TYPES_TIED
        formerly = left.name if left.name != right.name else ""
        detail = f"{before} becomes {after}"
        yield SchemaChange(kind, role, right.name, before, after, detail, formerly)


def _leaders(parameters: list[FormalParameter]) -> list[int]:
    """For each parameter, the position of the first with its type variable, or its own."""
    first: dict[str, int] = {}
    return [
        first.setdefault(parameter.type_variable, index) if parameter.type_variable else index
        for index, parameter in enumerate(parameters)
    ]


def _tie(leader: int, own: int, parameters: list[FormalParameter]) -> str:
    return "type of its own" if leader == own else f"type of {parameters[leader].name}"
