"""What differs between two aligned graphs, before anybody asks why.

A difference is one statement about one pair of nodes, or about one region. Differences that cannot
change what is computed (an omitted input against an empty one, a default written or not, a Constant
node against an initializer) are kept and marked, not hidden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from atlas import schema
from atlas.align import Alignment, align
from atlas.picture import content_of, operator, type_of, visible
from atlas.records import Attribute, Graph, Node, Port
from atlas.view import View

WORDS = 300  # characters of a value in words

Kind = Literal[
    "input",  # the same formal input, given in another way
    "attribute",  # the same attribute, another value
    "attribute-to-input",
    "input-to-attribute",
    "encoding",  # the same value, written down in another way
    "semantics",  # the same node under a schema version that means something else
    "type",  # another dtype or shape of a result
    "operators",  # other operators in the same place
    "identity",  # Identity nodes, which compute nothing
    "signature",  # inputs or outputs of the graph
]


@dataclass(frozen=True)
class Wire:
    """A matched pair next to a region; `parameter` is the input that the region feeds, or ""."""

    left: Node
    right: Node
    parameter: str


@dataclass(frozen=True)
class Difference:
    """One difference. `left` and `right` are the nodes; a region has several, or none on a side.

    `before` and `after` are words. `neutral`: equal meaning, by what the files alone say. `around`:
    how a region is wired to matched pairs.
    """

    kind: Kind
    op: str
    domain: str
    parameter: str
    before: str
    after: str
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    neutral: bool = False
    around: tuple[Wire, ...] = ()


def differences(left: Graph, right: Graph) -> list[Difference]:
    """Everything that differs between two graphs, subgraphs of matched nodes included."""
    return [*_named_alike(left, right), *_aligned(align(left, right))]


def body_differences(left: Graph, right: Graph) -> list[Difference]:
    """The same for two functions, whose parameters go by position, not by name."""
    return _aligned(align(left, right))


def _aligned(alignment: Alignment, within: tuple[Node, Node] | None = None) -> list[Difference]:
    """What differs between two aligned graphs; `within` is the pair of nodes that hold them."""
    found = list(_signature(alignment, within))
    for i, j in alignment.forward.items():
        one, other = alignment.left.nodes[i], alignment.right.nodes[j]
        found += _node(alignment, one, other)
        for name in one["subgraphs"].keys() & other["subgraphs"].keys():
            inner = align(one["subgraphs"][name], other["subgraphs"][name], alignment)
            found += _aligned(inner, (one, other))
    found += [_region(alignment, *region) for region in alignment.regions]
    found += _identities(alignment)
    return found


def _named_alike(left: Graph, right: Graph) -> Iterator[Difference]:
    """The names of a model's inputs and outputs, by which others feed and read it."""
    for side in ("inputs", "outputs"):
        one, other = ([p["name"] for p in g[side]] for g in (left, right))  # type: ignore[literal-required]
        if one != other:
            yield _of_graph(side, ", ".join(one), ", ".join(other), None)


def _signature(alignment: Alignment, within: tuple[Node, Node] | None) -> Iterator[Difference]:
    """Types of a graph's inputs and outputs, and where its outputs come from."""
    left, right = alignment.left.graph, alignment.right.graph
    for side in ("inputs", "outputs"):
        ours, theirs = left[side], right[side]  # type: ignore[literal-required]
        if len(ours) != len(theirs) or any(map(_type_differs, ours, theirs)):
            one, other = ([f"{p['name']}: {type_of(p)}" for p in ports] for ports in (ours, theirs))
            yield _of_graph(side, ", ".join(one), ", ".join(other), within)
    rewired = [
        (_origin(alignment.left, one), _origin(alignment.right, other))
        for one, other in zip(left["outputs"], right["outputs"], strict=False)
        if not _same_result(alignment, one, other)
    ]
    if rewired:
        before, after = (", ".join(words) for words in zip(*rewired, strict=True))
        yield _of_graph("outputs", before, after, within)


def _of_graph(side: str, before: str, after: str, within: tuple[Node, Node] | None) -> Difference:
    op, domain = (within[0]["op"], within[0]["domain"]) if within else ("", "")
    left, right = ((within[0],), (within[1],)) if within else ((), ())
    words = visible(before, WORDS), visible(after, WORDS)
    return Difference("signature", op, domain, side, *words, left, right)


def _same_result(alignment: Alignment, one: Port, other: Port) -> bool:
    """Whether an output of both graphs is the same constant, or comes from matched nodes."""
    ours, theirs = alignment.left.port(one), alignment.right.port(other)
    if {"value", "sha256"} & (ours.keys() | theirs.keys()):
        return all(ours.get(key) == theirs.get(key) for key in ("value", "sha256"))
    return _same_value(alignment, one["name"], other["name"])


def _origin(side: View, port: Port) -> str:
    """`y is Y of Relu-14`: where an output of a graph comes from."""
    source = side.source(port)
    if source is None:
        return f"{port['name']} is {content_of(side.port(port)) or side.resolve(port['name'])}"
    node = side.nodes[source[0]]
    return f"{port['name']} is {node['outputs'][source[1]]['parameter']} of {operator(node)}"


def _type_differs(one: Port, other: Port) -> bool:
    """Whether two ports of a graph differ in dtype, rank, or a size that both know."""
    if one.get("dtype", other.get("dtype")) != other.get("dtype", one.get("dtype")):
        return True
    left, right = one.get("shape"), other.get("shape")
    if left is None or right is None:
        return False
    fixed = [
        pair for pair in zip(left, right, strict=False) if all(isinstance(s, int) for s in pair)
    ]
    return len(left) != len(right) or any(a != b for a, b in fixed)


def _node(alignment: Alignment, one: Node, other: Node) -> Iterator[Difference]:
    yield from _inputs_and_attributes(alignment, one, other)
    for ours, theirs in zip(one["outputs"], other["outputs"], strict=False):
        # Another shape follows from another input or attribute, which is a difference of its own.
        if ours.get("dtype", theirs.get("dtype")) != theirs.get("dtype", ours.get("dtype")):
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


def _inputs_and_attributes(alignment: Alignment, one: Node, other: Node) -> Iterator[Difference]:
    """Inputs and attributes under the newer side's names, whatever the older side calls them."""
    names = _renamed(one, other)
    ours = {names.get(p["parameter"], p["parameter"]): p for p in one["inputs"]}
    old = {names.get(a["name"], a["name"]): a for a in one["attributes"]}
    theirs = {port["parameter"]: port for port in other["inputs"]}
    new = {attribute["name"]: attribute for attribute in other["attributes"]}
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        before, after = ours.get(name), theirs.get(name)
        if before is None and name in old:
            yield _moved("attribute-to-input", one, other, name, old[name], after)
        elif after is None and name in new:
            yield _moved("input-to-attribute", one, other, name, new[name], before)
        elif difference := _input(alignment, one, other, name, before, after):
            yield difference
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in theirs and name not in ours:
            yield from _attribute(one, other, name, old.get(name), new.get(name))


def _renamed(one: Node, other: Node) -> dict[str, str]:
    """What the left version calls a parameter → what the right version does, where they differ."""
    if one["since"] is None or other["since"] is None or one["since"] == other["since"]:
        return {}
    changes = schema.transition(one["op"], one["since"], other["since"], one["domain"]).changes
    pairs = dict(change.names for change in changes if change.names[0] != change.names[1])
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
    default = port is None or (port["given"] == "omitted" and attribute["default"])
    words = f"attribute {_words(attribute)}" + ("" if attribute["written"] else " (the default)")
    pair = (words, given(port)) if kind == "attribute-to-input" else (given(port), words)
    return _difference(kind, one, other, name, *pair, neutral=same or default)


def _flat(value: Any) -> list[Any]:
    return [v for item in value for v in _flat(item)] if isinstance(value, list) else [value]


def _input(
    alignment: Alignment, one: Node, other: Node, name: str, before: Port | None, after: Port | None
) -> Difference | None:
    """How one formal input is given on both sides; None where that is the same."""
    before = alignment.left.port(before) if before else None
    after = alignment.right.port(after) if after else None
    left, right = _way(before), _way(after)
    if left == right == "computed":
        assert before is not None and after is not None
        if _same_value(alignment, before["name"], after["name"]):
            return None
        return _difference("input", one, other, name, given(before), given(after))
    if left == right == "fixed":
        assert before is not None and after is not None
        if _content(before) == _content(after):
            if before["given"] == after["given"]:
                return None
            return _difference(
                "encoding", one, other, name, given(before), given(after), neutral=True
            )
        return _difference("input", one, other, name, given(before), given(after))
    if left == right:
        return None
    return _difference("input", one, other, name, given(before), given(after))


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

    A source in an unmatched region is the region's difference, not this one's.
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
    """The position of an input of the graph."""
    names = [value["name"] for value in side.graph["inputs"]]
    return names.index(name) if name in names else None


def given(port: Port | None) -> str:
    """How an input is given, in words."""
    if port is None or port["given"] == "omitted":
        return "omitted"
    if port["given"] == "empty":
        return f"an empty tensor {type_of(port)}"
    if port["given"] in {"constant", "initializer"}:
        return f"{port['given']} {type_of(port)} {content_of(port)}".strip()
    return f"computed {type_of(port)}".strip()


def _attribute(
    one: Node, other: Node, name: str, before: Attribute | None, after: Attribute | None
) -> Iterator[Difference]:
    ours, theirs = _words(before), _words(after)
    written = [side is not None and side["written"] for side in (before, after)]
    if before is not None and after is not None and before["value"] == after["value"]:
        if written[0] != written[1] and before["value"] != "subgraph":
            words = [f"{ours}, {'written' if w else 'left to the default'}" for w in written]
            yield _difference("encoding", one, other, name, words[0], words[1], neutral=True)
    elif any(written) or (before is not None and after is not None):
        # A default that only one of the versions has changes nothing unless it says otherwise.
        default = (before is None or before["default"]) and (after is None or after["default"])
        neutral = default and (before is None or after is None)
        yield _difference("attribute", one, other, name, ours, theirs, neutral=neutral)


def _words(attribute: Attribute | None) -> str:
    return "absent" if attribute is None else visible(str(attribute["value"]), WORDS)


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


def _region(alignment: Alignment, left: tuple[int, ...], right: tuple[int, ...]) -> Difference:
    ours = tuple(alignment.left.nodes[i] for i in left)
    theirs = tuple(alignment.right.nodes[j] for j in right)
    name = _main(theirs) or _main(ours)
    return Difference(
        "operators", name["op"], name["domain"], "", spelled(ours), spelled(theirs), ours, theirs,
        around=tuple(_around(alignment, left, right)),
    )  # fmt: skip


def _around(alignment: Alignment, left: tuple[int, ...], right: tuple[int, ...]) -> Iterator[Wire]:
    """Where a region is wired to matched pairs: what it feeds, then what feeds it."""
    for side, region, matched in (
        (alignment.left, left, alignment.forward),
        (alignment.right, right, alignment.backward),
    ):
        found = [wire for index in region for wire in _wires(side, index) if wire[0] in matched]
        for neighbor, parameter in dict.fromkeys(found):
            other = matched[neighbor]
            i, j = (neighbor, other) if side is alignment.left else (other, neighbor)
            yield Wire(alignment.left.nodes[i], alignment.right.nodes[j], parameter)


def _wires(side: View, index: int) -> Iterator[tuple[int, str]]:
    """The nodes that read a node's results, with the parameter; those that it reads, with ""."""
    yield from ((reader.node, reader.parameter) for reader in side.consumers[index])
    for port in side.nodes[index]["inputs"]:
        if source := side.source(port):
            yield source[0], ""


def _main(nodes: tuple[Node, ...]) -> Any:
    """The node that a region is named after: the one that computes most, taken as the rarest."""
    if not nodes:
        return None
    counts = Counter(node["op"] for node in nodes)
    plumbing = {"Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Shape", "Gather"}
    return min(nodes, key=lambda node: (node["op"] in plumbing, counts[node["op"]], node["index"]))


def spelled(nodes: tuple[Node, ...]) -> str:
    """`2 Mul, Add`: the operators of a region in the order of the file."""
    counts = Counter(f"{n['domain']}::{n['op']}" if n["domain"] else n["op"] for n in nodes)
    words = [f"{count} {op}" if count > 1 else op for op, count in counts.items()]
    return visible(", ".join(words), 2 * WORDS) or "nothing"


def _identities(alignment: Alignment) -> Iterator[Difference]:
    ours, theirs = alignment.left.identities, alignment.right.identities
    if len(ours) != len(theirs):
        yield Difference(
            "identity", "Identity", "", "", str(len(ours)), str(len(theirs)),
            tuple(ours), tuple(theirs), neutral=True,
        )  # fmt: skip
