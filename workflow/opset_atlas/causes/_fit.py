"""Whether a node could be written at another opset with the same meaning: what the schemas say.

A difference between two opsets is forced where one side cannot be written at the other's opset;
where it can be, the exporter chose. Both are read from the schemas and from the reviewed notes on
what they mean, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opset_atlas.graph.view import LOSSLESS, attribute, input_of
from opset_atlas.operators import definitions
from opset_atlas.operators.definitions import Kind, Note
from opset_atlas.records import Node, Port

INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
HALF = {"float16", "bfloat16"}


@dataclass(frozen=True)
class Obstacle:
    """Why a node cannot be written at another opset. `other` is its version there, or None.

    `parameter` is what cannot be written, "" for the operator itself. `words` is a whole sentence
    without its full stop. `numeric`: the same node would give other numbers there.
    """

    node: Node
    other: int | None
    parameter: str
    words: str
    numeric: bool = False


def known(node: Node) -> bool:
    """Whether the schemas say anything about a node and all that is inside it."""
    inner = (each for graph in node["subgraphs"].values() for each in graph["nodes"])
    return node["since"] is not None and all(map(known, inner))


def obstacles(node: Node, opset: int) -> Iterator[Obstacle]:
    """Everything that keeps a node, or one inside it, from another opset; the weightiest first.

    Nothing for a node that no schema defines: ask `known`.
    """
    for graph in node["subgraphs"].values():
        for inner in graph["nodes"]:
            yield from obstacles(inner, opset)
    if node["since"] is None:
        return
    op, domain = node["op"], node["domain"]
    other = definitions.in_force(op, opset, domain)
    if other is None:
        first = definitions.versions(op, domain)[0]
        yield Obstacle(node, None, "", f"{op} is new in opset {first}")
    elif other != node["since"]:
        if definitions.deprecated(op, other, domain):
            yield Obstacle(node, other, "", _deprecated(node, other))
        yield from _attributes(node, other)
        yield from _inputs(node, other)
        yield from _types(node, other)
        for note in definitions.notes(op, other, node["since"], domain):
            if note.numeric and concerns(note, node):
                words = f"{op}-{node['since']} is not {op}-{other}: {_stripped(note)}"
                yield Obstacle(node, other, note.parameter, words, numeric=True)


def concerns(note: Note, *nodes: Node) -> bool:
    """Whether a note is about any of these nodes; if the file does not show it, it is."""
    if note.case and not any(_CASES[note.case](node) for node in nodes):
        return False
    return all(
        any(_has(node, name, values) for node in nodes) for name, values in note.when.items()
    )


def as_before(node: Node, name: str, old: int) -> bool:
    """Whether a parameter that version `old` does not have says what that version does anyway."""
    found = attribute(node, name)
    if found is not None and found["default"]:
        return True
    port = input_of(node, name)
    value = found["value"] if found else port.get("value") if port else None
    if value is None:
        return False
    values = value if isinstance(value, list) else [value]
    notes = definitions.notes(node["op"], old, node["since"] or old, node["domain"])
    told = {note.as_before for note in notes if note.parameter == name and note.as_before}
    if "outputs" in told:
        told = {str(len(node["outputs"]))}
    return len(told) == 1 and {str(each) for each in values} == told


def refused_type(node: Node, version: int) -> tuple[str, str] | None:
    """The first parameter whose type here another version does not allow, and that type."""
    op, domain = node["op"], node["domain"]
    for ports, formal in (
        (node["inputs"], definitions.inputs(op, version, domain)),
        (node["outputs"], definitions.outputs(op, version, domain)),
    ):
        allowed = {definitions.newest_name(op, version, p.name, domain): p.types for p in formal}
        for port in ports:
            name = definitions.newest_name(op, node["since"], port["parameter"], domain)
            types = allowed.get(name.partition("[")[0])
            if types and "dtype" in port and f"tensor({port['dtype']})" not in types:
                return port["parameter"], port["dtype"]
    return None


def notes_on(node: Node, name: str, version: int) -> list[Note]:
    """The notes between two versions of a node on one parameter that add its value here."""
    notes = definitions.notes(node["op"], version, node["since"] or version, node["domain"])
    return [
        note
        for note in notes
        if note.parameter == name and note.new > version and _adds(note, _value(node, name))
    ]


def _deprecated(node: Node, other: int) -> str:
    op, since = node["op"], node["since"] or 0
    if other > since:
        return f"{op} is deprecated since opset {other}"
    told = [n for n in definitions.notes(op, other, since, node["domain"]) if concerns(n, node)]
    words = " ".join([f"{op}-{other} is deprecated.", *(note.note for note in told)])
    return words.removesuffix(".")


def _attributes(node: Node, other: int) -> Iterator[Obstacle]:
    op, domain = node["op"], node["domain"]
    there = definitions.attributes(op, other, domain)
    moved = _names(node, other, Kind.ATTRIBUTE_TO_INPUT, Kind.ATTRIBUTE_RENAMED)
    for each in node["attributes"]:
        name = each["name"]
        if name not in there and name not in moved and not as_before(node, name, other):
            words = f"{op}-{other} has no `{name}`, which is `{each['value']}` here"
            yield Obstacle(node, other, name, words)
        for note in notes_on(node, name, other):
            yield Obstacle(node, other, name, _stripped(note))


def _inputs(node: Node, other: int) -> Iterator[Obstacle]:
    op, domain = node["op"], node["domain"]
    there = {p.name for p in definitions.inputs(op, other, domain)}
    there = {definitions.newest_name(op, other, name, domain) for name in there}
    moved = _names(node, other, Kind.INPUT_TO_ATTRIBUTE)
    for port in node["inputs"]:
        name = definitions.newest_name(op, node["since"], port["parameter"], domain)
        if name.partition("[")[0] in there or port["given"] in {"omitted", "empty"}:
            continue
        if name not in moved and not as_before(node, name, other):
            yield Obstacle(node, other, name, f"{op}-{other} has no input `{name}`")
        elif name in moved and port["given"] not in {"constant", "initializer"}:
            words = f"`{name}` is an attribute of {op}-{other}, and it is computed here"
            yield Obstacle(node, other, name, words)


def _types(node: Node, other: int) -> Iterator[Obstacle]:
    if refused := refused_type(node, other):
        words = f"{node['op']}-{other} does not take {refused[1]} (as `{refused[0]}`)"
        yield Obstacle(node, other, refused[0], words)


def _names(node: Node, other: int, *kinds: Kind) -> set[str]:
    """Parameters of a node that another version has in another form."""
    since = node["since"] or other
    changes = definitions.transition(node["op"], since, other, node["domain"]).changes
    return {change.names[0] for change in changes if change.kind in kinds}


def _stripped(note: Note) -> str:
    return note.note.removesuffix(".")


def _value(node: Node, name: str) -> Any:
    found = attribute(node, name)
    if found is not None:
        return found["value"] if found["written"] else None
    port = input_of(node, name)
    return port.get("value") if port else None


def _adds(note: Note, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    if "negative" in note.adds:
        return any(isinstance(item, int) and item < 0 for item in values)
    return any(str(item) in note.adds for item in values)


def _has(node: Node, name: str, values: tuple[Any, ...]) -> bool:
    found = attribute(node, name)
    if found is None:
        port = input_of(node, name)
        return port is not None and port["given"] != "omitted"
    referred = isinstance(found["value"], str) and found["value"].startswith("@")
    return referred or (found["value"] in values if values else not found["default"])


def _inner_axis(node: Node) -> bool:
    axis, shape = _value_or_default(node, "axis"), _first(node["inputs"]).get("shape")
    if not isinstance(axis, int) or not shape:
        return True
    return any(size != 1 for size in shape[axis % len(shape) + 1 :])


def _first(ports: list[Port]) -> Mapping[str, Any]:
    return ports[0] if ports else {}


def _value_or_default(node: Node, name: str) -> Any:
    found = attribute(node, name)
    return found["value"] if found else None


def _training(node: Node) -> bool:
    several = sum(port["given"] != "omitted" for port in node["outputs"]) > 1
    return several or _value_or_default(node, "training_mode") not in (0, None)


def _crossing_bounds(node: Node) -> bool:
    bounds = [input_of(node, name) for name in ("min", "max")]
    if any(port is None or port["given"] == "omitted" for port in bounds):
        return False
    low, high = (port.get("value") if port else None for port in bounds)
    return low is None or high is None or bool(_number(low) > _number(high))


def _number(value: Any) -> float:
    return float(value[0] if isinstance(value, list) else value)


def _mixed_types(node: Node) -> bool:
    types = {port.get("dtype") for port in node["inputs"][:2]}
    return len(types) > 1 or bool(types & INTEGERS)


def _out_of_range(node: Node) -> bool:
    old, new = _first(node["inputs"]).get("dtype"), _first(node["outputs"]).get("dtype")
    if old is None or new is None:
        return True
    whole = old in INTEGERS and new in {"float", "double", "bfloat16"}
    return not (new in {old, "bool"} or new in LOSSLESS.get(old, set()) or whole)


def _axis_left_out(node: Node) -> bool:
    found, port = attribute(node, "axis"), input_of(node, "axis")
    return not found["written"] if found else port is None or port["given"] == "omitted"


def _half_precision(node: Node) -> bool:
    return bool({port.get("dtype") for port in node["inputs"]} & HALF)


# What the `case` of a note means.
_CASES: dict[str, Callable[[Node], bool]] = {
    "inner axis": _inner_axis,
    "training": _training,
    "crossing bounds": _crossing_bounds,
    "mixed types": _mixed_types,
    "out of range": _out_of_range,
    "half precision": _half_precision,
    "axis left out": _axis_left_out,
}
