"""Match the nodes of two graphs by content, structure and scope, not by name.

Node names differ between exporters and between opsets, and a schema change alters the inputs of a
node, so neither is used. Weights that both sides hold are the strongest evidence, then unique
tokens of operator, scope and shape; from every pair the matching spreads along edges of the same
formal parameter. Unmatched nodes are grouped into regions that feed the same consumers: there, one
subgraph has replaced another.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opset_atlas.differences.common_subsequence import longest
from opset_atlas.graph.view import View, formal, name_of, view
from opset_atlas.records import Graph, Port

Token = Callable[["View", int], Hashable]


@dataclass(frozen=True)
class Alignment:
    """`forward` and `backward` map matched node indices; `regions` hold the unmatched ones.

    A region is (left indices, right indices); one side may be empty.
    """

    left: View
    right: View
    forward: dict[int, int]
    backward: dict[int, int]
    regions: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    outer: Alignment | None = None


def align(
    left: Graph, right: Graph, outer: Alignment | None = None, fold: bool = False
) -> Alignment:
    """Match the nodes of two graphs.

    Every node is in one pair or one region, unless a view drops it: a node that only passes a value
    on or, with `fold`, an unmatched node that computes a constant.

    Args:
        outer: the alignment of the graphs around two subgraphs.
        fold: compute the values that a file's constants determine; the pairs do not depend on it.
    """
    around = (outer.left, outer.right) if outer else (None, None)
    matching = _Matching(view(left, around[0], fold), view(right, around[1], fold))
    for token in (_weights, _exact, _written):
        matching.spread(matching.unique(token))
    matching.spread(matching.outputs())
    for token in (_surrounded, _scoped, _shaped, _attributed, _operator):
        matching.spread(matching.unique(token))
    for token in (_scoped, _shaped, _operator):
        for pair in matching.gaps(token):
            matching.spread([pair])  # one by one: edges take precedence over order
    matching.checks.clear()  # a node with a different result can only be matched by its edges
    matching.spread(matching.edges())
    forward = dict(sorted(matching.forward.items()))
    if fold:
        for side, matched in (
            (matching.left, matching.forward),
            (matching.right, matching.backward),
        ):
            side.fold([i for i in side.nodes if i not in matched and side.is_known(i)])
    regions = tuple(sorted(_regions(matching)))
    return Alignment(matching.left, matching.right, forward, matching.backward, regions, outer)


class _Matching:
    """The pairs found so far, in both directions."""

    def __init__(self, left: View, right: View) -> None:
        self.left, self.right = left, right
        inputs = left.graph["inputs"], right.graph["inputs"]
        # A model with other sizes has only the ranks in common; one in float16 has other types.
        self.checks: list[Callable[[Port, Port], bool]] = []
        self.checks.append(_sizes if all(map(_sizes, *inputs)) else _ranks)
        if all(map(_types, *inputs)):
            self.checks.append(_types)
        self.forward: dict[int, int] = {}
        self.backward: dict[int, int] = {}

    def outputs(self) -> Iterable[tuple[int, int]]:
        """Match the producers of the graphs' outputs by position."""
        for one, other in zip(
            self.left.graph["outputs"], self.right.graph["outputs"], strict=False
        ):
            source, target = self.left.source(one), self.right.source(other)
            if source and target and source[1] == target[1]:
                yield source[0], target[0]

    def unique(self, token: Token) -> list[tuple[int, int]]:
        """Match nodes whose token occurs once on each side, if their order agrees."""
        ours = _singles(self.left, self.forward, token)
        theirs = _singles(self.right, self.backward, token)
        shared = sorted((ours[key], theirs[key]) for key in ours.keys() & theirs.keys())
        return _increasing(shared)

    def gaps(self, token: Token) -> list[tuple[int, int]]:
        """Align the remaining nodes between neighbouring pairs as sequences of tokens."""
        found: list[tuple[int, int]] = []
        anchors = _increasing(sorted(self.forward.items()))
        ours = [i for i in self.left.nodes if i not in self.forward]
        theirs = [j for j in self.right.nodes if j not in self.backward]
        bounds = [(-1, -1), *anchors, (1 << 60, 1 << 60)]
        for (low_i, low_j), (high_i, high_j) in pairwise(bounds):
            a = _between(ours, low_i, high_i)
            b = _between(theirs, low_j, high_j)
            if a and b:
                found += self._sequence(a, b, token)
        return found

    def _sequence(self, a: Sequence[int], b: Sequence[int], token: Token) -> list[tuple[int, int]]:
        one = [token(self.left, i) for i in a]
        other = [token(self.right, j) for j in b]
        return [(a[m], b[n]) for m, n in longest(one, other)]

    def spread(self, seeds: Iterable[tuple[int, int]]) -> None:
        """Add pairs, and follow edges of the same parameter to further pairs."""
        waiting = [pair for pair in seeds if self._add(*pair)]
        while waiting:
            near = self._neighbors(*waiting.pop())
            waiting += [pair for pair in near if self._add(*pair)]

    def edges(self) -> Iterable[tuple[int, int]]:
        """Follow the edges of all pairs."""
        return [near for pair in self.forward.items() for near in self._neighbors(*pair)]

    def _add(self, i: int, j: int) -> bool:
        one, other = self.left.nodes[i], self.right.nodes[j]
        if i in self.forward or j in self.backward or name_of(one) != name_of(other):
            return False
        results = one["outputs"], other["outputs"]
        if not all(all(map(check, *results)) for check in self.checks):
            return False
        self.forward[i], self.backward[j] = j, i
        return True

    def _neighbors(self, i: int, j: int) -> Iterable[tuple[int, int]]:
        one, other = self.left.nodes[i], self.right.nodes[j]
        inputs = {formal(other, port): port for port in other["inputs"]}
        for port in one["inputs"]:
            if (name := formal(one, port)) in inputs:
                source = self.left.source(port)
                target = self.right.source(inputs[name])
                if source and target and source[1] == target[1]:
                    yield source[0], target[0]
        ours = self._readers(self.left, i, self.forward)
        theirs = self._readers(self.right, j, self.backward)
        for key in ours.keys() & theirs.keys():
            if len(ours[key]) == len(theirs[key]) == 1:
                yield ours[key][0], theirs[key][0]

    @staticmethod
    def _readers(side: View, index: int, matched: dict[int, int]) -> dict[Hashable, list[int]]:
        readers: dict[Hashable, list[int]] = defaultdict(list)
        for reader, parameter, output in side.consumers[index]:
            if reader not in matched:
                readers[name_of(side.nodes[reader]), parameter, output].append(reader)
        return readers


def _weights(side: View, index: int) -> Hashable:
    node = side.nodes[index]
    held = [(formal(node, port), _content(side.port(port))) for port in node["inputs"]]
    return (name_of(node), tuple(held)) if any(content for _, content in held) else None


def _content(port: Port) -> str:
    """The content of a constant, if it is more than a number, a shape or a list of axes."""
    whole = "float" not in port.get("dtype", "") and port.get("dtype") != "double"
    if "sha256" in port:
        return port["sha256"]
    return (
        "" if whole or "value" not in port or port.get("shape") in ([], [1]) else str(port["value"])
    )


def _exact(side: View, index: int) -> Hashable:
    """A node's operator, result types, neighbours, and written attributes and constants."""
    return _surrounded(side, index), _written(side, index)


def _written(side: View, index: int) -> Hashable:
    """A node's operator, result types, and written attributes and constants; None without any."""
    held = tuple(_held(side.port(port)) for port in side.nodes[index]["inputs"])
    _, written = _attributed(side, index)
    return (_shaped(side, index), written, held) if written or any(held) else None


def _held(port: Port) -> str:
    return str(port.get("value", port.get("sha256", "")))


def _sizes(one: Port, other: Port) -> bool:
    """Whether two values agree in all sizes known on both sides."""
    left, right = one.get("shape"), other.get("shape")
    if left is None or right is None:
        return True
    fixed = (
        pair for pair in zip(left, right, strict=False) if all(isinstance(n, int) for n in pair)
    )
    return len(left) == len(right) and all(m == n for m, n in fixed)


def _ranks(one: Port, other: Port) -> bool:
    left, right = one.get("shape"), other.get("shape")
    return left is None or right is None or len(left) == len(right)


def _types(one: Port, other: Port) -> bool:
    return one.get("dtype", other.get("dtype")) == other.get("dtype", one.get("dtype"))


def _surrounded(side: View, index: int) -> Hashable:
    """A node's operator and result types, what it reads, and what reads it."""
    node = side.nodes[index]
    sources = [(formal(node, port), side.source(port)) for port in node["inputs"]]
    reads = [(name, name_of(side.nodes[found[0]]), found[1]) for name, found in sources if found]
    readers = [(name_of(side.nodes[reader]), name) for reader, name, _ in side.consumers[index]]
    return _shaped(side, index), tuple(reads), tuple(sorted(set(readers)))


def _scoped(side: View, index: int) -> Hashable:
    return (_shaped(side, index), side.nodes[index]["scope"])


def _shaped(side: View, index: int) -> Hashable:
    node = side.nodes[index]
    shapes = [(p.get("dtype"), tuple(p.get("shape") or ())) for p in node["outputs"]]
    return (name_of(node), tuple(shapes))


def _attributed(side: View, index: int) -> tuple[tuple[str, str], Hashable]:
    node = side.nodes[index]
    written = [(a["name"], str(a["value"])) for a in node["attributes"] if not a["default"]]
    return (name_of(node), tuple(written))


def _operator(side: View, index: int) -> Hashable:
    return name_of(side.nodes[index])


def _singles(side: View, matched: dict[int, int], token: Token) -> dict[Hashable, int]:
    seen: dict[Hashable, list[int]] = defaultdict(list)
    for index in side.nodes:
        if index not in matched and (key := token(side, index)) is not None:
            seen[key].append(index)
    return {key: found[0] for key, found in seen.items() if len(found) == 1}


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence with increasing second items; pairs are sorted by the first."""
    tails: list[int] = []
    last: list[int] = []
    previous: list[int] = []
    for index, (_, second) in enumerate(pairs):
        place = bisect_left(tails, second)
        previous.append(last[place - 1] if place else -1)
        if place == len(tails):
            tails.append(second)
            last.append(index)
        else:
            tails[place], last[place] = second, index
    chain: list[tuple[int, int]] = []
    index = last[-1] if last else -1
    while index >= 0:
        chain.append(pairs[index])
        index = previous[index]
    return chain[::-1]


def _between(indices: Sequence[int], low: int, high: int) -> Sequence[int]:
    return indices[bisect_right(indices, low) : bisect_left(indices, high)]


def _regions(matching: _Matching) -> Iterable[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Unmatched nodes, grouped if they are connected or feed the same input of a pair."""
    groups = _Groups()
    for side, view_, matched in (
        ("left", matching.left, matching.forward),
        ("right", matching.right, matching.backward),
    ):
        for index in view_.nodes:
            if index in matched:
                continue
            groups.add((side, index))
            for consumer, parameter, _ in view_.consumers[index]:
                if consumer in matched:
                    pair = consumer if side == "left" else matched[consumer]
                    groups.join((side, index), ("into", pair, parameter))
                else:
                    groups.join((side, index), (side, consumer))
        for position, port in enumerate(view_.graph["outputs"]):
            if (source := view_.source(port)) and source[0] not in matched:
                groups.join((side, source[0]), ("output", position))
    for members in groups.all():
        left = tuple(sorted(int(str(m[1])) for m in members if m[0] == "left"))
        right = tuple(sorted(int(str(m[1])) for m in members if m[0] == "right"))
        if left or right:
            yield from _separated(matching, left, right)


def _separated(
    matching: _Matching, left: tuple[int, ...], right: tuple[int, ...]
) -> Iterable[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Split a region, e.g. where two LayerNormalizations in a row replace two subgraphs.

    It is split by module scope if both sides have the same scopes, otherwise by repetition.
    """
    scopes = [
        [side.nodes[index]["scope"] for index in indices]
        for side, indices in ((matching.left, left), (matching.right, right))
    ]
    if all(scopes[0]) and set(scopes[0]) == set(scopes[1]):
        for scope in dict.fromkeys(scopes[1]):
            parts = (
                tuple(index for index, own in zip(indices, owns, strict=True) if own == scope)
                for indices, owns in zip((left, right), scopes, strict=True)
            )
            yield from _repeated(matching, *parts)
    else:
        yield from _repeated(matching, left, right)


def _repeated(
    matching: _Matching, left: tuple[int, ...], right: tuple[int, ...]
) -> Iterable[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Split into as many consecutive parts with equal operators as both sides have."""
    most = math.gcd(len(left), len(right)) if left and right else 1
    for count in (each for each in range(most, 1, -1) if most % each == 0):
        ours, theirs = _in_row(matching.left, left, count), _in_row(matching.right, right, count)
        if ours and theirs:
            yield from zip(ours, theirs, strict=True)
            return
    yield left, right


def _in_row(side: View, indices: tuple[int, ...], count: int) -> list[tuple[int, ...]]:
    """The nodes in `count` parts of equal operators, each feeding one value to the next."""
    size = len(indices) // count
    parts = [indices[start : start + size] for start in range(0, len(indices), size)]
    operators = [sorted(name_of(side.nodes[index]) for index in part) for part in parts]
    if any(each != operators[0] for each in operators):
        return []
    of = {index: number for number, part in enumerate(parts) for index in part}
    given: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for index in indices:
        for reader, _, output in side.consumers[index]:
            if reader in of and of[reader] != of[index]:
                if of[reader] != of[index] + 1:
                    return []
                given[of[index]].add((index, output))
    return parts if [len(given[number]) for number in range(count - 1)] == [1] * (count - 1) else []


class _Groups:
    """Disjoint sets of hashable members."""

    def __init__(self) -> None:
        self._parent: dict[tuple[object, ...], tuple[object, ...]] = {}

    def add(self, member: tuple[object, ...]) -> tuple[object, ...]:
        self._parent.setdefault(member, member)
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member

    def join(self, one: tuple[object, ...], other: tuple[object, ...]) -> None:
        self._parent[self.add(one)] = self.add(other)

    def all(self) -> list[list[tuple[object, ...]]]:
        sets: dict[tuple[object, ...], list[tuple[object, ...]]] = defaultdict(list)
        for member in list(self._parent):
            sets[self.add(member)].append(member)
        return list(sets.values())
