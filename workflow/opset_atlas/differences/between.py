"""What differs between two aligned graphs, without the causes.

A difference is one statement about a pair of nodes or a region. Differences that cannot change what
is computed (an omitted input or an empty one, a default written or not, a Constant node or an
initializer) are kept and marked, not hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from opset_atlas.differences.align import Alignment, align
from opset_atlas.differences.difference import Difference, Kind
from opset_atlas.differences.regions import identities, region
from opset_atlas.differences.wording import WORDS, given, made_by, written
from opset_atlas.graph.spelling import content_of, operator, type_of, visible
from opset_atlas.graph.view import View, name_of
from opset_atlas.operators import definitions
from opset_atlas.records import Attribute, Graph, Node, Port

_INFERRED = "unk__"  # onnx's shape inference names unknown sizes like this

# Swapping their inputs does not change the result, not even in the last bit.
COMMUTATIVE = {("", op) for op in ("Add", "And", "Equal", "Mul", "Or", "Xor")}


def differences(left: Graph, right: Graph) -> list[Difference]:
    """Everything that differs between two graphs, including the subgraphs of matched nodes."""
    return [
        *_named_alike(left, right),
        *_declared(left, right),
        *_aligned(align(left, right, fold=True)),
    ]


def body_differences(left: Graph, right: Graph) -> list[Difference]:
    """The same for two functions, whose parameters correspond by position, not by name."""
    return _aligned(align(left, right, fold=True))


def _aligned(alignment: Alignment, within: tuple[Node, Node] | None = None) -> list[Difference]:
    """What differs between two aligned graphs; `within` is the pair of nodes that contain them."""
    found = list(_signature(alignment, within))
    for i, j in alignment.forward.items():
        one, other = alignment.left.nodes[i], alignment.right.nodes[j]
        found += _node(alignment, one, other)
        for name in one["subgraphs"].keys() & other["subgraphs"].keys():
            inner = align(one["subgraphs"][name], other["subgraphs"][name], alignment, fold=True)
            found += _aligned(inner, (one, other))
    found += [region(alignment, *nodes) for nodes in alignment.regions]
    found += identities(alignment)
    return found


def _named_alike(left: Graph, right: Graph) -> Iterator[Difference]:
    """The names of a model's inputs and outputs, which callers use."""
    for side in ("inputs", "outputs"):
        one, other = ([p["name"] for p in g[side]] for g in (left, right))  # type: ignore[literal-required]
        if one != other:
            yield _of_graph(side, ", ".join(one), ", ".join(other), None)


def _declared(left: Graph, right: Graph) -> Iterator[Difference]:
    """Sizes of a model's inputs and outputs that one file fixes and the other leaves open."""
    for one, other in zip(
        [*left["inputs"], *left["outputs"]], [*right["inputs"], *right["outputs"]], strict=False
    ):
        ours, theirs = one.get("shape"), other.get("shape")
        if ours is None or theirs is None or len(ours) != len(theirs):
            continue
        for axis, pair in enumerate(zip(ours, theirs, strict=True)):
            kinds = {type(size) for size in pair}
            if kinds == {int, str} and not any(str(size).startswith(_INFERRED) for size in pair):
                before, after = (visible(f"axis {axis} is {size}", WORDS) for size in pair)
                yield Difference("declaration", "", "", one["name"], before, after, (), ())


def _signature(alignment: Alignment, within: tuple[Node, Node] | None) -> Iterator[Difference]:
    """Differences in the types of a graph's inputs and outputs, and in its outputs' origins."""
    left, right = alignment.left.graph, alignment.right.graph
    for side in ("inputs", "outputs"):
        ours, theirs = left[side], right[side]  # type: ignore[literal-required]
        if len(ours) != len(theirs) or any(map(_type_differs, ours, theirs)):
            one, other = ([f"{p['name']}: {type_of(p)}" for p in ports] for ports in (ours, theirs))
            pair = _of_types(alignment, ours, theirs) if side == "outputs" else None
            found = _of_graph(side, ", ".join(one), ", ".join(other), within)
            yield replace(found, left=pair[:1], right=pair[1:]) if pair and not within else found
    for first, second in zip(left["outputs"], right["outputs"], strict=False):
        old, new = alignment.left.port(first), alignment.right.port(second)
        if made_by(old) != made_by(new) and _content(old) == _content(new):
            yield replace(_of_graph("outputs", given(old), given(new), within), neutral=True)
    rewired = [
        (_origin(alignment.left, one), _origin(alignment.right, other))
        for one, other in zip(left["outputs"], right["outputs"], strict=False)
        if not _same_result(alignment, one, other)
    ]
    if rewired:
        before, after = (", ".join(words) for words in zip(*rewired, strict=True))
        yield _of_graph("outputs", before, after, within)


def _of_types(
    alignment: Alignment, ours: Sequence[Port], theirs: Sequence[Port]
) -> tuple[Node, Node] | None:
    """The nodes of the same operator that compute the first output whose type differs."""
    for one, other in zip(ours, theirs, strict=False):
        source, target = alignment.left.source(one), alignment.right.source(other)
        if _type_differs(one, other) and source and target:
            nodes = alignment.left.nodes[source[0]], alignment.right.nodes[target[0]]
            return nodes if name_of(nodes[0]) == name_of(nodes[1]) else None
    return None


def _of_graph(side: str, before: str, after: str, within: tuple[Node, Node] | None) -> Difference:
    op, domain = (within[0]["op"], within[0]["domain"]) if within else ("", "")
    left, right = ((within[0],), (within[1],)) if within else ((), ())
    words = visible(before, WORDS), visible(after, WORDS)
    return Difference("signature", op, domain, side, *words, left, right)


def _same_result(alignment: Alignment, one: Port, other: Port) -> bool:
    """Whether an output is the same constant in both graphs, or comes from matched nodes."""
    ours, theirs = alignment.left.port(one), alignment.right.port(other)
    if {"value", "sha256"} & (ours.keys() | theirs.keys()):
        return all(ours.get(key) == theirs.get(key) for key in ("value", "sha256"))
    return _same_value(alignment, one["name"], other["name"])


def _origin(side: View, port: Port) -> str:
    """Where an output of a graph comes from: `y is Y of Relu-14`."""
    source = side.source(port)
    if source is None:
        return f"{port['name']} is {content_of(side.port(port)) or side.resolve(port['name'])}"
    node = side.nodes[source[0]]
    return f"{port['name']} is {node['outputs'][source[1]]['parameter']} of {operator(node)}"


def _type_differs(one: Port, other: Port) -> bool:
    """Whether two ports differ in dtype, rank, or a size known on both sides."""
    if _another_type(one, other):
        return True
    left, right = one.get("shape"), other.get("shape")
    if left is None or right is None:
        return False
    fixed = [
        pair for pair in zip(left, right, strict=False) if all(isinstance(s, int) for s in pair)
    ]
    return len(left) != len(right) or any(a != b for a, b in fixed)


def _node(alignment: Alignment, one: Node, other: Node) -> Iterator[Difference]:
    """What differs in a pair; all of it is neutral if both compute the same constants."""
    result = _same_constants(alignment, one, other)
    for difference in _of_pair(alignment, one, other):
        if not result:
            yield difference
        elif difference.kind != "semantics":
            yield replace(difference, neutral=True, result=result)


def _same_constants(alignment: Alignment, one: Node, other: Node) -> str:
    """What both nodes compute from constants only; "" if that differs or is unknown."""
    left, right = alignment.left, alignment.right
    if not (left.is_known(one["index"]) and right.is_known(other["index"])):
        return ""
    ours = [left.known[port["name"]] for port in one["outputs"]]
    theirs = [right.known[port["name"]] for port in other["outputs"]]
    if list(map(_content, ours)) != list(map(_content, theirs)):
        return ""
    return ", ".join(f"{type_of(port)} {content_of(port)}" for port in ours)


def _of_pair(alignment: Alignment, one: Node, other: Node) -> Iterator[Difference]:
    found = list(_inputs_and_attributes(alignment, one, other))
    yield from found
    follows = _type_follows(alignment, one, other) or any(
        each.kind == "attribute" and each.parameter in {"to", "dtype"} for each in found
    )
    for ours, theirs in zip(one["outputs"], other["outputs"], strict=False):
        # A different shape follows from an input or attribute, which is reported separately.
        if not follows and _another_type(ours, theirs):
            yield _difference(
                "type",
                one,
                other,
                ours["parameter"],
                type_of(ours),
                type_of(theirs),
            )
    if one["since"] != other["since"]:
        yield _difference("semantics", one, other, "", operator(one), operator(other))


def _another_type(one: Port, other: Port) -> bool:
    return one.get("dtype", other.get("dtype")) != other.get("dtype", one.get("dtype"))


def _type_follows(alignment: Alignment, one: Node, other: Node) -> bool:
    """Whether the result types differ only because an input's does; reported at its origin."""
    for ours, theirs in zip(one["inputs"], other["inputs"], strict=False):
        if _another_type(ours, theirs):
            source, target = alignment.left.source(ours), alignment.right.source(theirs)
            if source is None and target is None:
                return True
            if source and target and alignment.forward.get(source[0]) == target[0]:
                return True
    return False


def _inputs_and_attributes(alignment: Alignment, one: Node, other: Node) -> Iterator[Difference]:
    """Differences in inputs and attributes, under the newer side's names."""
    names = _renamed(one, other)
    ours = {names.get(p["parameter"], p["parameter"]): p for p in one["inputs"]}
    old = {names.get(a["name"], a["name"]): a for a in one["attributes"]}
    theirs = {port["parameter"]: port for port in other["inputs"]}
    new = {attribute["name"]: attribute for attribute in other["attributes"]}
    if _swapped(alignment, one, other):
        before, after = (", ".join(map(given, node["inputs"])) for node in (one, other))
        yield _difference("encoding", one, other, "", before, after, neutral=True)
        ours, theirs = {}, {}
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        mine, its = ours.get(name), theirs.get(name)
        if mine is None and name in old:
            yield _moved("attribute-to-input", one, other, name, old[name], its)
        elif its is None and name in new:
            yield _moved("input-to-attribute", one, other, name, new[name], mine)
        elif difference := _input(alignment, one, other, name, mine, its):
            yield difference
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in theirs and name not in ours:
            yield from _attribute(one, other, name, old.get(name), new.get(name))


def _swapped(alignment: Alignment, one: Node, other: Node) -> bool:
    """Whether a commutative operator has its two inputs swapped."""
    ours, theirs = one["inputs"], other["inputs"]
    if name_of(one) not in COMMUTATIVE or len(ours) != 2 or len(theirs) != 2:
        return False
    straight, crossed = zip(ours, theirs, strict=True), zip(ours, theirs[::-1], strict=True)
    return all(_same_input(alignment, *pair) for pair in crossed) and not all(
        _same_input(alignment, *pair) for pair in straight
    )


def _same_input(alignment: Alignment, before: Port, after: Port) -> bool:
    """Whether two inputs are the same constant or result, and not from a region."""
    before, after = alignment.left.port(before), alignment.right.port(after)
    if _way(before) != _way(after):
        return False
    if _way(before) == "fixed":
        return _content(before) == _content(after)
    return not _in_region(alignment, before, after) and _same_value(
        alignment, before["name"], after["name"]
    )


def _renamed(one: Node, other: Node) -> dict[str, str]:
    """The parameters' names in the left version → in the right version, if they differ."""
    if one["since"] is None or other["since"] is None or one["since"] == other["since"]:
        return {}
    changes = definitions.transition(one["op"], one["since"], other["since"], one["domain"]).changes
    named = (change.names for change in changes if change.role != "output")
    pairs = {old: new for old, new in named if old != new}
    positions = zip(one["inputs"], other["inputs"], strict=False)
    return pairs | {
        # `inputs[0]` of a variadic input follows its stem.
        p["parameter"]: q["parameter"]
        for p, q in positions
        if "[" in p["parameter"] and pairs.get(p["parameter"].partition("[")[0])
    }


def _moved(
    kind: Kind, one: Node, other: Node, name: str, attribute: Attribute, port: Port | None
) -> Difference:
    value = _flat(attribute["value"])
    same = port is not None and "value" in port and _flat(port["value"]) == value
    if port is not None and "value" in port:
        same = same or _same_axes(one, other, name, attribute["value"], port["value"])
    default = port is None or (port["given"] == "omitted" and attribute["default"])
    words = f"attribute {written(attribute)}" + ("" if attribute["written"] else " (the default)")
    pair = (words, given(port)) if kind == "attribute-to-input" else (given(port), words)
    return _difference(kind, one, other, name, *pair, neutral=same or default)


def _flat(value: Any) -> list[Any]:
    return [v for item in value for v in _flat(item)] if isinstance(value, list) else [value]


def _input(
    alignment: Alignment, one: Node, other: Node, name: str, before: Port | None, after: Port | None
) -> Difference | None:
    """The difference in how one formal input is given; None if there is none."""
    before = alignment.left.port(before) if before else None
    after = alignment.right.port(after) if after else None
    left, right = _way(before), _way(after)
    if before and after and {left, right} == {"computed", "fixed"}:
        # A matched node may compute what the other side holds as a constant.
        before, after = alignment.left.content(before), alignment.right.content(after)
        left, right = _way(before), _way(after)
        one, other = _given(one, before), _given(other, after)
    if left == right == "computed":
        assert before is not None and after is not None
        if _same_value(alignment, before["name"], after["name"]):
            return None
        words = given(before, alignment.left), given(after, alignment.right)
        return _difference("input", one, other, name, *words)
    if left == right == "fixed":
        assert before is not None and after is not None
        if _content(before) == _content(after):
            if before["given"] == after["given"] and made_by(before) == made_by(after):
                return None
            return _difference(
                "encoding", one, other, name, given(before), given(after), neutral=True
            )
        same = before.get("dtype") == after.get("dtype") and _same_axes(
            one, other, name, before.get("value"), after.get("value")
        )
        return _difference("input", one, other, name, given(before), given(after), neutral=same)
    if left == right or (
        {left, right} == {"computed", "fixed"} and _in_region(alignment, before, after)
    ):
        return None  # the region's difference names the constant
    words = given(before, alignment.left), given(after, alignment.right)
    return _difference("input", one, other, name, *words)


def _given(node: Node, port: Port) -> Node:
    """The node with one input replaced."""
    name = port["parameter"]
    return {**node, "inputs": [port if p["parameter"] == name else p for p in node["inputs"]]}


def _in_region(alignment: Alignment, before: Port | None, after: Port | None) -> bool:
    """Whether a value on either side comes from an unmatched node."""
    ours = alignment.left.source(before) if before else None
    theirs = alignment.right.source(after) if after else None
    return bool(
        (ours and ours[0] not in alignment.forward)
        or (theirs and theirs[0] not in alignment.backward)
    )


def _way(port: Port | None) -> str:
    if port is None or port["given"] == "omitted":
        return "omitted"
    if port["given"] == "empty":
        return "empty"
    return "fixed" if port["given"] in {"constant", "initializer"} else "computed"


def _content(port: Port) -> tuple[Any, ...]:
    return port.get("dtype"), port.get("shape"), port.get("value"), port.get("sha256")


def _same_value(alignment: Alignment, before: str, after: str) -> bool:
    """Whether two values come from matched nodes, or from the same input of the graph.

    A source in an unmatched region belongs to the region's difference.
    """
    one, other = alignment.left.resolve(before), alignment.right.resolve(after)
    ours, theirs = alignment.left.producer.get(one), alignment.right.producer.get(other)
    if ours is None and theirs is None:
        entries = _entry(alignment.left, one), _entry(alignment.right, other)
        if alignment.outer is None or entries != (None, None):
            return entries[0] == entries[1]
        return _same_value(alignment.outer, one, other)
    if (ours and ours[0] not in alignment.forward) or (
        theirs and theirs[0] not in alignment.backward
    ):
        return True
    if ours is None or theirs is None:
        return False
    return alignment.forward[ours[0]] == theirs[0] and ours[1] == theirs[1]


def _entry(side: View, name: str) -> int | None:
    """The position of a value among the graph's inputs."""
    names = [value["name"] for value in side.graph["inputs"]]
    return names.index(name) if name in names else None


def _attribute(
    one: Node, other: Node, name: str, before: Attribute | None, after: Attribute | None
) -> Iterator[Difference]:
    ours, theirs = written(before), written(after)
    stated = [side is not None and side["written"] for side in (before, after)]
    if before is not None and after is not None and before["value"] == after["value"]:
        if stated[0] != stated[1] and before["value"] != "subgraph":
            words = [f"{ours} ({'written' if w else 'left to the default'})" for w in stated]
            yield _difference("encoding", one, other, name, words[0], words[1], neutral=True)
    elif any(stated) or (before is not None and after is not None):
        # A default that only one of the versions has changes nothing, unless its value does.
        default = (before is None or before["default"]) and (after is None or after["default"])
        neutral = default and (before is None or after is None)
        values = (side["value"] if side else None for side in (before, after))
        neutral = neutral or _same_axes(one, other, name, *values)
        yield _difference("attribute", one, other, name, ours, theirs, neutral=neutral)


def _same_axes(one: Node, other: Node, name: str, before: Any, after: Any) -> bool:
    """Whether axes are equal when negative ones are counted from the end."""
    if name not in {"axis", "axes"} or before is None or after is None:
        return False
    # The axes of Unsqueeze are those of its result.
    side: Literal["outputs", "inputs"] = "outputs" if one["op"] == "Unsqueeze" else "inputs"
    shapes = [node[side][0].get("shape") if node[side] else None for node in (one, other)]
    if not all(shapes):
        return False
    flat = [
        [axis % len(shape or ()) if isinstance(axis, int) else axis for axis in _flat(value)]
        for value, shape in zip((before, after), shapes, strict=True)
    ]
    return flat[0] == flat[1]


def _difference(
    kind: Kind,
    one: Node,
    other: Node,
    parameter: str,
    before: str,
    after: str,
    neutral: bool = False,
) -> Difference:
    return Difference(
        kind, one["op"], one["domain"], parameter, before, after, (one,), (other,), neutral
    )
