"""A wrong graph in a runtime, with everything needed to examine it.

Imported only if there is something to examine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx

from opset_atlas import runtimes
from opset_atlas.base.files import digest, read_json
from opset_atlas.base.messages import describe
from opset_atlas.graph.reading import read as read_graph
from opset_atlas.models.sizes import is_traced
from opset_atlas.numerics import verdicts
from opset_atlas.numerics.reference import Reference
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.onnx_files import tensors
from opset_atlas.records import GraphFile, Measure
from opset_atlas.runtimes._feeding import Runner, Trace
from opset_atlas.stages.locate.flat import flat
from opset_atlas.stages.locate.judged_cells import LOCATED, STOPPED, Job, JudgedCell
from opset_atlas.stages.locate.suspect import Wrong

MOST_SETS = 2


class Unreadable(Exception):
    """What a runtime makes of a file that shows all its values."""


@dataclass(frozen=True)
class Case:
    """The cells that have the same wrong graph, and what they are compared with.

    `right` are cells in the same runtime, the most similar first; `elsewhere` is the same file in
    runtimes where it is right; `inherited` is the file that it was converted from, if that is wrong
    too.
    """

    job: Job
    cells: tuple[JudgedCell, ...]
    graph: GraphFile
    right: tuple[JudgedCell, ...]
    elsewhere: tuple[JudgedCell, ...]
    inherited: str
    reference: Reference
    tolerances: Tolerances

    @property
    def first(self) -> JudgedCell:
        """The cell whose file is examined."""
        return self.cells[0]

    @property
    def name(self) -> str:
        """The name in the log."""
        return f"{self.first.label} in {self.first.runtime}"

    @property
    def verdict(self) -> str:
        """The verdict of the first variant in which it is wrong."""
        found = (v["verdict"] for v in self.first.verdicts.values())
        return next(verdict for verdict in found if verdict in LOCATED)

    @property
    def plain(self) -> Runner:
        """The runtime, running the file as written."""
        runtime = runtimes.load(self.first.runtime)
        return Runner(runtime, runtime.AS_WRITTEN, self.job.store)

    @property
    def optimized(self) -> Runner | None:
        """A variant that is wrong although the plain one is right."""
        wrong, plain = self.first.wrong(), self.plain
        return None if plain.variant in wrong else replace(plain, variant=wrong[0])

    @property
    def runner(self) -> Runner:
        """The variant that is wrong: the plain one if it is wrong."""
        return self.optimized or self.plain

    @property
    def is_stopped(self) -> bool:
        """Whether the file does not run at all."""
        return self.verdict in STOPPED

    def model(self) -> onnx.ModelProto:
        """The file, its large tensors in the job's store."""
        return tensors.load(self.first.path(self.job.export), self.job.store)

    def wrong_outputs(self) -> Iterator[tuple[str, list[Measure]]]:
        """The wrong outputs with the measures that show it, most informative first."""
        outputs: dict[str, list[Measure]] = {}
        for measure in self.first.measures[self.runner.variant]:
            outputs.setdefault(measure["output"], []).append(measure)
        for output, measures in outputs.items():
            wrong = [
                m for m in measures
                if verdicts.judge_output([m], self.tolerances)["verdict"] in LOCATED
            ]  # fmt: skip
            if wrong:
                yield output, sorted(wrong, key=_tells, reverse=True)

    def wrong(self, model: onnx.ModelProto, position: int, measure: Measure) -> Wrong:
        """An output of the model with all values that the file computes on the way to it.

        Raises:
            Unreadable: the runtime does not run the file with all its values as outputs.
        """
        sets = self._sets(measure["set"])
        feeds = [self.reference.named(name) for name in sets]
        file = flat(model, self.graph["graph"], self.plain, feeds)
        try:
            trace = self.plain.trace(file.model, feeds, "the file itself")
        except Exception as error:
            raise Unreadable(describe(error)) from error
        name = model.graph.output[position].name
        stored = self.reference.outputs
        values = {name: [stored[f"{s}/eager/{position}"] for s in sets]}
        exact = [stored.get(f"{s}/float64/{position}") for s in sets]
        truth = Trace("the eager module", values)
        if all(array is not None for array in exact):
            wide = {name: [array for array in exact if array is not None]}
            truth = Trace("the eager module in float64", values, wide)
        own = self.tolerances
        noise = own.noise_factor * min(measure["n_torch"] or 0.0, own.ill_conditioned)
        return Wrong(
            model=file.model,
            graph=file.graph,
            origins=file.origins,
            runner=self.plain,
            sets=sets,
            feeds=feeds,
            trace=trace,
            output=name,
            truth=truth,
            tolerances=own,
            loose=replace(own, noise_floor=max(own.noise_floor, noise)),
            right_outputs=[
                port.name
                for port, judged in zip(model.graph.output, self._judged(), strict=False)
                if judged in verdicts.RIGHT
            ],
        )

    def _judged(self) -> list[str]:
        """The verdicts on the model's outputs, in order."""
        found = self.first.verdicts[self.runner.variant]["outputs"]
        of_output = {each["output"]: each["verdict"] for each in found}
        return [of_output.get(port["name"], "") for port in self.reference.model["outputs"]]

    def _sets(self, deciding: str) -> list[str]:
        """The deciding set and a random one: values that agree on both do not agree by chance."""
        if not is_traced(deciding):
            return [deciding]
        known = [s["name"] for s in self.reference.model["sets"] if not s["random"]]
        others = [n for n in known if n.startswith("random") and is_traced(n) and n != deciding]
        return [deciding, *others][:MOST_SETS]


def cases(job: Job, cells: Sequence[JudgedCell], wrong: Sequence[JudgedCell]) -> list[Case]:
    """The wrong cells, grouped by exporter, graph and wrong variants."""
    reference = Reference.read(job.define, read_json(job.define / "record.json", "define"))
    grouped: dict[str, list[JudgedCell]] = {}
    graphs: dict[str, GraphFile] = {}
    for each in wrong:
        try:
            graph, _ = read_graph(each.path(job.export))
        except Exception as error:  # the cell itself says why the file has no graph
            print(f"{each.label} cannot be read: {describe(error)}")
            continue
        key = digest([each.exporter, each.runtime, each.wrong(), graph])
        grouped.setdefault(key, []).append(each)
        graphs[key] = graph
    found = []
    for key, of_graph in grouped.items():
        first = of_graph[0]
        alike = [c for c in cells if c.runtime == first.runtime and c.cell["file"] and c.right()]
        same = [
            c for c in cells
            if (c.exporter, c.cell["requested"]) == (first.exporter, first.cell["requested"])
            and c.runtime != first.runtime and c.right()
        ]  # fmt: skip
        alike.sort(key=lambda c: _distance(first, c))
        bases = {each.label for each in wrong if each.runtime == first.runtime}
        found.append(
            Case(
                job=job,
                cells=tuple(of_graph),
                graph=graphs[key],
                right=tuple(alike),
                elsewhere=tuple(same),
                inherited=first.cell["base"] if first.cell["base"] in bases else "",
                reference=reference,
                tolerances=job.tolerances,
            )
        )
    return found


def _distance(wrong: JudgedCell, right: JudgedCell) -> tuple[Any, ...]:
    """The base of a conversion is nearest, then the same sweep, then the nearest opset."""
    apart = right.cell["requested"] - wrong.cell["requested"]
    based = wrong.cell["base"] == right.label
    return not based, right.exporter != wrong.exporter, abs(apart), apart


def _tells(measure: Measure) -> tuple[bool, bool, float]:
    """Sort key: the traced size, random inputs and large errors are the most informative."""
    name = measure["set"]
    return is_traced(name), name.startswith("random"), measure["n_runtime"] or 0.0
