"""Which part of a wrong file is to blame, found by comparing what it computes on the way.

A value is *known* to be right when a computation that ends right has it too: its counterpart in an
aligned graph, or, where it has none, any value of the same dtype, shape and content that could not
be met by chance.
The nodes between known values and a wrong output are suspects. They become fewer by trial: a right
value is put in the place of one that is not known; where the rest of the file then gives the right
output, what follows is right, and the fault lies before. The smallest such part is blamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from opset_atlas.base.arrays import Array, dtype_name, is_float
from opset_atlas.numerics.measure import measure
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import is_noise
from opset_atlas.onnx_files.parts import Region, Wires, with_given_value
from opset_atlas.records import Graph, Measure
from opset_atlas.runtimes._feeding import Feeds, Runner, Trace

_Alike = dict[tuple[str, tuple[int, ...]], list[str]]
MOST_TRIALS = 64
MOST_ALIKE = 8


@dataclass(frozen=True)
class Wrong:
    """A file, what it computed as written, and the output that is wrong.

    `truth` has the right output under its name; `tolerances` are those for comparing with what has
    no float64 run: as much noise as the output itself is allowed.
    """

    model: onnx.ModelProto
    runner: Runner
    sets: Sequence[str]
    feeds: Feeds
    trace: Trace
    output: str
    truth: Trace
    tolerances: Tolerances
    loose: Tolerances


@dataclass(frozen=True)
class Source:
    """A right computation; `partners` maps values of the wrong file to its own, as aligned.

    `operands` maps a value of the wrong file to pairs of values, its and ours, that are inputs of
    the two aligned nodes under the same formal parameter; None where one side has more of them.
    """

    trace: Trace
    partners: Mapping[str, str]
    operands: Mapping[str, list[tuple[str, str]] | None]
    file: onnx.ModelProto | None = None
    graph: Graph | None = None


@dataclass(frozen=True)
class Expected:
    """What a value should be: `trace.values[name]`. `repairs`: with it the output is right."""

    trace: Trace
    name: str
    repairs: bool


@dataclass(frozen=True)
class Blame:
    """The part to blame and what its value should be.

    `instead`: the nodes of a right file, or the operator of the module, that make the value there.
    """

    region: Region
    expected: Expected
    instead: tuple[Source, tuple[int, ...] | str] | None = None


def locate(wrong: Wrong, sources: Iterable[Source]) -> Blame:
    """The smallest part of the file that makes a wrong value of right ones.

    Args:
        sources: right computations, the most alike first; read until one node is to blame.
    """
    search = _Search(wrong)
    best = search.whole()
    for source in sources:
        search.learn(source)
        best = search.best()
        if len(best.region.nodes) <= 1:
            break
    return replace(best, instead=search.instead(best))


def is_right(wrong: Wrong, got: Sequence[Array], trace: Trace, name: str) -> bool:
    """Whether arrays, one per input set, are those of `name` but for rounding."""
    rights, exacts = trace.values[name], trace.exact.get(name)
    tolerances = wrong.tolerances if exacts else wrong.loose
    for i, (array, right) in enumerate(zip(got, rights, strict=False)):
        exact = exacts[i] if exacts else None
        if not is_noise(_compared(name, array, right, exact), tolerances):
            return False
    return True


def measured(wrong: Wrong, expected: Expected, target: str) -> Measure:
    """The measure of a wrong value against what it should be, on the first input set."""
    exacts = expected.trace.exact.get(expected.name)
    got = wrong.trace.values.get(target, [None])[0]
    right = expected.trace.values[expected.name][0]
    return _compared(target, got, right, exacts[0] if exacts else None)


def _compared(name: str, got: Array | None, right: Array, exact: Array | None) -> Measure:
    """The measure of an intermediate value, masked positions apart.

    A mask of attention adds -3.4e38 or -1e9; in a unit of that size every error is noise. Positions
    that all have one such value, a million times what the others have, are compared and then left
    out.
    """
    if got is not None and got.shape == right.shape and got.dtype.kind == right.dtype.kind == "f":
        size = np.abs(right)
        masked = right == right.flat[int(size.argmax())] if size.size else np.zeros(0, bool)
        top, rest = size.max(initial=0), size.max(initial=0, where=~masked)
        if masked.sum() > 1 and 0 < rest < 1e-6 * top and (got[masked] == right[masked]).all():
            got, right = (np.where(masked, array.dtype.type(0), array) for array in (got, right))
            exact = None if exact is None else np.where(masked, 0.0, exact)
    return measure(name, "", got, right, exact)


class _Search:
    """What is known so far about the values of one wrong file."""

    def __init__(self, wrong: Wrong) -> None:
        self._wrong, self._wires = wrong, Wires(wrong.model.graph)
        self._known: dict[str, None] = {}
        self._sources: list[Source] = []
        self._differs: set[str] = set()
        self._met_in: list[dict[str, str]] = []  # per source, which of its values ours are
        self._trials = MOST_TRIALS

    def whole(self) -> Blame:
        """Everything between what is known and the output."""
        output = self._wrong.output
        region = self._wires.region(output, self._known)
        return Blame(region, Expected(self._wrong.truth, output, True))

    def learn(self, source: Source) -> None:
        """Find the values of the file that the source has too."""
        self._sources.append(source)
        self._trials = MOST_TRIALS
        alike, met = _by_signature(source.trace), dict[str, str]()
        self._met_in.append(met)
        for name in self._wires.varying:
            got = self._wrong.trace.values.get(name)
            if got is None or name == self._wrong.output:
                continue
            if found := self._met(name, got, source, alike):
                met[name] = found
                self._known[name] = None

    def best(self) -> Blame:
        """The smallest part that is proven to blame, else the first node that differs, else all."""
        whole = self.whole()
        if len(whole.region.nodes) <= 1:
            return whole
        values = [
            name
            for i in whole.region.nodes
            for name in self._wires.nodes[i].output
            if name and name != whole.region.target
        ]
        regions = sorted(
            (self._wires.region(name, self._known) for name in values),
            key=lambda region: len(region.nodes),
        )
        for region in regions:
            if len(region.nodes) >= len(whole.region.nodes):
                break
            for expected in self._candidates(region.target):
                if self._repairs(region.target, expected):
                    proven = Blame(region, replace(expected, repairs=True))
                    return self._first_of_two(proven, regions) or proven
        return self._first_different(regions) or whole

    def instead(self, blame: Blame) -> tuple[Source, tuple[int, ...] | str] | None:
        """What the most alike right computation does where the fault lies."""
        for source, met in zip(self._sources, self._met_in, strict=True):
            if source.file is None:
                return self._operator(source)
            target = source.partners.get(blame.region.target)
            if blame.expected.trace is source.trace:
                target = blame.expected.name
            elif blame.region.target == self._wrong.output:
                place = [port.name for port in self._wrong.model.graph.output]
                outputs = [port.name for port in source.file.graph.output]
                target = dict(zip(place, outputs, strict=False)).get(blame.region.target)
            if target:
                nodes = Wires(source.file.graph).region(target, met.values()).nodes
                return (source, nodes) if nodes else None
        return None

    def _operator(self, source: Source) -> tuple[Source, str] | None:
        """The operator of the module that gives the right output, bit by bit."""
        truth = self._wrong.truth.values[self._wrong.output]
        same = [
            name
            for name, arrays in source.trace.values.items()
            if all(np.array_equal(a, b) for a, b in zip(arrays, truth, strict=False))
        ]
        return (source, same[0].split(" ", 1)[1]) if same else None

    def _met(self, name: str, got: Sequence[Array], source: Source, alike: _Alike) -> str | None:
        """The source's value that ours is: its counterpart, or one that is not met by chance.

        A value that differs from a counterpart is not looked for elsewhere: what a node gives that
        does nothing where it should is right somewhere, yet not here.
        """
        partner = source.partners.get(name)
        if partner in source.trace.values:
            if self._same(got, source, partner):
                return partner
            self._differs.add(name)
        if name in self._differs:
            return None
        others = alike.get(_signature(got), ()) if _telling(got) else ()
        return next((other for other in others if self._same(got, source, other)), None)

    def _first_of_two(self, proven: Blame, regions: Sequence[Region]) -> Blame | None:
        """The first of two nodes that are each wrong, where that is all there is to a region."""
        inside = [r for r in regions if set(r.nodes) < set(proven.region.nodes)]
        first = self._first_different(inside)
        if first is None:
            return None
        rest = self._wires.region(proven.region.target, [*self._known, first.region.target])
        return first if len(rest.nodes) == 1 else None

    def _first_different(self, regions: Sequence[Region]) -> Blame | None:
        """A node whose inputs are those of its counterpart, and whose result is not."""
        single = [region for region in regions if len(region.nodes) == 1]
        for region in sorted(single, key=lambda region: region.nodes):
            for source in self._sources:
                partner, operands = (
                    source.partners.get(region.target),
                    source.operands.get(region.target),
                )
                if partner not in source.trace.values or operands is None:
                    continue
                if all(self._operand(source, *pair) for pair in operands):
                    return Blame(region, Expected(source.trace, partner, False))
        return None

    def _operand(self, source: Source, ours: str, theirs: str) -> bool:
        """Whether two inputs are equal, or constants both: those belong to the nodes."""
        if ours not in self._wires.varying:
            return source.file is not None and theirs not in Wires(source.file.graph).varying
        got = self._wrong.trace.values.get(ours)
        return got is not None and theirs in source.trace.values and self._same(got, source, theirs)

    def _same(self, got: Sequence[Array], source: Source, name: str) -> bool:
        rights = source.trace.values[name]
        near = all(_near(a, b) for a, b in zip(got, rights, strict=False))
        return near and is_right(self._wrong, got, source.trace, name)

    def _candidates(self, name: str) -> Iterator[Expected]:
        """Right values that may belong in the place of `name`: counterparts, then any alike."""
        for source in self._sources:
            partner = source.partners.get(name)
            if partner in source.trace.values:
                yield Expected(source.trace, partner, False)
        got = self._wrong.trace.values.get(name)
        for source in self._sources:
            alike = _by_signature(source.trace).get(_signature(got), []) if got else []
            for other in alike[:MOST_ALIKE]:
                if other != source.partners.get(name):
                    yield Expected(source.trace, other, False)

    def _repairs(self, name: str, expected: Expected) -> bool:
        """Whether the output is right once the value `name` is."""
        if self._trials <= 0:
            return False
        self._trials -= 1
        wrong = self._wrong
        rights = expected.trace.values[expected.name]
        feeds = [{**feed, name: array} for feed, array in zip(wrong.feeds, rights, strict=False)]
        try:
            model = with_given_value(wrong.model, name, rights[0])
            found = wrong.runner.run(model, feeds)
        except Exception:  # a tensor that does not fit there is no answer
            return False
        got = [one[wrong.output] for one in found if wrong.output in one]
        return len(got) == len(feeds) and is_right(wrong, got, wrong.truth, wrong.output)


def _signature(arrays: Sequence[Array]) -> tuple[str, tuple[int, ...]]:
    return dtype_name(arrays[0].dtype), arrays[0].shape


def _by_signature(trace: Trace) -> _Alike:
    found: _Alike = {}
    for name, arrays in trace.values.items():
        found.setdefault(_signature(arrays), []).append(name)
    return found


def _telling(arrays: Sequence[Array]) -> bool:
    """Whether two computations do not have such a value by chance."""
    first = arrays[0]
    if not first.size or dtype_name(first.dtype) == "string":
        return False
    if first.size == 1:
        return is_float(first.dtype) and float(np.abs(first).flat[0]) % 1 != 0
    different = bool((first != first.flat[0]).any())
    return different and (first.dtype != np.bool_ or first.size >= 16)


def _near(got: Array, right: Array) -> bool:
    """A quick look, before measuring: nothing that is right fails it."""
    if got.shape != right.shape or dtype_name(got.dtype) != dtype_name(right.dtype):
        return False
    if not is_float(right.dtype):
        return bool((got == right).all())
    if right.dtype.itemsize < 4:
        return True
    a, b = got.ravel()[:64], right.ravel()[:64]
    kind = np.complex128 if a.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(kind) - b.astype(kind))
        size = np.abs(right.astype(kind)).max(initial=0.0)
    if not np.isfinite(size):
        return True
    return not bool((apart > 0.05 * size).any())
