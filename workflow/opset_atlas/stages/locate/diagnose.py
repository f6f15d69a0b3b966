"""One wrong output of a file: the nodes to blame, whose fault it is, and a cut that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import onnx

from opset_atlas import runtimes
from opset_atlas.base.arrays import Array, is_float
from opset_atlas.numerics.measure import allowed_error
from opset_atlas.numerics.verdicts import worst_slice
from opset_atlas.onnx_files.parts import Region, Wires, cut
from opset_atlas.operators import definitions
from opset_atlas.records import BlamedInput, BlamedNode, Graph, Measure, Node
from opset_atlas.runtimes._feeding import Runner, Trace
from opset_atlas.stages.locate import optimization, reproduce, suspect
from opset_atlas.stages.locate.suspect import Blame, Expected, Source, Wrong
from opset_atlas.stages.locate.words import spelled

Fault = Literal["file", "kernel", "optimization", "constant", "undecided", "unconfirmed"]

# The source of a reproducer's expected result.
_WHY: dict[Fault, str] = {
    "file": "The model computes the expected result of the same inputs; the file says otherwise.",
    "kernel": "Another runtime computes the expected result of the same file.",
    "optimization": "The same runtime gives the expected result without graph optimizations.",
    "undecided": "The model computes the expected result of the same inputs.",
}


@dataclass(frozen=True)
class Finding:
    """What is to blame. `right_at`: the nearest opset at which the same nodes are right.

    `idle`: the single node to blame returns its input unchanged.
    """

    blame: Blame
    fault: Fault
    measure: Measure
    error: float | None
    allowed: float | None
    nodes: list[BlamedNode]
    inputs: list[BlamedInput]
    right_at: int | None
    idle: bool
    cut: reproduce.Cut | None
    shows: bool


def diagnose(
    wrong: Wrong, sources: Iterable[Source], file: Graph, optimized: Runner | None
) -> Finding:
    """Find the part to blame, cut it out, run the cut, and decide whose fault it is.

    Args:
        wrong: with the trace of the plain variant.
        sources: right computations, the most similar first; read only as far as needed.
        file: the graph of the file as data, including its branches and loops.
        optimized: the runtime in a variant that is wrong although the plain one is right.
    """
    wires = Wires(wrong.model.graph)
    blame = _optimized(wrong, wires, optimized) if optimized else suspect.locate(wrong, sources)
    diagnosis = _Diagnosis(wrong, file, optimized, blame)
    if not blame.region.nodes:
        return diagnosis.finding("constant")
    return diagnosis.judge()


def _optimized(wrong: Wrong, wires: Wires, optimized: Runner) -> Blame:
    expected = Trace("the same file without optimizations", wrong.trace.values)

    def fails(region: Region) -> bool:
        got = _run_cut(wrong, region, wrong.model, optimized)
        right = suspect.is_right(wrong, [got], expected, region.target) if got is not None else True
        return not right

    region = optimization.locate(wires, wrong.output, fails)
    region = region or wires.region(wrong.output, ())
    return Blame(region, Expected(expected, region.target, True))


@dataclass(frozen=True)
class _Diagnosis:
    wrong: Wrong
    file: Graph
    optimized: Runner | None
    blame: Blame

    def judge(self) -> Finding:
        """Whose fault it is, decided by other operator versions and another runtime."""
        got = self._run(self.wrong.model, self.runner)
        if self.optimized:
            return self.finding("optimization", got=got)
        right_at = self._right_at()
        opinion, trusted = self._second_opinion()
        fault: Fault = "undecided"
        if not (self.blame.expected.repairs or right_at or (opinion == "right" and trusted)):
            return self.finding("unconfirmed", got)
        if right_at or opinion == "same":
            fault = "file"
        elif opinion == "right" and trusted:
            fault = "kernel"
        return self.finding(fault, got, right_at)

    def finding(
        self, fault: Fault, got: Array | None = None, right_at: int | None = None
    ) -> Finding:
        """Everything that is known, with the cut."""
        wrong, blame = self.wrong, self.blame
        trace = wrong.trace
        if self.optimized and got is not None:
            trace = replace(trace, values={**trace.values, blame.region.target: [got]})
        measure = suspect.measured(replace(wrong, trace=trace), blame.expected, blame.region.target)
        error, allowed = _units(measure, wrong)
        made = self._cut(got, fault) if got is not None and fault != "unconfirmed" else None
        return Finding(
            blame=blame,
            fault=fault,
            measure=measure,
            error=error,
            allowed=allowed,
            nodes=[self._node(i) for i in blame.region.nodes],
            inputs=[each for i in blame.region.nodes for each in self._inputs(i)],
            right_at=right_at,
            idle=got is not None and self._idle(got),
            cut=made,
            shows=got is not None and not self._is_right(got),
        )

    @property
    def runner(self) -> Runner:
        """The variant that is wrong."""
        return self.optimized or self.wrong.runner

    def _run(self, model: onnx.ModelProto, runner: Runner) -> Array | None:
        return _run_cut(self.wrong, self.blame.region, model, runner)

    def _is_right(self, got: Array) -> bool:
        expected = self.blame.expected
        return suspect.is_right(self.wrong, [got], expected.trace, expected.name)

    def _idle(self, got: Array) -> bool:
        region = self.blame.region
        if len(region.nodes) != 1 or len(region.entries) != 1:
            return False
        given = self.wrong.trace.values[region.entries[0]][0]
        return given.dtype == got.dtype and np.array_equal(given, got)

    def _second_opinion(self) -> tuple[str, bool]:
        """The verdict of the first other runtime that runs the cut, and whether to trust it."""
        own = next(iter(self.runner.runtime.VARIANTS))
        for runtime in runtimes.others(own):
            theirs = self._run(
                self.wrong.model, replace(self.runner, runtime=runtime, variant=runtime.AS_WRITTEN)
            )
            if theirs is not None:
                return self._opinion(theirs), self._evaluated_as_written(runtime)
        return "", False

    def _opinion(self, theirs: Array) -> str:
        """Another runtime's result: `right`, the `same` wrong one, or an `other`."""
        if self._is_right(theirs):
            return "right"
        own = Trace("", self.wrong.trace.values)
        same = suspect.is_right(self.wrong, [theirs], own, self.blame.region.target)
        return "same" if same else "other"

    def _right_at(self) -> int | None:
        """The nearest opset with another version of a blamed operator under which it is right."""
        imports = {entry.domain or "": entry.version for entry in self.wrong.model.opset_import}
        own = imports.get("", imports.get("ai.onnx", 0))
        nodes = [self.wrong.graph["nodes"][i] for i in self.blame.region.nodes]
        changed = {
            v for node in nodes if not node["domain"] for v in definitions.versions(node["op"])
        }
        # The last opset of an older version, or the first of a newer one.
        opsets = {v for v in changed if v > own} | {v - 1 for v in changed if 1 < v <= own}
        for opset in sorted(opsets, key=lambda v: (abs(v - own), v)):
            got = self._run(_at_opset(self.wrong.model, opset), self.wrong.runner)
            if got is not None and self._is_right(got):
                return opset
        return None

    def _evaluated_as_written(self, runtime: runtimes.Runtime) -> bool:
        """Whether another runtime can be trusted to follow the versions in the file.

        One that computes old versions by newer rules can be trusted if no later version of a blamed
        operator has another meaning.
        """
        if runtime.FOLLOWS_VERSIONS:
            return True
        for i in self.blame.region.nodes:
            node = self.wrong.graph["nodes"][i]
            newest = max(definitions.versions(node["op"], node["domain"]), default=None)
            since = node["since"]
            if newest is None or since is None:
                return False
            if newest != since and not definitions.down_is_types_only(
                node["op"], newest, since, node["domain"]
            ):
                return False
        return True

    def _cut(self, got: Array, fault: Fault) -> reproduce.Cut:
        region, expected = self.blame.region, self.blame.expected
        if self.blame.early:  # the node itself is right, so the cut shows everything before it
            region = Wires(self.wrong.model.graph).region(region.target, ())
        names = _names(region)
        values = {name: self.wrong.trace.values[name][0] for name in region.entries}
        right = expected.trace.values[expected.name][0]
        exact = expected.trace.exact.get(expected.name, [None])[0]
        allowed = np.zeros(())
        if is_float(right.dtype):
            used = self.wrong.tolerances if exact is not None else self.wrong.loose
            allowed = allowed_error(right, exact, used.noise_factor, used.noise_floor)
        best = exact.astype(right.dtype) if exact is not None and is_float(right.dtype) else right
        return reproduce.Cut(
            model=cut(self.wrong.model, values, {region.target: got}, names),
            inputs={names[name]: array for name, array in values.items()},
            expected=best,
            got=got,
            allowed=allowed,
            why=_WHY[fault],
            script=self.runner.runtime.script(self.runner.variant),
        )

    def _node(self, index: int) -> BlamedNode:
        """A node, with its place in the file if it is in a branch or loop."""
        origin = self.wrong.origins[index]
        found = blamed_node(self.wrong.graph["nodes"][index])
        if origin.inside:
            around = self.file["nodes"][origin.node]
            found["inside"] = f"{origin.inside} of {around['op']} {around['name']}".rstrip()
        return {**found, "index": origin.node}

    def _inputs(self, index: int) -> list[BlamedInput]:
        """The inputs of a node from outside the blamed part."""
        inside = {n for i in self.blame.region.nodes for n in self.wrong.model.graph.node[i].output}
        found: list[BlamedInput] = []
        for port in self.wrong.graph["nodes"][index]["inputs"]:
            if port["given"] == "omitted" or port["name"] in inside:
                continue
            arrays = self.wrong.trace.values.get(port["name"])
            found.append(
                _described(self.wrong.origins[index].node, port["parameter"], port["given"], arrays)
            )
        return found


def _run_cut(wrong: Wrong, region: Region, model: onnx.ModelProto, runner: Runner) -> Array | None:
    """The result of a part on the first input set; None if the runtime does not accept it."""
    names = _names(region)
    ends = {name: wrong.trace.values[name][0] for name in region.entries}
    part = cut(model, ends, {region.target: None}, names)
    feed = {names[name]: array for name, array in ends.items()}
    try:
        return runner.run(part, [feed])[0].get("output")
    except Exception:  # the runtime's, in our experiment: not a finding about the file
        return None


def _names(region: Region) -> dict[str, str]:
    ends = {name: f"input_{i}" for i, name in enumerate(region.entries)}
    return {**ends, region.target: "output"}


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for entry in copy.opset_import:
        if entry.domain in {"", "ai.onnx"}:
            entry.version = opset
    return copy


def _units(measure: Measure, wrong: Wrong) -> tuple[float | None, float | None]:
    """The error and the allowed error, in units, if the value has any."""
    if not measure["slices"]:
        return None, None
    tolerances = wrong.tolerances if measure["float64"] else wrong.loose
    n_torch, n_runtime, _ = worst_slice(measure, tolerances)
    return n_runtime, max(tolerances.noise_factor * n_torch, tolerances.noise_floor)


def blamed_node(node: Node) -> BlamedNode:
    """A node as named in a finding."""
    return {
        "index": node["index"],
        "text": spelled(node),
        "op": node["op"],
        "domain": node["domain"],
        "since": node["since"],
        "name": node["name"],
        "scope": node["scope"],
        "inside": "",
    }


def _described(
    node: int, parameter: str, given: str, arrays: Sequence[Array] | None
) -> BlamedInput:
    array = arrays[0] if arrays else None
    values = np.zeros(0)
    if array is not None and (is_float(array.dtype) or array.dtype.kind in "biu"):
        real = array.real if array.dtype.kind == "c" else array
        values = real.astype(np.float64)
        values = values[np.isfinite(values)]
    return {
        "node": node,
        "parameter": parameter,
        "given": given,
        "dtype": array.dtype.name if array is not None else "",
        "shape": list(array.shape) if array is not None else [],
        "minimum": float(values.min()) if values.size else None,
        "maximum": float(values.max()) if values.size else None,
    }
