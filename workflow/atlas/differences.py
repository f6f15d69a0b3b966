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
from atlas.align import Alignment, View, align
from atlas.picture import content_of, operator, type_of
from atlas.records import Attribute, Graph, Node, Port

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
    ports: tuple[Port | None, Port | None] = (None, None)
    around: tuple[Wire, ...] = ()


def differences(left: Graph, right: Graph) -> list[Difference]:
    """Everything that differs between two graphs, subgraphs of matched nodes included."""
    alignment = align(left, right)
    found = list(_signature(left, right))
    for i, j in alignment.forward.items():
        one, other = alignment.left.nodes[i], alignment.right.nodes[j]
        found += _node(alignment, one, other)
        for name in one["subgraphs"].keys() & other["subgraphs"].keys():
            found += differences(one["subgraphs"][name], other["subgraphs"][name])
    found += [_region(alignment, *region) for region in alignment.regions]
    found += _identities(alignment)
    return found


def _signature(left: Graph, right: Graph) -> Iterator[Difference]:
    for side in ("inputs", "outputs"):
        ours, theirs = left[side], right[side]  # type: ignore[literal-required]
        one, other = ([f"{p['name']}: {type_of(p)}" for p in ports] for ports in (ours, theirs))
        if len(one) != len(other) or any(map(_port_differs, ours, theirs)):
            before, after = ", ".join(one), ", ".join(other)
            yield Difference("signature", "", "", side, before, after, (), ())


def _port_differs(one: Port, other: Port) -> bool:
    """Whether two ports of a graph differ in name, dtype, rank, or a size that both know."""
    if one["name"] != other["name"] or one.get("dtype") != other.get("dtype"):
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
                (ours, theirs),
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
    words = f"attribute {attribute['value']}" + ("" if attribute["written"] else " (the default)")
    pair = (words, given(port)) if kind == "attribute-to-input" else (given(port), words)
    return _difference(kind, one, other, name, *pair, neutral=same or default)


def _flat(value: Any) -> list[Any]:
    return [v for item in value for v in _flat(item)] if isinstance(value, list) else [value]


def _input(
    alignment: Alignment, one: Node, other: Node, name: str, before: Port | None, after: Port | None
) -> Difference | None:
    """How one formal input is given on both sides; None where that is the same."""
    left, right = _way(before), _way(after)
    ports = (before, after)
    if left == right == "computed":
        assert before is not None and after is not None
        if _same_wire(alignment, before, after):
            return None
        return _difference("input", one, other, name, given(before), given(after), ports)
    if left == right == "fixed":
        assert before is not None and after is not None
        if _content(before) == _content(after):
            if before["given"] == after["given"]:
                return None
            return _difference(
                "encoding", one, other, name, given(before), given(after), ports, neutral=True
            )
        return _difference("input", one, other, name, given(before), given(after), ports)
    if left == right:
        return None
    return _difference("input", one, other, name, given(before), given(after), ports)


def _way(port: Port | None) -> str:
    if port is None or port["given"] == "omitted":
        return "omitted"
    if port["given"] == "empty":
        return "empty"
    return "fixed" if port["given"] in {"constant", "initializer"} else "computed"


def _content(port: Port) -> tuple[Any, ...]:
    return port.get("dtype"), port.get("shape"), port.get("value"), port.get("sha256")


def _same_wire(alignment: Alignment, before: Port, after: Port) -> bool:
    """Whether two computed inputs come from matched nodes, or from the same input of the graph.

    A source in an unmatched region is the region's difference, not this input's.
    """
    ours, theirs = alignment.left.source(before), alignment.right.source(after)
    if ours is None and theirs is None:
        one = _graph_input(alignment.left, before)
        other = _graph_input(alignment.right, after)
        return one == other
    if (ours and ours[0] not in alignment.forward) or (
        theirs and theirs[0] not in alignment.backward
    ):
        return True
    if ours is None or theirs is None:
        return False
    return alignment.forward[ours[0]] == theirs[0] and ours[1] == theirs[1]


def _graph_input(side: View, port: Port) -> int | str:
    """The position of a graph input; the name of a value of an enclosing graph is not compared."""
    name = side.resolve(port["name"])
    names = [value["name"] for value in side.graph["inputs"]]
    return names.index(name) if name in names else "outer"


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
    ours = "absent" if before is None else str(before["value"])
    theirs = "absent" if after is None else str(after["value"])
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


def _difference(
    kind: Kind,
    one: Node,
    other: Node,
    parameter: str,
    before: str,
    after: str,
    ports: tuple[Port | None, Port | None] = (None, None),
    neutral: bool = False,
) -> Difference:
    return Difference(
        kind, one["op"], one["domain"], parameter, before, after, (one,), (other,), neutral, ports
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
    yield from side.consumers[index]
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
    return ", ".join(words) or "nothing"


def _identities(alignment: Alignment) -> Iterator[Difference]:
    ours, theirs = alignment.left.identities, alignment.right.identities
    if len(ours) != len(theirs):
        yield Difference(
            "identity", "Identity", "", "", str(len(ours)), str(len(theirs)),
            tuple(ours), tuple(theirs), neutral=True,
        )  # fmt: skip
