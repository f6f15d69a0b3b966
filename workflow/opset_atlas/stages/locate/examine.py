"""Examine wrong files one by one: each wrong output, with the findings in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from opset_atlas.numerics import patterns
from opset_atlas.numerics.running import DOES_NOT_RUN
from opset_atlas.onnx_files.parts import Wires
from opset_atlas.records import Graph, Located, Measure, Node
from opset_atlas.stages.locate import reproduce, source, stops
from opset_atlas.stages.locate.case import Case, Unreadable
from opset_atlas.stages.locate.diagnose import Finding, blamed_node, diagnose
from opset_atlas.stages.locate.right_computations import RightComputations
from opset_atlas.stages.locate.words import listed, sentence, spelled


def examine(case: Case, right: RightComputations, folder: Path) -> list[Located]:
    """One finding per wrong output, in model order; outputs with the same cause are merged."""
    found: list[Located] = []
    seen: set[tuple[tuple[int, str, str], ...]] = set()
    for row, cut in _rows(case, right):
        nodes = tuple((n["index"], n["inside"], n["name"]) for n in row["nodes"])
        if nodes and nodes in seen:
            continue
        seen.add(nodes)
        if cut:
            name = _folder_name(case, len(found))
            why_not = reproduce.write(cut, folder / name, case.job.store)
            row["reproducer"] = "" if why_not else f"reproducers/{name}"
            row["detail"] = f"no reproducer: {why_not}" if why_not else ""
            _show(row, cut, case.job.store)
        row["source"] = source.lines(
            case.first.path(case.job.export), case.job.export, row["nodes"]
        )
        warned = source.warnings(case.first.path(case.job.export), case.job.export, row["source"])
        row["sentence"] = sentence(row, warned)
        found.append(row)
    return found


def _show(row: Located, cut: reproduce.Cut | reproduce.Stopping, tensors: Path) -> None:
    """Note the results of the part, right and wrong, and the part as a script."""
    if not isinstance(cut, reproduce.Cut):
        return
    symptom = patterns.symptom(cut.expected, cut.got, cut.allowed, cut.inputs)
    if symptom is not None:
        row["symptom"] = symptom
    script = reproduce.inline(cut, tensors)
    if script is not None and row["shows"]:
        row["script"] = script


def _rows(
    case: Case, right: RightComputations
) -> Iterator[tuple[Located, reproduce.Cut | reproduce.Stopping | None]]:
    if case.is_stopped:
        yield _examine_stop(case, "", [s["name"] for s in case.reference.model["sets"]])
        return
    for output, measures in case.wrong_outputs():
        if measures[0]["structure"].startswith(DOES_NOT_RUN):
            yield _examine_stop(case, output, [measures[0]["set"]])
        else:
            row, finding = _examine_output(case, right, output, measures[0])
            yield row, finding.cut if finding else None


def _examine_stop(
    case: Case, output: str, sets: Sequence[str]
) -> tuple[Located, reproduce.Stopping | None]:
    """The finding on a file that does not run, at least on some input set."""
    row, model, runner = _blank(case, output), case.model(), case.runner
    row["stops"] = True
    for name in sets:
        try:
            stop = stops.find(model, runner, case.reference.named(name))
        except ValueError as error:  # the graph's inputs are not the model's
            row["detail"] = str(error)
            continue
        if stop is not None:
            break
    else:
        row["detail"] = row["detail"] or "no part of it fails on its own"
        return row, None
    wires, graph = Wires(model.graph), case.graph["graph"]
    node = graph["nodes"][stop.node]
    row["set"], row["difference"], row["shows"] = name, stop.detail, True
    row["nodes"] = [blamed_node(node)]
    row["value"] = next(filter(None, wires.nodes[stop.node].output), "")
    row["fault"] = "file" if stop.refused else "undecided"
    row["instead"] = f"The file itself is at fault: {stop.refused} rejects it too." * bool(
        stop.refused
    )
    script = runner.runtime.script(runner.variant)
    return row, reproduce.Stopping(stop.part, stop.inputs, script)


def interrupted(case: Case, detail: str) -> Located:
    """The finding if the search for it crashed or timed out."""
    row = _blank(case, "")
    row["detail"] = detail
    row["sentence"] = sentence(row)
    return row


def _folder_name(case: Case, number: int) -> str:
    """`torchscript/opset_12_reference_2`, which contains no name from a model."""
    first = case.first
    name = f"{first.exporter}/opset_{first.cell['requested']:02d}"
    name += f"_{first.runtime}" if first.runtime != case.job.spec["runtimes"][0] else ""
    return name + (f"_{number + 1}" if number else "")


def _blank(case: Case, output: str) -> Located:
    first = case.first
    return {
        "exporter": first.exporter,
        "requested": [each.cell["requested"] for each in case.cells],
        "runtimes": first.wrong(),
        "verdict": case.verdict,
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
        "stops": False,
        "repairs": False,
        "idle": False,
        "early": "",
        "instead": "",
        "right_at": None,
        "inherited": case.inherited,
        "source": "",
        "sentence": "",
        "reproducer": "",
        "shows": False,
        "detail": "",
    }


def _examine_output(
    case: Case, right: RightComputations, output: str, measure: Measure
) -> tuple[Located, Finding | None]:
    """The finding on one output, by its most informative measure."""
    row = _blank(case, output)
    row["set"] = measure["set"]
    names = [port["name"] for port in case.reference.model["outputs"]]
    model = case.model()
    graph = [port.name for port in model.graph.output]
    position = names.index(output) if output in names else len(graph)
    misplaced = position < len(graph) and graph[position] != output and output in graph
    if position >= len(graph) or misplaced:
        return {**row, "fault": "outputs", "difference": measure["structure"]}, None
    try:
        wrong = case.wrong(model, position, measure)
    except Unreadable as error:
        return {**row, "detail": f"its intermediate values cannot be computed: {error}"}, None
    sources = right.sources(wrong, (*case.elsewhere, *case.right))
    finding = diagnose(wrong, sources, case.graph["graph"], case.optimized)
    found, expected = finding.measure, finding.blame.expected
    against = expected.trace.label
    if expected.trace.label == wrong.truth.label and expected.trace is not wrong.truth:
        against = f"{expected.name.split(' ')[-1]} of {against}"
    return {
        **row,
        "fault": finding.fault,
        "nodes": finding.nodes,
        "inputs": finding.inputs,
        "value": finding.blame.region.target,
        "difference": found["structure"] or found["masks"] or _flips(found),
        "error": finding.error,
        "allowed": finding.allowed,
        "against": against,
        "repairs": expected.repairs,
        "idle": finding.idle,
        "early": finding.blame.early,
        "instead": "" if finding.blame.early else _instead(finding, case.graph["graph"]),
        "right_at": finding.right_at,
        "shows": finding.shows,
    }, finding


def _instead(finding: Finding, graph: Graph) -> str:
    """What a right computation has in place of the faulty part, as a sentence.

    Args:
        graph: the faulty file's.
    """
    instead = finding.blame.instead
    if instead is None:
        return ""
    if isinstance(instead, str):
        return f"In the module this is {instead}."
    right, label, indices = instead
    theirs = [right["nodes"][i] for i in indices]
    ours = [graph["nodes"][each["index"]] for each in finding.nodes if not each["inside"]]
    if sorted(map(spelled, ours)) == sorted(map(spelled, theirs)):
        there, here = _constants(theirs), _constants(ours)
        others, every = (here - there).total(), here.total()
        if others:
            which = f"{others} of their {every} constants"
            if others == every:
                which = f"all of their {every} constants" if every > 1 else "their only constant"
            return f"{label} has the same nodes, with other values in {which}."
    return f"{label} has {listed([spelled(node) for node in theirs])}."


def _constants(nodes: Iterable[Node]) -> Counter[str]:
    """The constants that nodes read, each by what it is and holds."""
    ports = (port for node in nodes for port in node["inputs"])
    fixed = (port for port in ports if port["given"] in ("initializer", "constant"))
    kinds = ("parameter", "dtype", "shape", "value", "sha256")
    return Counter(json.dumps([port.get(kind) for kind in kinds]) for port in fixed)


def _flips(measure: Measure) -> str:
    return f"{measure['flips']} of {measure['elements']} values differ" if measure["flips"] else ""
