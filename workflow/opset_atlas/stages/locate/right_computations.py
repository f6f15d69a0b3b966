"""Right computations of a model, to compare a wrong one with; each runs once, on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx

from opset_atlas import runtimes
from opset_atlas.base.files import digest
from opset_atlas.base.messages import describe
from opset_atlas.differences.align import Alignment, align
from opset_atlas.graph.reading import read as read_graph
from opset_atlas.onnx_files import tensors
from opset_atlas.onnx_files.parts import Wires
from opset_atlas.records import Graph, Node
from opset_atlas.runtimes._feeding import Runner, Trace
from opset_atlas.stages.locate.counterparts import Side
from opset_atlas.stages.locate.flat import Flat, flat
from opset_atlas.stages.locate.judged_cells import Job, JudgedCell
from opset_atlas.stages.locate.suspect import Source, Wrong

MOST_FILES = 4  # right files that a wrong one is compared with
_FIXED = ("constant", "initializer", "empty")


@dataclass
class RightComputations:
    """A model's right computations, filled on demand."""

    job: Job
    traces: dict[tuple[str, ...], Trace | None] = field(default_factory=dict)
    flat: dict[tuple[str, ...], Flat] = field(default_factory=dict)
    files: dict[Path, tuple[onnx.ModelProto, Graph, str]] = field(default_factory=dict)

    def sources(self, wrong: Wrong, right: Iterable[JudgedCell]) -> Iterator[Source]:
        """The model itself if it is a file, right files in the given order, the eager module.

        Files with the same graph count once, unless it is the wrong one's, which another runtime
        may compute correctly.
        """
        if "onnx" in self.job.spec:
            path = Path(self.job.spec["onnx"])
            yield from self._file(wrong, path, wrong.runner.runtime, "the file itself")
        seen: set[tuple[str, str]] = set()
        for cell in right:
            path = cell.path(self.job.export)
            key = (self._read(path)[2], cell.runtime)
            if key not in seen and len(seen) < MOST_FILES:
                seen.add(key)
                runtime = runtimes.load(cell.runtime)
                same = runtime == wrong.runner.runtime
                label = cell.name if same else f"{cell.name} in {cell.runtime}"
                yield from self._file(wrong, path, runtime, label)
        if "factory" in self.job.spec:
            yield from self._module(wrong)

    def _read(self, path: Path) -> tuple[onnx.ModelProto, Graph, str]:
        if path not in self.files:
            graph = read_graph(path)[0]
            self.files[path] = (
                tensors.load(path, self.job.store),
                graph["graph"],
                digest(graph),
            )
        return self.files[path]

    def _file(
        self, wrong: Wrong, path: Path, runtime: runtimes.Runtime, label: str
    ) -> Iterator[Source]:
        model, graph, _ = self._read(path)
        runner = Runner(runtime, runtime.AS_WRITTEN, self.job.store)
        key = (str(path), runner.variant, *wrong.sets)
        if key not in self.flat:
            self.flat[key] = flat(model, graph, runner, wrong.feeds)
        file = self.flat[key]
        found = self._once(key, label, lambda: runner.trace(file.model, wrong.feeds, label))
        if found:
            ours = Side(wrong.graph, Wires(wrong.model.graph), wrong.trace)
            theirs = Side(file.graph, Wires(file.model.graph), found)
            yield Source(found, partners(wrong.graph, file.graph), (ours, theirs))

    def _module(self, wrong: Wrong) -> Iterator[Source]:
        """Torch is imported only when it is needed."""

        def trace() -> Trace:
            from opset_atlas.stages.locate import eager

            wide = bool(wrong.truth.exact)
            found = eager.trace(self.job.spec, self.job.define, wrong.sets, wide)
            return replace(found, label=wrong.truth.label)

        found = self._once(("module", *wrong.sets), wrong.truth.label, trace)
        if found:
            yield Source(found, {})

    def _once(self, key: tuple[str, ...], label: str, work: Callable[[], Trace]) -> Trace | None:
        if key not in self.traces:
            try:
                self.traces[key] = work()
            except Exception as error:  # the runtime's or torch's error: one source less
                print(f"{label} cannot be compared with: {describe(error)}")
                self.traces[key] = None
        return self.traces[key]


def partners(ours: Graph, theirs: Graph) -> dict[str, str]:
    """Values of the wrong file and the aligned values of a right one.

    These are the results of aligned nodes and, if no aligned nodes compute them, the inputs that
    aligned nodes take under the same parameter.
    """
    matched = align(ours, theirs)
    found: dict[str, str] = {}
    operands: list[tuple[str, str]] = []
    for i, j in matched.forward.items():
        one, other = matched.left.nodes[i], matched.right.nodes[j]
        for a, b in zip(one["outputs"], other["outputs"], strict=False):
            if a["name"] and b["name"]:
                found[a["name"]] = b["name"]
        operands += _operands(matched, one, other)
    for a_name, b_name in operands:
        found.setdefault(a_name, b_name)
    return found


def _operands(matched: Alignment, one: Node, other: Node) -> list[tuple[str, str]]:
    """Inputs under the same parameter, if both nodes have the same parameters."""
    ours, theirs = (
        {port["parameter"]: side.port(port) for port in node["inputs"] if port["name"]}
        for node, side in ((one, matched.left), (other, matched.right))
    )
    pairs = []
    for parameter in sorted(ours.keys() | theirs.keys()):
        ports = [side[parameter] for side in (ours, theirs) if parameter in side]
        fixed = [port["given"] in _FIXED for port in ports]
        if not all(fixed) and (any(fixed) or len(ports) == 1):
            return []
        if len(ports) == 2:
            pairs.append((ports[0]["name"], ports[1]["name"]))
    return pairs
