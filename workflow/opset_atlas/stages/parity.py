"""Stage, per model and runtime: run every distinct file on every input set, and measure.

reads   results/define/{model}: inputs and reference; results/export/{model}/*: the files; the files
        of the user's metrics
writes  {runtime}.json (measures without judgement) and {runtime}.timing.json

Each file runs once per variant of the runtime, in a child process: a file that crashes, hangs or
takes too much memory costs only its own cells. All sweeps of a model are run together, since most
of their files give byte-equal results, which are measured once. Results are kept if the file,
reference, runtime and code are those of an earlier run. Nothing in the record depends on the clock
or the folder of the run.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from opset_atlas import runtimes
from opset_atlas.base import failures, stopped
from opset_atlas.base.files import digest, file_sha256, read_json, write_json
from opset_atlas.base.messages import impersonal
from opset_atlas.execution.isolate import Result, run_isolated
from opset_atlas.numerics import metrics
from opset_atlas.numerics import reference as frozen
from opset_atlas.numerics.running import SECONDS, nothing, run_file
from opset_atlas.records import (
    VERSION,
    Cell,
    Declared,
    DefineRecord,
    ExportRecord,
    Failure,
    MetricValue,
    ParityRecord,
    RunCell,
    RunOutcome,
)

# Outcomes that a second run would repeat, unless they were caused by lack of memory.
_LASTING = ("ran", "rejected", "no-kernel", "failed")


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m opset_atlas parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=json.loads, default={}, help='JSON: {"limits": {…}, …}')
    parser.add_argument("--define", type=Path, required=True, help="folder of the define stage")
    parser.add_argument(
        "--export", type=Path, nargs="+", required=True, help="sweeps: folders of the export stage"
    )
    parser.add_argument("--runtime", required=True, help="a module of opset_atlas.runtimes")
    parser.add_argument("--code", default="", help="hash of the code of this stage")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    parser.add_argument("--timing", type=Path, required=True, help="where durations go")
    stopped.add_options(parser)
    options = parser.parse_args(arguments)
    spec = stopped.spec_with_limits(options)
    job = Job(spec, options.define, options.export, options.runtime, options.code)
    output, timing = options.output, options.timing

    def work() -> None:
        cells = measure_files(job, output, timing)["cells"]
        lost = any(map(_at_limit, cells))
        stopped.note(output, spec.get("limits", {}), options.again, lost)

    failures.guard(work, lambda failure: _stand_in(job, output, timing, failure))


@dataclass(frozen=True)
class Job:
    """A model in one runtime: its specification, its folder and the folders of its sweeps.

    `code`: a hash of the code that runs and measures; a changed hash makes it run again.
    """

    spec: Mapping[str, Any]
    define: Path
    sweeps: Sequence[Path]
    runtime: str
    code: str = ""


def _stand_in(job: Job, output: Path, timing: Path, failure: Failure) -> None:
    """Write the record of a model on which this stage failed: nothing is measured."""
    model = job.spec.get("model") or job.define.name
    head = {"version": VERSION, "stage": "parity", "model": model, "runtime": job.runtime}
    write_json(timing, {"version": VERSION, "model": model, "runtime": job.runtime, "cells": []})
    empty = {"versions": {}, "fingerprint": "", "cells": []}
    write_json(output, {**head, **empty, "failures": [failure]})


def measure_files(job: Job, output: Path, timing: Path) -> ParityRecord:
    """Run or keep every cell of the sweeps; write and return the record.

    Args:
        output: the record; results of an existing one that still hold are kept.
        timing: durations of the same cells, in the same order.
    """
    runtime = runtimes.load(job.runtime)
    model = cast(DefineRecord, read_json(job.define / "record.json", "define"))
    exported = [
        cast(ExportRecord, read_json(folder / "record.json", "export")) for folder in job.sweeps
    ]
    versions = _versions(runtime)
    fingerprint = _fingerprint(job, model, versions)
    done = _kept(output, timing, fingerprint)
    items = _distinct(job, exported, runtime)
    new = [item for item in items if item.key not in done]
    found = _run_all(job, runtime, model, new)
    done |= found.results
    rows = [
        (_head(sweep, cell, variant), _row(cell, variant, model, done))
        for sweep in exported
        for cell in sweep["cells"]
        for variant in runtime.VARIANTS
    ]
    head = {"model": model["model"], "runtime": job.runtime}
    record = {
        "version": VERSION,
        "stage": "parity",
        **head,
        "versions": {name: version or "not installed" for name, version in versions.items()},
        "fingerprint": fingerprint,
        "cells": [_run_cell(*row) for row in rows],
    }
    if job.spec.get("metrics"):
        record["metrics"] = found.of_torch
    if found.failed:
        record["failures"] = found.failed
    write_json(timing, {"version": VERSION, **head, "cells": [_durations(*row) for row in rows]})
    write_json(output, record)
    return cast(ParityRecord, record)


@dataclass(frozen=True)
class _Item:
    """One distinct file in one variant."""

    sha256: str
    variant: str
    path: Path
    declared: Declared | None

    @property
    def key(self) -> tuple[str, str]:
        return self.sha256, self.variant

    @property
    def label(self) -> str:
        """`torchscript/opset_13.onnx`"""
        return f"{self.path.parents[1].name}/{self.path.name}"


def _distinct(job: Job, exported: Sequence[ExportRecord], runtime: runtimes.Runtime) -> list[_Item]:
    files: dict[str, tuple[Path, Declared | None]] = {}
    for folder, sweep in zip(job.sweeps, exported, strict=True):
        for cell in sweep["cells"]:
            if cell["file"] and cell["sha256"]:
                path = folder / "cells" / cell["file"]
                files.setdefault(cell["sha256"], (path, cell["declared"]))
    return [
        _Item(sha256, variant, path, declared)
        for sha256, (path, declared) in files.items()
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


def _fingerprint(job: Job, model: DefineRecord, versions: Mapping[str, Any]) -> str:
    """Hash over everything that determines a run's result, except the file; limits do not count."""
    reference = ("inputs_sha256", "reference_sha256", "inputs", "outputs", "sets", "outcome")
    return digest(
        {
            "spec": {key: value for key, value in job.spec.items() if key != "limits"},
            "metrics": [file_sha256(Path(path)) for path in job.spec.get("metric_files", [])],
            "versions": versions,
            "reference": {key: model[key] for key in reference},  # type: ignore[literal-required]
            "code": job.code,
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
        if cell["sha256"] and cell["outcome"] in _LASTING and not _at_limit(cell):
            key = (cell["sha256"], cell["runtime"])
            found[key] = {**cell, **{name: times.get(key, {}).get(name) for name in SECONDS}}
    return found


def _at_limit(cell: Mapping[str, Any]) -> bool:
    """Whether another limit may give another result for a cell, or for one of its metrics."""
    told = [each["detail"] for each in cell.get("metrics", [])]
    stages = [(cell["outcome"], cell["detail"]), *((text.partition(":")[0], text) for text in told)]
    return any(stopped.is_at_limit(*each) for each in stages)


def _row(
    cell: Cell, variant: str, model: DefineRecord, done: Mapping[tuple[str, str], dict[str, Any]]
) -> dict[str, Any]:
    """The result of a cell; cells with one file share it."""
    result = done.get((cell["sha256"] or "", variant))
    if result and cell["file"]:
        return result
    if model["outcome"] != "ok":
        return nothing("absent", f"there is no reference: {model['detail']}")
    if cell["file"]:
        return nothing("absent", f"{cell['file']} is missing")
    return nothing("absent", ": ".join(filter(None, [cell["outcome"], cell["detail"]])))


def _head(sweep: ExportRecord, cell: Cell, variant: str) -> dict[str, Any]:
    """Identifies a cell in a variant."""
    return {
        "exporter": sweep["exporter"],
        "requested": cell["requested"],
        "runtime": variant,
        "sha256": cell["sha256"],
    }


def _run_cell(head: Mapping[str, Any], row: Mapping[str, Any]) -> RunCell:
    found = {name: row[name] for name in ("outcome", "detail", "measures", "misdeclared")}
    metrics = {"metrics": row["metrics"]} if "metrics" in row else {}
    return cast(RunCell, {**head, **found, **metrics})


def _durations(head: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {**head, **{name: row.get(name) for name in SECONDS}}


@dataclass
class _Found:
    """What running the items gave.

    `results`: by an item's key. `of_torch`: the metrics of the reference. `failed`: an entry for
    each item on which our own code raised.
    """

    results: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    of_torch: list[MetricValue] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    """What a child does at once: run an item, or compute a metric of an item or of the reference.

    A metric is a step of its own, so that one that hangs or crashes costs no file its result.
    """

    item: _Item | None
    metric: Mapping[str, Any] | None = None


def _run_all(
    job: Job, runtime: runtimes.Runtime, model: DefineRecord, items: Sequence[_Item]
) -> _Found:
    """Run the items in child processes; the reference is read once, before they fork."""
    found = _Found()
    if model["outcome"] != "ok":
        return found
    ties, memoize = job.spec.get("index_outputs"), job.spec.get("memoize", True)
    declared: Sequence[Mapping[str, Any]] = job.spec.get("metrics", [])
    steps = [_Step(None, metric) for metric in declared]
    steps += [_Step(item, metric) for item in items for metric in (None, *declared)]
    if not steps:
        return found
    reference = frozen.Reference.read(job.define, model, ties, memoize)
    limits = job.spec.get("limits", {})
    outputs: dict[tuple[str, str], metrics.Outputs] = {}  # in the child, of the last item
    computed = metrics.Metrics(reference, declared, model.get("seed", 0))

    def work(step: _Step) -> Any:
        item, metric = step.item, step.metric
        if item is None:
            return metric and computed.of_torch(metric)
        if metric is not None:
            vain = any(v["metric"] == metric["name"] for v in found.of_torch if v["value"] is None)
            ran = item.key in outputs and not vain
            return computed.of_file(metric, outputs[item.key]) if ran else None
        number = f"{items.index(item) + 1} of {len(items)}"
        place = f"{model['model']} × {item.label}"
        print(f"{place} in {item.variant}: running, {number}", flush=True)
        keep = bool(declared)
        result = run_file(runtime, item.path, item.variant, reference, item.declared, keep)
        outputs.clear()
        if "outputs" in result:
            outputs[item.key] = result.pop("outputs")
        return {**result, "detail": impersonal(result["detail"], item.path)}

    seconds, memory = float(limits.get("cell_seconds", 300)), limits.get("memory_mb")
    foreign = bool(declared)
    for step, result in run_isolated(steps, work, seconds, memory, foreign=foreign):
        _add(found, step, result)
    return found


def _add(found: _Found, step: _Step, result: Result) -> None:
    """Add what a step gave to what was found."""
    item, metric = step.item, step.metric
    if result.status == "internal-error":
        what = f"{item.label} in {item.variant}" if item else ""
        found.failed.append(result.failure(" × ".join(filter(None, [what, _name(metric)]))))
    if item and not metric:
        row = result.value if result.status == "done" else _lost(result)
        print(f"{item.label} in {item.variant}: {row['outcome']} {row['detail']}")
        found.results[item.key] = row
        return
    value = result.value
    if metric and result.status != "done":
        detail = f"{result.status}: {metric['callable']}: {result.detail}"
        value = MetricValue(metric=_name(metric), value=None, detail=detail)
    if not item:
        found.of_torch.append(value)
    elif value:
        found.results[item.key].setdefault("metrics", []).append(value)


def _name(metric: Mapping[str, Any] | None) -> str:
    return metric["name"] if metric else ""


def _lost(result: Result) -> dict[str, Any]:
    own = f"{failures.NAMED}: " if result.status == "internal-error" else ""
    return nothing(cast(RunOutcome, result.status), own + result.detail)


if __name__ == "__main__":
    main()
