"""Which part of a wrong file is to blame, found by comparing intermediate values.

A value is *known* to be right if a computation with a right result has it too: in the corresponding
place of an aligned graph or, if nothing corresponds, anywhere, provided that its dtype, shape and
content cannot match by chance.
The nodes between known values and a wrong output are suspects. Trials narrow them down: a right
value replaces one that is not known; if the rest of the file then gives the right output, what
follows is right and the fault lies before. The smallest such part is blamed.

Alignment may pair nodes that are not meant to be the same. So a value that differs from its
counterpart but is found elsewhere also counts as known if that leaves fewer suspects; the inputs of
the blamed part must be what the right computation has there; and a single node is blamed without
such a trial only if the same operator with the same attributes and inputs gives another result
(`counterparts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from opset_atlas.base.arrays import Array, dtype_name, is_float
from opset_atlas.graph.spelling import operator
from opset_atlas.numerics.measure import measure
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import is_noise
from opset_atlas.onnx_files.parts import Region, Wires, with_given_value
from opset_atlas.onnx_files.unfolding import Origin, in_all_passes
from opset_atlas.records import Graph, Measure
from opset_atlas.runtimes._feeding import Feeds, Runner, Trace
from opset_atlas.stages.locate.counterparts import Side, counterparts

_Alike = dict[tuple[str, tuple[int, ...]], list[str]]
MOST_TRIALS = 64
MOST_ALIKE = 8


@dataclass(frozen=True)
class Wrong:
    """A file, the values that it computed as written, and the wrong output.

    `truth` has the right output under its name; `tolerances` apply to values without a float64 run
    and allow as much noise as for the output itself. `right_outputs` are the graph's other, right
    outputs. `graph` is the model as data; `origins` says where its nodes are in the file, whose
    branches and loops are unfolded in the model.
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
    graph: Graph
    origins: Sequence[Origin]
    right_outputs: Sequence[str] = ()


@dataclass(frozen=True)
class Source:
    """A right computation; `partners` maps values of the wrong file to aligned values of this one.

    `files`: the wrong one and this one; None if this computation is not a file.
    """

    trace: Trace
    partners: Mapping[str, str]
    files: tuple[Side, Side] | None = None


@dataclass(frozen=True)
class Expected:
    """The right value, `trace.values[name]`. `repairs`: the output is right with it."""

    trace: Trace
    name: str
    repairs: bool


@dataclass(frozen=True)
class Blame:
    """The part to blame and its expected value.

    `instead`: the graph and label of a right file with its nodes that compute the value, or the
    module's operator that does. `early`: what computes the same value on the way to the right one,
    which means that the part is right and something after it is missing.
    """

    region: Region
    expected: Expected
    instead: tuple[Graph, str, tuple[int, ...]] | str | None = None
    early: str = ""


def locate(wrong: Wrong, sources: Iterable[Source]) -> Blame:
    """The smallest part of the file that computes a wrong value from right ones.

    Args:
        sources: right computations, the most similar first; read until one node is to blame.
    """
    search = _Search(wrong)
    best = search.everything()
    for source in sources:
        search.learn(source)
        best = search.best()
        if len(best.region.nodes) <= 1:
            break
    return replace(search.complete(best), early=search.early(best))


def is_right(wrong: Wrong, got: Sequence[Array], trace: Trace, name: str) -> bool:
    """Whether arrays, one per input set, equal those of `name` up to rounding."""
    rights, exacts = trace.values[name], trace.exact.get(name)
    tolerances = wrong.tolerances if exacts else wrong.loose
    for i, (array, right) in enumerate(zip(got, rights, strict=False)):
        exact = exacts[i] if exacts else None
        if not is_noise(_compared(name, array, right, exact), tolerances):
            return False
    return True


def measured(wrong: Wrong, expected: Expected, target: str) -> Measure:
    """The measure of a wrong value against the expected one, on the first input set."""
    exacts = expected.trace.exact.get(expected.name)
    got = wrong.trace.values.get(target, [None])[0]
    right = expected.trace.values[expected.name][0]
    return _compared(target, got, right, exacts[0] if exacts else None)


def _compared(name: str, got: Array | None, right: Array, exact: Array | None) -> Measure:
    """The measure of an intermediate value, with masked positions compared separately.

    An attention mask adds -3.4e38 or -1e9; in units of that size every error is noise. Positions
    that all hold one such value, a million times the others, are compared and then left out.
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
    """What is known so far about the values of a wrong file."""

    def __init__(self, wrong: Wrong) -> None:
        self._wrong, self._wires = wrong, Wires(wrong.model.graph)
        self._sources: list[Source] = []
        self._known: dict[str, None] = {}
        self._differs: set[str] = set()  # from what has its place
        self._elsewhere: dict[str, None] = {}  # of these, what is right in another place
        self._met_in: list[dict[str, str]] = []  # per source, which of its values ours are
        self._same_node: list[dict[str, str]] = []  # per source, the results of counterparts
        self._trials = MOST_TRIALS

    def everything(self, known: Iterable[str] = ()) -> Blame:
        """All nodes between known values and the output."""
        output = self._wrong.output
        region = self._wires.region(output, known)
        return Blame(region, Expected(self._wrong.truth, output, True))

    def learn(self, source: Source) -> None:
        """Find the values of the file that the source has too."""
        self._sources.append(source)
        self._trials = MOST_TRIALS
        alike, met = _by_signature(source.trace), dict[str, str]()
        for name in self._wires.varying:
            got = self._wrong.trace.values.get(name)
            if got is None or name == self._wrong.output:
                continue
            if found := self._in_its_place(name, got, source):
                self._known[name] = None
            elif found := self._anywhere(name, got, source, alike):
                known = self._elsewhere if name in self._differs else self._known
                known[name] = None
            if found:
                met[name] = found
        self._met_in.append(met)
        self._same_node.append(counterparts(*source.files, met) if source.files else {})

    def best(self) -> Blame:
        """The smallest part proven to be at fault, else the first differing node, else all."""
        first = self._best(self._known)
        if len(first.region.nodes) <= 1 or not self._elsewhere:
            return first
        second = self._best({**self._known, **self._elsewhere})
        return second if set(second.region.nodes) < set(first.region.nodes) else first

    def _best(self, known: Iterable[str]) -> Blame:
        everything = self.everything(known)
        if len(everything.region.nodes) <= 1:
            return everything
        values = [
            name
            for i in everything.region.nodes
            for name in self._wires.nodes[i].output
            if name and name != everything.region.target
        ]
        regions = sorted(
            (self._wires.region(name, known) for name in values),
            key=lambda region: len(region.nodes),
        )
        for region in regions:
            if len(region.nodes) >= len(everything.region.nodes):
                break
            for expected in self._candidates(region.target):
                if self._repairs(region.target, expected):
                    proven = Blame(region, replace(expected, repairs=True))
                    return self._first_of_two(proven, regions, known) or proven
        return self._first_different(regions) or everything

    def complete(self, blame: Blame) -> Blame:
        """The blame, with what a right computation has in its place.

        The part grows if its inputs differ from those of the right computation: if it takes `b` and
        the right one takes `a`, both right values, the fault is to take `b`. So it begins where
        both take the same inputs.
        """
        if self._sources and self._sources[0].files is None:
            return replace(blame, instead=self._operator(self._sources[0]))
        found = self._right_part(blame)
        if found is None:
            return blame
        theirs, met, target = found
        known = set(met)
        region = blame.region
        there = theirs.equal_to(met.values())  # of these, where the right part begins
        while True:
            own = theirs.one_name(met[name] for name in region.entries if name in met)
            right = theirs.wires.region(target, there)
            unlike = theirs.equal_to(own ^ theirs.one_name(right.entries))
            if not (own & unlike and {*right.entries} & unlike) or target in theirs.equal_to(own):
                break
            if there & unlike & {*right.entries}:
                there -= unlike & {*right.entries}  # it may begin earlier, where ours does
                continue
            known -= {name for name in known if met[name] in unlike}
            there = theirs.equal_to(met[name] for name in known)
            region = self._wires.region(region.target, known)
        instead = (theirs.graph, theirs.label, right.nodes) if right.nodes else None
        return replace(blame, region=region, instead=instead)

    def early(self, blame: Blame) -> str:
        """What computes a blamed node's value in a right computation, on the way to its result."""
        target = blame.region.target
        got = self._wrong.trace.values.get(target)
        if len(blame.region.nodes) != 1 or got is None or not _telling(got):
            return ""
        if self._is_passed_on(target, got):
            return ""
        for source in self._sources:
            before = self._before(blame, source)
            alike = [n for n in _by_signature(source.trace).get(_signature(got), ()) if n in before]
            if name := next((n for n in alike if self._same(got, source, n)), None):
                return f"{before[name]} of {source.trace.label}"
        return ""

    def _before(self, blame: Blame, source: Source) -> dict[str, str]:
        """Values before the expected one in a right computation, and their operators."""
        if source.files is None:
            if blame.region.target != self._wrong.output:
                return {}
            truth = self._wrong.truth.values[self._wrong.output]
            names = list(source.trace.values)
            same = [n for n in names if _equal(source.trace.values[n], truth)]
            return {n: n.split(" ", 1)[1] for n in names[: names.index(same[0])]} if same else {}
        found = self._right_part(blame)
        theirs = source.files[1]
        if found is None or found[0] is not theirs:
            return {}
        _, _, target = found
        nodes = theirs.wires.region(target, ()).nodes
        made = ((name, theirs.graph["nodes"][i]) for i in nodes for name in theirs.wires.made(i))
        return {name: operator(node) for name, node in made if name != target}

    def _right_part(self, blame: Blame) -> tuple[Side, dict[str, str], str] | None:
        """The most similar right file that has the blamed value, and the value's name there.

        Also the names there of the values that both files have.
        """
        for source, met in zip(self._sources, self._met_in, strict=True):
            if source.files is None:
                continue
            theirs = source.files[1]
            target = source.partners.get(blame.region.target)
            if blame.expected.trace is source.trace:
                target = blame.expected.name
            elif blame.region.target == self._wrong.output:
                place = [port.name for port in self._wrong.model.graph.output]
                target = dict(zip(place, theirs.outputs, strict=False)).get(self._wrong.output)
            if target:
                return theirs, met, target
        return None

    def _operator(self, source: Source) -> str | None:
        """The module's operator that gives the right output, bit for bit."""
        truth = self._wrong.truth.values[self._wrong.output]
        same = [name for name, arrays in source.trace.values.items() if _equal(arrays, truth)]
        return same[0].split(" ", 1)[1] if same else None

    def _in_its_place(self, name: str, got: Sequence[Array], source: Source) -> str | None:
        """The source's value in the corresponding place, if it is the same."""
        partner = source.partners.get(name)
        if partner not in source.trace.values:
            return None
        if self._same(got, source, partner):
            return partner
        self._differs.add(name)
        return None

    def _anywhere(
        self, name: str, got: Sequence[Array], source: Source, alike: _Alike
    ) -> str | None:
        """A value of the source that equals ours, and not by chance.

        A value that a node merely passes on does not count: that its input is right somewhere does
        not show that nothing more had to be done.
        """
        if not _telling(got) or (name in self._differs and self._is_passed_on(name, got)):
            return None
        others = alike.get(_signature(got), ())
        return next((other for other in others if self._same(got, source, other)), None)

    def _is_passed_on(self, name: str, got: Sequence[Array]) -> bool:
        """Whether a value equals one of its node's inputs."""
        if name not in self._wires.producer:
            return False
        values = self._wrong.trace.values
        read = (values.get(n) for n in self._wires.reads[self._wires.producer[name]])
        return any(_equal(given, got) for given in read if given is not None)

    def _first_of_two(
        self, proven: Blame, regions: Sequence[Region], known: Iterable[str]
    ) -> Blame | None:
        """The first of two wrong nodes, if they make up the whole region."""
        inside = [r for r in regions if set(r.nodes) < set(proven.region.nodes)]
        first = self._first_different(inside)
        if first is None:
            return None
        rest = self._wires.region(proven.region.target, [*known, first.region.target])
        return first if len(rest.nodes) == 1 else None

    def _first_different(self, regions: Sequence[Region]) -> Blame | None:
        """A node whose result differs from that of a counterpart: same operator, equal inputs."""
        single = [region for region in regions if len(region.nodes) == 1]
        for region in sorted(single, key=lambda region: region.nodes):
            for source, same in zip(self._sources, self._same_node, strict=True):
                name = same.get(region.target)
                if name in source.trace.values:
                    got = self._wrong.trace.values.get(region.target)
                    if got is None or not self._same(got, source, name):
                        return Blame(region, Expected(source.trace, name, False))
        return None

    def _same(self, got: Sequence[Array], source: Source, name: str) -> bool:
        rights = source.trace.values[name]
        near = all(_near(a, b) for a, b in zip(got, rights, strict=False))
        return near and is_right(self._wrong, got, source.trace, name)

    def _candidates(self, name: str) -> Iterator[Expected]:
        """Right values that may replace `name`: counterparts, then any similar ones."""
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
        """Whether a right value for `name` makes the output right and keeps the others right.

        It is replaced in all iterations of a loop, since a fault in one is a fault in each.
        """
        if self._trials <= 0:
            return False
        self._trials -= 1
        wrong, model = self._wrong, self._wrong.model
        feeds = [dict(feed) for feed in wrong.feeds]
        try:
            for each, right in self._in_all_passes(name, expected).items():
                arrays = expected.trace.values[right]
                model = with_given_value(model, each, arrays[0])
                for feed, array in zip(feeds, arrays, strict=False):
                    feed[each] = array
            found = wrong.runner.run(model, feeds)
        except Exception:  # a tensor that does not fit there answers nothing
            return False
        got = [one[wrong.output] for one in found if wrong.output in one]
        if len(got) != len(feeds) or not is_right(wrong, got, wrong.truth, wrong.output):
            return False
        own = Trace("", wrong.trace.values)
        return all(is_right(wrong, [one[n] for one in found], own, n) for n in wrong.right_outputs)

    def _in_all_passes(self, name: str, expected: Expected) -> dict[str, str]:
        """The named value and the right one, in each iteration if both are in loops."""
        ours = in_all_passes(name, self._wires.varying)
        theirs = in_all_passes(expected.name, expected.trace.values)
        if len(ours) == len(theirs):
            return dict(zip(ours, theirs, strict=True))
        return {name: expected.name}


def _equal(some: Sequence[Array], others: Sequence[Array]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=False))


def _signature(arrays: Sequence[Array]) -> tuple[str, tuple[int, ...]]:
    return dtype_name(arrays[0].dtype), arrays[0].shape


def _by_signature(trace: Trace) -> _Alike:
    found: _Alike = {}
    for name, arrays in trace.values.items():
        found.setdefault(_signature(arrays), []).append(name)
    return found


def _telling(arrays: Sequence[Array]) -> bool:
    """Whether two computations are unlikely to share such a value by chance."""
    first = arrays[0]
    if not first.size or dtype_name(first.dtype) == "string":
        return False
    if first.size == 1:
        return is_float(first.dtype) and float(np.abs(first).flat[0]) % 1 != 0
    different = bool((first != first.flat[0]).any())
    return different and (first.dtype != np.bool_ or first.size >= 16)


def _near(got: Array, right: Array) -> bool:
    """A quick check before measuring, which no right value fails."""
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
