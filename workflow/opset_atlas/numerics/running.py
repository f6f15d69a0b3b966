"""Run one file in one runtime on all input sets of its model; return the outcome and measures.

Shared by the stages that run files. Faults of a file or a runtime are part of the result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from opset_atlas import runtimes
from opset_atlas.base.arrays import dtype_name
from opset_atlas.base.messages import clean, impersonal, shorten
from opset_atlas.models.sizes import is_traced
from opset_atlas.numerics import declared, ties
from opset_atlas.numerics.measure import blank_measure, is_flat
from opset_atlas.numerics.reference import Reference
from opset_atlas.records import Declared, DefineRecord, Measure, Randomness, RunOutcome
from opset_atlas.runtimes._feeding import input_positions

DOES_NOT_RUN = "does not run: "  # begins `structure` where the file does not run at a size
SECONDS = ("load_seconds", "first_run_seconds", "best_run_seconds")


def run_file(
    runtime: runtimes.Runtime,
    path: Path,
    variant: str,
    reference: Reference,
    promised: Declared | None = None,
    keep_outputs: bool = False,
) -> dict[str, Any]:
    """Load and run one file on all input sets: outcome, detail, measures and durations.

    Args:
        promised: what the file declares of its inputs and outputs, to be checked on each run.
        keep_outputs: whether to return the outputs of each set too, under `outputs`.
    """
    try:
        runtime.prepare()
    except ImportError as error:
        return nothing("unavailable", clean(str(error)))
    started = time.perf_counter()
    try:
        session = runtime.load(path, variant)
    except Exception as error:
        return nothing(*_fault(runtime, error, "load", path))
    loaded = time.perf_counter() - started
    names = [port["name"] for port in reference.model["inputs"]]
    positions, notes = input_positions(session.input_names, names)
    if positions is None:
        return nothing("failed", notes[0])
    measures: list[Measure] = []
    times: list[float] = []
    kept: dict[str, list[declared.Disagreement]] = {}
    outputs: dict[str, Sequence[Any]] = {}
    random, steady = reference.random(), set[str]()
    for of_set in reference.model["sets"]:
        tensors = reference.feed(of_set["name"])
        feed = {name: tensors[i] for name, i in zip(session.input_names, positions, strict=True)}
        started = time.perf_counter()
        try:
            got = runtime.run(session, feed)
            if random and of_set is reference.model["sets"][0]:
                steady = _steady(reference.model, got, runtime.run(session, feed))
        except Exception as error:
            outcome, detail = _fault(runtime, error, "run", path)
            if is_traced(of_set["name"]):
                return nothing(outcome, f"on {of_set['name']}: {detail}")
            measures += _unmeasured(reference, of_set["name"], f"{DOES_NOT_RUN}{detail}")
            continue
        if is_traced(of_set["name"]):
            times.append(time.perf_counter() - started)
        measures += _measure_set(reference, of_set["name"], session.output_names, got)
        if keep_outputs:
            outputs[of_set["name"]] = got
        if promised:
            kept[of_set["name"]] = declared.disagreements(promised, feed, got)
    for name in random:
        where = ", but not in this runtime" if name in steady else ""
        notes.append(f"output {name} changes from run to run in torch{where}")
    measured: Sequence[float | None] = [loaded, *times[:1], min(times, default=None)]
    return {
        "outcome": "ran",
        "detail": "; ".join([*notes, *_renamed(reference.model, session.output_names)]),
        "measures": measures,
        "misdeclared": declared.summary(kept),
        **{name: t and round(t, 6) for name, t in zip(SECONDS, measured, strict=False)},
        **({"outputs": outputs} if keep_outputs else {}),
    }


def _steady(model: DefineRecord, once: Sequence[Any], again: Sequence[Any]) -> set[str]:
    """The model's outputs on which two runs of a file with the same inputs agree bit for bit."""
    names = [port["name"] for port in model["outputs"]]
    arrays = zip(names, map(np.asarray, once), map(np.asarray, again), strict=False)
    return {n for n, a, b in arrays if a.shape == b.shape and a.tobytes() == b.tobytes()}


def _fault(
    runtime: runtimes.Runtime, error: Exception, phase: runtimes.Phase, path: Path
) -> tuple[RunOutcome, str]:
    """What a runtime raised; shortened once the folder is removed, whose length must not show."""
    outcome, detail = runtime.classify(error, phase)
    return outcome, shorten(impersonal(detail, path))


def _renamed(model: DefineRecord, graph: Sequence[str]) -> list[str]:
    names = [port["name"] for port in model["outputs"]]
    pairs = [(a, b) for a, b in zip(names, graph, strict=False) if a != b]
    return [f"output {a} is called {b}" for a, b in pairs]


def _unmeasured(reference: Reference, set_name: str, reason: str) -> Iterator[Measure]:
    """A measure of every output for a set on which the file does not run."""
    for i, port in enumerate(reference.model["outputs"]):
        dtype = dtype_name(reference.outputs[f"{set_name}/eager/{i}"].dtype)
        yield blank_measure(port["name"], set_name, dtype, reason)


def _measure_set(
    reference: Reference, set_name: str, graph: Sequence[str], got: Sequence[Any]
) -> list[Measure]:
    """The measures of one input set: outputs by position, with their number and order checked."""
    names = [port["name"] for port in reference.model["outputs"]]
    index_outputs = reference.index_outputs
    random = reference.random()
    flat = is_flat(reference.feed(set_name))
    measures: list[Measure] = []
    for i, name in enumerate(names):
        eager = reference.outputs[f"{set_name}/eager/{i}"]
        given = graph[i] if i < len(graph) else name
        value = got[i] if i < len(got) else None
        blank = blank_measure(name, set_name, dtype_name(eager.dtype))
        if given != name and given in names:
            measures.append({**blank, "structure": f"the graph gives {given} in its place"})
        elif value is not None and not isinstance(value, np.ndarray | np.generic):
            measures.append({**blank, "structure": f"a {type(value).__name__}, not a tensor"})
        else:
            array = None if value is None else np.asarray(value)
            found = reference.measure(i, name, set_name, array)
            if name in random:
                found = _of_random(found, blank, random[name])
            elif name in index_outputs and found["flips"]:
                found = ties.rank(
                    found, reference.results(set_name), got, index_outputs[name], flat
                )
            if flat:
                found["flat_input"] = True
            measures.append(found)
    for i, value in enumerate(got[len(names) :], len(names)):
        dtype = dtype_name(value.dtype) if isinstance(value, np.ndarray) else type(value).__name__
        extra = graph[i] if i < len(graph) else f"output {i}"
        measures.append(blank_measure(extra, set_name, dtype, "the model has no such output"))
    return measures


def _of_random(found: Measure, blank: Measure, what: Randomness) -> Measure:
    """The measure of an output that changes from run to run: only its kind can be checked."""
    structure = found["structure"]
    if what == "shape" and structure.startswith("shape"):
        structure = ""
    return {**blank, "structure": structure, "random": what}


def nothing(outcome: RunOutcome, detail: str) -> dict[str, Any]:
    """The result of a file that did not run."""
    return {"outcome": outcome, "detail": detail, "measures": [], "misdeclared": []}
