"""Wrong files one by one: what to compare them with, and what was found in words.

Loaded only where a verdict is a mismatch or above the noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from opset_atlas import runtimes
from opset_atlas.base.files import digest, read_json
from opset_atlas.base.messages import describe
from opset_atlas.graph.reading import read as read_graph
from opset_atlas.numerics import reference, verdicts
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.onnx_files import parts
from opset_atlas.onnx_files.parts import Trace
from opset_atlas.records import GraphFile, Located, Measure
from opset_atlas.stages.locate import reproduce
from opset_atlas.stages.locate.diagnose import Finding, Setting, diagnose
from opset_atlas.stages.locate.judged_cells import LOCATED, Job, Ran
from opset_atlas.stages.locate.right_computations import Rights
from opset_atlas.stages.locate.suspect import Blame, Wrong
from opset_atlas.stages.locate.words import listed, sentence, spelled

MOST_SETS = 2


@dataclass(frozen=True)
class Case:
    """A wrong graph in a runtime: the cells that have it, and right cells, the most alike first."""

    cells: tuple[Ran, ...]
    graph: GraphFile
    right: tuple[Ran, ...]
    elsewhere: tuple[Ran, ...]
    inherited: str

    @property
    def first(self) -> Ran:
        """The cell whose file is looked into."""
        return self.cells[0]

    @property
    def name(self) -> str:
        """For the log."""
        return f"{self.first.label} in {self.first.runtime}"


def cases(export: Path, ran: Sequence[Ran], wrong: Sequence[Ran]) -> list[Case]:
    """The wrong cells, those of one exporter with one graph and wrong in the same variants as one.

    `elsewhere` are the same file in runtimes in which it is right; `inherited` is the file that it
    was converted from, where that one is wrong too.
    """
    grouped: dict[str, list[Ran]] = {}
    graphs: dict[str, GraphFile] = {}
    for each in wrong:
        graph, _ = read_graph(_path(export, each))
        key = digest([each.exporter, each.runtime, each.wrong(), graph])
        grouped.setdefault(key, []).append(each)
        graphs[key] = graph
    found = []
    for key, cells in grouped.items():
        first = cells[0]
        alike = [r for r in ran if r.runtime == first.runtime and r.cell["file"] and r.right()]
        same = [
            r for r in ran
            if (r.exporter, r.cell["requested"]) == (first.exporter, first.cell["requested"])
            and r.runtime != first.runtime and r.right()
        ]  # fmt: skip
        alike.sort(key=lambda r: _distance(first, r))
        bases = {each.label for each in wrong if each.runtime == first.runtime}
        inherited = first.cell["base"] if first.cell["base"] in bases else ""
        found.append(Case(tuple(cells), graphs[key], tuple(alike), tuple(same), inherited))
    return found


def _distance(wrong: Ran, right: Ran) -> tuple[Any, ...]:
    """The base of a conversion is nearest, then the own sweep, then the nearest opset."""
    apart = right.cell["requested"] - wrong.cell["requested"]
    based = wrong.cell["base"] == right.label
    return not based, right.exporter != wrong.exporter, abs(apart), apart


def _path(export: Path, ran: Ran) -> Path:
    return export / ran.exporter / "cells" / str(ran.cell["file"])


def examine(job: Job, case: Case, rights: Rights, folder: Path) -> list[Located]:
    """One finding per wrong output, in the order of the model; outputs with one cause as one."""
    bench = _Bench(job, case, rights)
    found: list[Located] = []
    seen: set[tuple[int, ...]] = set()
    for output, measures in bench.wrong_outputs():
        row, finding = bench.examine(output, measures)
        nodes = tuple(node["index"] for node in row["nodes"])
        if nodes and nodes in seen:
            continue
        seen.add(nodes)
        if finding and finding.cut:
            name = f"{case.first.exporter}/opset_{case.first.cell['requested']:02d}"
            name += f"_{case.first.runtime}" if case.first.runtime != "onnxruntime" else ""
            name += f"_{len(found) + 1}" if found else ""
            why_not = reproduce.write(finding.cut, folder / name)
            row["reproducer"] = "" if why_not else f"reproducers/{name}"
            row["detail"] = f"no reproducer: {why_not}" if why_not else ""
        row["sentence"] = sentence(row)
        found.append(row)
    return found


def stopped(case: Case, detail: str) -> Located:
    """The finding where looking for it crashed or took too long."""
    row = _blank(case, "")
    row["detail"] = detail
    row["sentence"] = sentence(row)
    return row


def _blank(case: Case, output: str) -> Located:
    first = case.first
    verdict = next(v["verdict"] for v in first.verdicts.values() if v["verdict"] in LOCATED)
    return {
        "exporter": first.exporter,
        "requested": [each.cell["requested"] for each in case.cells],
        "runtimes": first.wrong(),
        "verdict": verdict,
        "output": output,
        "set": "",
        "fault": "undecided",
        "nodes": [],
        "inputs": [],
        "value": "",
        "difference": "",
        "error": None,
        "allowed": None,
        "against": "",
        "repairs": False,
        "idle": False,
        "instead": "",
        "right_at": None,
        "inherited": case.inherited,
        "sentence": "",
        "reproducer": "",
        "shows": False,
        "detail": "",
    }


class _Bench:
    """One case with what it takes to run it."""

    def __init__(self, job: Job, case: Case, rights: Rights) -> None:
        self._job, self._case, self._rights = job, case, rights
        self._model = read_json(job.define / "record.json", "define")
        self._reference = reference.Reference.read(job.define, self._model)
        self._tolerances = Tolerances().updated(job.spec["tolerances"])
        self._runtime = runtimes.load(case.first.runtime)
        *_, self._plain = self._runtime.VARIANTS
        wrong = case.first.wrong()
        optimized = "" if self._plain in wrong else wrong[0]
        self._setting = Setting(case.first.runtime, self._runtime, self._plain, optimized)
        self._variant = optimized or self._plain

    def blank(self, output: str) -> Located:
        return _blank(self._case, output)

    def wrong_outputs(self) -> Iterator[tuple[str, list[Measure]]]:
        """Outputs that are judged wrong, with the measures of the input sets that say so."""
        outputs: dict[str, list[Measure]] = {}
        for measure in self._case.first.measures[self._variant]:
            outputs.setdefault(measure["output"], []).append(measure)
        for output, measures in outputs.items():
            wrong = [
                m for m in measures
                if verdicts.judge_output([m], self._tolerances)["verdict"] in LOCATED
            ]  # fmt: skip
            if wrong:
                yield output, sorted(wrong, key=_tells, reverse=True)

    def examine(self, output: str, measures: list[Measure]) -> tuple[Located, Finding | None]:
        """The finding on one output."""
        row = self.blank(output)
        first = measures[0]
        row["set"] = first["set"]
        names = [port["name"] for port in self._model["outputs"]]
        model = parts.read(_path(self._job.export, self._case.first), self._job.store)
        graph = [port.name for port in model.graph.output]
        position = names.index(output) if output in names else len(graph)
        misplaced = position < len(graph) and graph[position] != output and output in graph
        if position >= len(graph) or misplaced:
            return {**row, "fault": "outputs", "difference": first["structure"]}, None
        try:
            wrong = self._wrong(model, graph[position], position, first)
        except Exception as error:  # what a runtime makes of a file with all its values shown
            return {**row, "detail": f"its values cannot be read: {describe(error)}"}, None
        case, graph_of = self._case, self._case.graph["graph"]
        sources = self._rights.sources(wrong, graph_of, (*case.elsewhere, *case.right))
        finding = diagnose(wrong, sources, graph_of, self._setting)
        measure, expected = finding.measure, finding.blame.expected
        against = expected.trace.label
        if expected.trace.label == wrong.truth.label and expected.trace is not wrong.truth:
            against = f"{expected.name.split(' ')[-1]} of {against}"
        return {
            **row,
            "fault": finding.fault,
            "nodes": finding.nodes,
            "inputs": finding.inputs,
            "value": finding.blame.region.target,
            "difference": measure["structure"] or measure["masks"] or _flips(measure),
            "error": finding.error,
            "allowed": finding.allowed,
            "against": against,
            "repairs": expected.repairs,
            "idle": finding.idle,
            "instead": _instead(finding.blame),
            "right_at": finding.right_at,
            "shows": finding.shows,
        }, finding

    def _wrong(self, model: onnx.ModelProto, name: str, position: int, first: Measure) -> Wrong:
        sets = self._sets(first["set"])
        inputs = [port["name"] for port in self._model["inputs"]]
        feeds = [dict(zip(inputs, self._reference.feed(s), strict=True)) for s in sets]
        trace = parts.trace(model, self._runtime, self._plain, feeds, "the file itself")
        stored = self._reference.outputs
        values = {name: [stored[f"{s}/eager/{position}"] for s in sets]}
        exact = [stored.get(f"{s}/float64/{position}") for s in sets]
        truth = Trace("the eager module", values)
        if all(array is not None for array in exact):
            wide = {name: [array for array in exact if array is not None]}
            truth = Trace("the eager module in float64", values, wide)
        own = self._tolerances
        noise = own.noise_factor * min(first["n_torch"] or 0.0, own.ill_conditioned)
        loose = replace(own, noise_floor=max(own.noise_floor, noise))
        return Wrong(
            model=model,
            runtime=self._runtime,
            variant=self._plain,
            sets=sets,
            feeds=feeds,
            trace=trace,
            output=name,
            truth=truth,
            tolerances=own,
            loose=loose,
        )

    def _sets(self, deciding: str) -> list[str]:
        """The set that decided, and a random one beside it: what agrees on both is no chance."""
        known = [s["name"] for s in self._model["sets"] if s["deterministic"]]
        others = [name for name in known if name.startswith("random") and name != deciding]
        return [deciding, *others][:MOST_SETS]


def _instead(blame: Blame) -> str:
    """What a right computation has where the fault lies, as a sentence."""
    if blame.instead is None:
        return ""
    source, what = blame.instead
    if isinstance(what, str):
        return f"In the module it is {what}."
    assert source.graph is not None
    return f"{source.trace.label} has {listed([spelled(source.graph['nodes'][i]) for i in what])}."


def _tells(measure: Measure) -> tuple[bool, float]:
    """Random inputs tell more than equal ones, and a large error more than a small one."""
    return measure["set"].startswith("random"), measure["n_runtime"] or 0.0


def _flips(measure: Measure) -> str:
    return f"{measure['flips']} of {measure['elements']} values differ" if measure["flips"] else ""
