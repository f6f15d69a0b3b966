"""Stage, per sweep and runtime: run every distinct file on every input set, and measure.

reads   results/define/{model}: inputs and reference; results/export/{model}/{exporter}: the files
writes  {runtime}.json (measures, no judgement in them) and {runtime}.timing.json

Each file runs once per variant of the runtime, in a child process: one that crashes, hangs or takes
too much memory costs its own cells. Results whose file, reference, runtime and code are those of an
earlier run are kept. Nothing in the record depends on the clock or on where the run stands.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors.numpy

from atlas import runtimes, sources, ties
from atlas.isolate import run_isolated
from atlas.measure import Array, blank_measure, dtype_name, is_flat, measure
from atlas.records import (
    VERSION,
    Cell,
    DefineRecord,
    ExportRecord,
    Measure,
    ParityRecord,
    RunCell,
    RunOutcome,
    digest,
    file_sha256,
    read_json,
    write_json,
)
from atlas.sizes import is_traced
from atlas.text import clean

# Outcomes that a second run would give again; a crash or a timeout may be the machine's.
_LASTING = ("ran", "rejected", "no-kernel", "failed")
_SECONDS = ("load_seconds", "first_run_seconds", "best_run_seconds")


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m atlas.parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=json.loads, default={}, help='JSON: {"limits": {…}, …}')
    parser.add_argument("--define", type=Path, required=True, help="folder of the define stage")
    parser.add_argument("--export", type=Path, required=True, help="folder of the export stage")
    parser.add_argument("--runtime", required=True, help="a module of atlas.runtimes")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    parser.add_argument("--timing", type=Path, required=True, help="where durations go")
    options = parser.parse_args(arguments)
    job = Job(options.spec, options.define, options.export, options.runtime)
    sweep(job, options.output, options.timing)


@dataclass(frozen=True)
class Job:
    """What a sweep in one runtime starts from: its specification and two folders."""

    spec: Mapping[str, Any]
    define: Path
    export: Path
    runtime: str


def sweep(job: Job, output: Path, timing: Path) -> ParityRecord:
    """Run or keep every cell of the sweep; write and return the record.

    Args:
        output: the record; where one exists already, what still holds of it is kept.
        timing: durations of the same cells, in the same order.
    """
    runtime = runtimes.load(job.runtime)
    model = cast(DefineRecord, read_json(job.define / "record.json", "define"))
    exported = cast(ExportRecord, read_json(job.export / "record.json", "export"))
    versions = _versions(runtime)
    fingerprint = _fingerprint(job, runtime, model, versions)
    done = _kept(output, timing, fingerprint)
    items = _distinct(job, exported, runtime)
    for item, result in _run_all(job, runtime, model, [i for i in items if i.key not in done]):
        done[item.key] = result
        print(f"{item.path.name} in {item.variant}: {result['outcome']} {result['detail']}")
    rows = [
        (cell["requested"], variant, cell["sha256"], _row(cell, variant, model, done))
        for cell in exported["cells"]
        for variant in runtime.VARIANTS
    ]
    head = {"model": exported["model"], "exporter": exported["exporter"], "runtime": job.runtime}
    record = {
        "version": VERSION,
        "stage": "parity",
        **head,
        "versions": {name: version or "not installed" for name, version in versions.items()},
        "fingerprint": fingerprint,
        "cells": [_run_cell(*row) for row in rows],
    }
    write_json(timing, {"version": VERSION, **head, "cells": [_durations(*row) for row in rows]})
    write_json(output, record)
    return cast(ParityRecord, record)


@dataclass(frozen=True)
class _Item:
    """One distinct file in one variant."""

    sha256: str
    variant: str
    path: Path

    @property
    def key(self) -> tuple[str, str]:
        return self.sha256, self.variant


def _distinct(job: Job, exported: ExportRecord, runtime: runtimes.Runtime) -> list[_Item]:
    files = {
        cell["sha256"]: job.export / "cells" / cell["file"]
        for cell in reversed(exported["cells"])
        if cell["file"] and cell["sha256"]
    }
    return [
        _Item(sha256, variant, path)
        for sha256, path in reversed(files.items())
        for variant in runtime.VARIANTS
        if path.is_file()
    ]


def _versions(runtime: runtimes.Runtime) -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in ("numpy", *runtime.PACKAGES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _fingerprint(
    job: Job, runtime: runtimes.Runtime, model: DefineRecord, versions: Mapping[str, Any]
) -> str:
    """Hash over everything but the file that decides what a run gives."""
    files = sources.closure("parity")
    own = getattr(runtime, "__file__", None)
    reference = ("inputs_sha256", "reference_sha256", "inputs", "outputs", "sets", "outcome")
    return digest(
        {
            "spec": job.spec,
            "versions": versions,
            "reference": {key: model[key] for key in reference},  # type: ignore[literal-required]
            "code": [file_sha256(path) for path in (*files, *([Path(own)] if own else []))],
        }
    )


def _kept(output: Path, timing: Path, fingerprint: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Results of an earlier run that still hold, by file and variant."""
    try:
        record = read_json(output, "parity")
        cells = record["cells"] if record.get("fingerprint") == fingerprint else []
    except (OSError, ValueError):
        return {}
    try:
        times = {(t["sha256"], t["runtime"]): t for t in read_json(timing)["cells"]}
    except (OSError, ValueError, KeyError):
        times = {}
    found = {}
    for cell in cells:
        if cell["sha256"] and cell["outcome"] in _LASTING:
            key = (cell["sha256"], cell["runtime"])
            found[key] = {**cell, **{name: times.get(key, {}).get(name) for name in _SECONDS}}
    return found


def _row(
    cell: Cell, variant: str, model: DefineRecord, done: Mapping[tuple[str, str], dict[str, Any]]
) -> dict[str, Any]:
    """The result of a cell; cells with one file share it."""
    result = done.get((cell["sha256"] or "", variant))
    if result and cell["file"]:
        return result
    if model["outcome"] != "ok":
        return _nothing("absent", f"there is no reference: {model['detail']}")
    if cell["file"]:
        return _nothing("absent", f"{cell['file']} is not there")
    return _nothing("absent", ": ".join(filter(None, [cell["outcome"], cell["detail"]])))


def _run_cell(requested: int, variant: str, sha256: str | None, row: Mapping[str, Any]) -> RunCell:
    return {
        "requested": requested,
        "runtime": variant,
        "outcome": row["outcome"],
        "detail": row["detail"],
        "sha256": sha256,
        "measures": row["measures"],
    }


def _durations(
    requested: int, variant: str, sha256: str | None, row: Mapping[str, Any]
) -> dict[str, Any]:
    durations = {name: row.get(name) for name in _SECONDS}
    return {"requested": requested, "runtime": variant, "sha256": sha256, **durations}


def _nothing(outcome: RunOutcome, detail: str) -> dict[str, Any]:
    return {"outcome": outcome, "detail": detail, "measures": []}


def _run_all(
    job: Job, runtime: runtimes.Runtime, model: DefineRecord, items: Sequence[_Item]
) -> Iterator[tuple[_Item, dict[str, Any]]]:
    """Run the items in child processes; the reference is read once, before they fork."""
    if not items or model["outcome"] != "ok":
        return
    reference = Reference.read(job.define, model, job.spec.get("index_outputs"))
    limits = job.spec.get("limits", {})

    def work(item: _Item) -> dict[str, Any]:
        result = run_file(runtime, item.path, item.variant, reference)
        return {**result, "detail": _impersonal(result["detail"], item.path)}

    seconds, memory = float(limits.get("cell_seconds", 300)), limits.get("memory_mb")
    for item, result in run_isolated(items, work, seconds, memory):
        lost = _nothing(cast(RunOutcome, result.status), result.detail)
        yield item, result.value if result.status == "done" else lost


def _impersonal(detail: str, path: Path) -> str:
    """A message without the folder that the run stands in."""
    for folder in (path.parent.resolve(), path.parent.absolute(), path.parent):
        detail = detail.replace(f"{folder}/", "")
    return clean(detail)


@dataclass(frozen=True)
class Reference:
    """The frozen tensors of a model, per input set: inputs, eager and float64 outputs."""

    model: DefineRecord
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    index_outputs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(
        cls, folder: Path, model: DefineRecord, index_outputs: Mapping[str, Any] | None = None
    ) -> Reference:
        """Read what the define stage wrote."""
        inputs, outputs = (
            safetensors.numpy.load_file(folder / f"{name}.safetensors")
            for name in ("inputs", "reference")
        )
        return cls(model, inputs, outputs, index_outputs or {})

    def results(self, set_name: str) -> dict[str, ties.Expected]:
        """By output name its position, torch's values and the best truth that there is."""
        found = {}
        for i, port in enumerate(self.model["outputs"]):
            eager = self.outputs[f"{set_name}/eager/{i}"]
            exact = self.outputs.get(f"{set_name}/float64/{i}", eager)
            found[port["name"]] = ties.Expected(i, eager, exact)
        return found

    def feed(self, set_name: str) -> list[Array]:
        """The inputs of a set, in the model's order."""
        return [self.inputs[f"{set_name}/{i}"] for i in range(len(self.model["inputs"]))]


def run_file(
    runtime: runtimes.Runtime, path: Path, variant: str, reference: Reference
) -> dict[str, Any]:
    """Load and run one file on all input sets: outcome, detail, measures and durations."""
    try:
        runtime.prepare()
    except ImportError as error:
        return _nothing("unavailable", clean(str(error)))
    started = time.perf_counter()
    try:
        session = runtime.load(path, variant)
    except Exception as error:
        return _nothing(*runtime.classify(error, "load"))
    loaded = time.perf_counter() - started
    places, notes = _places(session, [port["name"] for port in reference.model["inputs"]])
    if places is None:
        return _nothing("failed", notes[0])
    measures: list[Measure] = []
    times: list[float] = []
    for of_set in reference.model["sets"]:
        tensors = reference.feed(of_set["name"])
        feed = {name: tensors[i] for name, i in zip(session.input_names, places, strict=True)}
        started = time.perf_counter()
        try:
            got = runtime.run(session, feed)
        except Exception as error:
            outcome, detail = runtime.classify(error, "run")
            if is_traced(of_set["name"]):
                return _nothing(outcome, f"on {of_set['name']}: {detail}")
            measures += _unmeasured(reference, of_set["name"], _impersonal(detail, path))
            continue
        if is_traced(of_set["name"]):
            times.append(time.perf_counter() - started)
        measures += _measure_set(reference, of_set["name"], session.output_names, got)
        if not of_set["deterministic"]:
            notes.append(f"{of_set['name']}: torch's output changes from run to run, not compared")
    measured: Sequence[float | None] = [loaded, *times[:1], min(times, default=None)]
    return {
        "outcome": "ran",
        "detail": "; ".join([*notes, *_renamed(reference.model, session.output_names)]),
        "measures": measures,
        **{name: t and round(t, 6) for name, t in zip(_SECONDS, measured, strict=False)},
    }


def _places(session: runtimes.Session, names: Sequence[str]) -> tuple[list[int] | None, list[str]]:
    """Which of the model's inputs each graph input takes, and what is worth saying about it.

    By name where the graph has no other names (exporters drop inputs that nothing uses), else by
    position.
    """
    graph = list(session.input_names)
    if set(graph) <= set(names):
        unused = [name for name in names if name not in graph]
        note = f"the graph has no input {', '.join(unused)}"
        return [names.index(name) for name in graph], [note] if unused else []
    if len(graph) == len(names):
        return list(range(len(names))), [f"inputs are called {', '.join(graph)}"]
    return None, [
        f"the graph wants {len(graph)} inputs ({', '.join(graph)}), "
        f"the model has {len(names)} ({', '.join(names)})"
    ]


def _renamed(model: DefineRecord, graph: Sequence[str]) -> list[str]:
    names = [port["name"] for port in model["outputs"]]
    pairs = [(a, b) for a, b in zip(names, graph, strict=False) if a != b]
    return [f"output {a} is called {b}" for a, b in pairs]


def _unmeasured(reference: Reference, set_name: str, reason: str) -> Iterator[Measure]:
    """A measure of every output on a set that the file does not run on."""
    for i, port in enumerate(reference.model["outputs"]):
        dtype = dtype_name(reference.outputs[f"{set_name}/eager/{i}"].dtype)
        yield blank_measure(port["name"], set_name, dtype, f"does not run: {reason}")


def _measure_set(
    reference: Reference, set_name: str, graph: Sequence[str], got: Sequence[Any]
) -> list[Measure]:
    """The measures of one input set: outputs by position, checked for number and order."""
    names = [port["name"] for port in reference.model["outputs"]]
    index_outputs = reference.index_outputs
    deterministic = {s["name"]: s["deterministic"] for s in reference.model["sets"]}[set_name]
    flat = is_flat(reference.feed(set_name))
    measures: list[Measure] = []
    for i, name in enumerate(names):
        eager = reference.outputs[f"{set_name}/eager/{i}"]
        given = graph[i] if i < len(graph) else name
        value = got[i] if i < len(got) else None
        blank = blank_measure(name, set_name, dtype_name(eager.dtype))
        if given != name and given in names:
            measures.append({**blank, "structure": f"the graph gives {given} at its place"})
        elif value is not None and not isinstance(value, np.ndarray | np.generic):
            measures.append({**blank, "structure": f"a {type(value).__name__}, not a tensor"})
        else:
            array = None if value is None else np.asarray(value)
            exact = reference.outputs.get(f"{set_name}/float64/{i}")
            found = measure(name, set_name, array, eager, exact)
            found = found if deterministic or found["structure"] else blank
            if name in index_outputs and found["flips"]:
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


if __name__ == "__main__":
    main()
