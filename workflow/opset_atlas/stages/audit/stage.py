"""Stage, per model: audit `onnx.version_converter`, one opset up and down from each right file.

reads   results/define/{model}; results/export/{model}/*: the files; results/parity/{model}/*.json
writes  record.json: the outcome of each step, and of each operator in it; defects/: reproducers

Files that every runtime computes correctly are converted, each distinct content once. The result
goes through the checker and a runtime, with and without optimizations, and is measured and judged
like an export. If a step is not right, each operator that changes in it is converted alone, as a
cut of one node. An operator is named only if this or the converter's message proves it, or if there
is no other candidate.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from opset_atlas.base import failures, stopped
from opset_atlas.base.files import read_json, write_json
from opset_atlas.base.messages import clean
from opset_atlas.execution.isolate import Result, run_isolated
from opset_atlas.numerics.reference import Reference
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import RIGHT, judge_cell
from opset_atlas.operators import definitions
from opset_atlas.operators.conversions import named_operator
from opset_atlas.records import (
    AUDIT_DEFECTS,
    VERSION,
    AuditOperator,
    AuditOutcome,
    AuditRecord,
    AuditStep,
    DefineRecord,
    Failure,
)
from opset_atlas.runtimes._oracle import ORACLE
from opset_atlas.stages.audit import cuts as audit_cuts
from opset_atlas.stages.audit.attempt import (
    Case,
    Found,
    attempt,
    read_cut,
    write_cuts,
)
from opset_atlas.stages.audit.reproducer import Defects, versions

ORDER: tuple[str, ...] = get_args(AuditOutcome)
T = TypeVar("T")


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m opset_atlas audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=json.loads, required=True, help="specification as JSON")
    parser.add_argument("--results", type=Path, required=True, help="folder of the stages' folders")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    stopped.add_options(parser)
    options = parser.parse_args(arguments)
    spec = stopped.spec_with_limits(options)

    def work() -> None:
        steps = audit(spec, options.results, options.output)["steps"]
        lost = any(stopped.is_at_limit(step["outcome"], step["detail"]) for step in steps)
        stopped.note(options.output / "record.json", spec["limits"], options.again, lost)

    failures.guard(work, lambda failure: _stand_in(spec, options.output, failure))


def _stand_in(spec: Mapping[str, Any], folder: Path, failure: Failure) -> None:
    """Write the record of a model at which this stage failed, with no steps."""
    Defects(folder / "defects")
    head = {"version": VERSION, "stage": "audit", "model": spec["model"]}
    empty = {"versions": {}, "not_right": 0, "steps": []}
    write_json(folder / "record.json", {**head, **empty, "failures": [failure]})


def audit(spec: Mapping[str, Any], results: Path, folder: Path) -> AuditRecord:
    """Try every step of a model; write the record and reproducers, and return the record.

    Args:
        spec: `model`, `exporters`, `runtimes`, `tolerances`, `limits`, `index_outputs`.
    """
    define = results / "define" / spec["model"]
    model = cast(DefineRecord, read_json(define / "record.json", "define"))
    files, skipped = _right_files(spec, results)
    steps: list[AuditStep] = []
    defects = Defects(folder / "defects")
    failed: list[Failure] = []
    if files:
        reference = Reference.read(define, model, spec.get("index_outputs"))
        with tempfile.TemporaryDirectory() as work:
            steps = _steps(_Job(spec, Path(work), failed), files, reference, defects)
    record: AuditRecord = {
        "version": VERSION,
        "stage": "audit",
        "model": spec["model"],
        "versions": versions(),
        "not_right": skipped,
        "steps": steps,
    }
    if failed:
        record["failures"] = failed
    write_json(folder / "record.json", record)
    return record


@dataclass(frozen=True)
class _File:
    """One distinct right file; `cells` are the requests that produced it."""

    path: Path
    opset: int
    sha256: str
    cells: list[tuple[str, int]] = field(default_factory=list)


def _right_files(spec: Mapping[str, Any], results: Path) -> tuple[list[_File], int]:
    """The distinct files that every runtime computes correctly, and the number of other cells."""
    files: dict[str, _File] = {}
    skipped = 0
    for exporter in spec["exporters"]:
        right = _right_requests(spec, results, exporter)
        folder = results / "export" / spec["model"] / exporter
        for cell in read_json(folder / "record.json", "export")["cells"]:
            usable = cell["outcome"] in ("ok", "moved") and cell["delivered"] is not None
            if not usable or cell["requested"] not in right:
                skipped += bool(cell["file"])
                continue
            path = folder / "cells" / cell["file"]
            new = _File(path, cell["delivered"], cell["canonical_sha256"])
            files.setdefault(new.sha256, new).cells.append((exporter, cell["requested"]))
    return list(files.values()), skipped


def _right_requests(spec: Mapping[str, Any], results: Path, exporter: str) -> set[int]:
    """Requests that are right in every runtime; unavailable runtimes do not count."""
    tolerances = Tolerances().updated(spec["tolerances"])
    verdicts: dict[int, set[str]] = {}
    for name in spec["runtimes"]:
        record = read_json(results / "parity" / spec["model"] / f"{name}.json", "parity")
        for cell in record["cells"]:
            if cell["exporter"] != exporter:
                continue
            verdict = judge_cell(record, cell, tolerances)["verdict"]
            verdicts.setdefault(cell["requested"], set()).add(verdict)
    found = {request: names - {"unavailable"} for request, names in verdicts.items()}
    return {request for request, names in found.items() if names and names <= RIGHT}


@dataclass(frozen=True)
class _Job:
    """The specification of a model's audit and a folder for what is converted.

    `failed` gets an entry for each item at which our own code raised.
    """

    spec: Mapping[str, Any]
    work: Path
    failed: list[Failure]

    def isolated(self, items: Sequence[T], work: Callable[[T], Any]) -> Iterator[tuple[T, Result]]:
        """Handle each item in a child process, which may crash."""
        limits = self.spec["limits"]
        seconds, memory = float(limits["cell_seconds"]), limits.get("memory_mb")
        for item, result in run_isolated(items, work, seconds, memory, ORACLE.prepare):
            if result.status == "internal-error":
                self.failed.append(result.failure(_name(item)))
            yield item, result

    def attempts(self, cases: Sequence[Case]) -> list[tuple[Case, Found]]:
        """Every case with its outcome."""
        tolerances = Tolerances().updated(self.spec["tolerances"])
        tried = []
        for case, result in self.isolated(cases, lambda case: asdict(attempt(case, tolerances))):
            if result.status == "done":
                found = Found(**result.value)
            else:
                where = "with the converted file" if case.after.exists() else "converting"
                found = Found(result.status, f"{where}: {result.detail}")
            detail = clean(" ".join(found.detail.replace(f"{self.work}/", "").split()))
            tried.append((case, Found(found.outcome, detail, found.set)))
        return tried


def _name(item: object) -> str:
    """The name of an item in a failure."""
    case = item[0] if isinstance(item, tuple) else item
    return f"{case.old} → {case.new}" if isinstance(case, Case) else str(getattr(case, "name", ""))


@dataclass(frozen=True)
class _Alone:
    """A cut of a node, the operators that change in it, and the outcome of converting it."""

    operators: tuple[str, ...]
    case: Case
    found: Found


def _steps(
    job: _Job, files: Sequence[_File], reference: Reference, defects: Defects
) -> list[AuditStep]:
    """The outcome of every step, by opset, down before up."""
    cases = [
        Case(file.path, file.opset, new, job.work / f"{i}_to_{new}.onnx", reference)
        for i, file in enumerate(files)
        for new in (file.opset - 1, file.opset + 1)
        if definitions.in_force("Add", new)  # an opset that onnx knows
    ]
    tried = job.attempts(cases)
    alone = _alone(job, [pair for pair in tried if pair[1].outcome != "right"])
    of_path = {file.path: file for file in files}
    steps = [
        _step(of_path[case.path], case, found, alone.get(case.after, []), defects)
        for case, found in tried
    ]
    for each, result in job.isolated(defects.wanted(), defects.write):
        if result.status != "done":
            defects.remove(each.name)
        if reason := result.value if result.status == "done" else result.detail:
            print(f"no reproducer {each.name}: {reason}")
            _forget(each.name, steps)
    return sorted(steps, key=lambda s: (s["from_opset"], s["to_opset"], s["cells"][0]["exporter"]))


def _forget(name: str, steps: Sequence[AuditStep]) -> None:
    """Remove all mentions of a reproducer that could not be written."""
    rows = [row for step in steps for row in (step, *step["operators"])]
    for row in rows:
        if row["reproducer"] == name:
            row["reproducer"] = ""


def _alone(job: _Job, wrong: Sequence[tuple[Case, Found]]) -> dict[Path, list[_Alone]]:
    """Per step that is not right, by its result's path, each changing operator converted alone."""
    made: list[tuple[Path, tuple[str, ...], Case]] = []
    for (case, _), result in job.isolated(wrong, lambda pair: write_cuts(*pair)):
        for path, operators in result.value or []:
            made.append((case.after, tuple(operators), read_cut(case, Path(path))))
    tried = job.attempts([case for _, _, case in made])
    found: dict[Path, list[_Alone]] = {}
    for (after, operators, _), pair in zip(made, tried, strict=True):
        found.setdefault(after, []).append(_Alone(operators, *pair))
    return found


def _step(
    file: _File, case: Case, found: Found, alone: Sequence[_Alone], defects: Defects
) -> AuditStep:
    import onnx

    model = onnx.load(case.path, load_external_data=False)
    changed = audit_cuts.changed_operators(model, case.old, case.new)
    operators = [
        row for op in changed if (row := _operator(op, changed, case, found, alone, defects))
    ]
    unclear: list[str] = []
    reproducer = ""
    if found.outcome != "right" and not any(o["outcome"] == found.outcome for o in operators):
        right = {row["operator"] for row in operators if row["outcome"] == "right"}
        unclear = [op for op in changed if op not in right] or changed
        if found.outcome in AUDIT_DEFECTS:
            reproducer = defects.note("several", case, found)
    return {
        "from_opset": case.old,
        "to_opset": case.new,
        "canonical_sha256": file.sha256,
        "cells": [{"exporter": exporter, "requested": asked} for exporter, asked in file.cells],
        "outcome": found.outcome,
        "detail": "" if found.outcome == "right" else found.detail,
        "operators": operators,
        "one_of": unclear,
        "reproducer": reproducer,
    }


def _operator(
    op: str,
    changed: Sequence[str],
    case: Case,
    found: Found,
    alone: Sequence[_Alone],
    defects: Defects,
) -> AuditOperator | None:
    """The outcome of one operator in a step; None if nothing is proven about it."""
    cuts = [each for each in alone if each.operators == (op,)]
    worst = max(cuts, key=lambda each: ORDER.index(each.found.outcome), default=None)
    if found.outcome == "right":
        evidence, shown, what = "file", case, found
    elif worst and worst.found.outcome != "right":
        evidence, shown, what = "cut", worst.case, worst.found
    elif changed == [op]:
        evidence, shown, what = "only", case, found
    elif found.outcome == "refused" and named_operator(found.detail) == op:
        evidence, shown, what = "message", case, found
    elif worst:
        evidence, shown, what = "cut", worst.case, worst.found
    else:
        return None
    row = {
        "operator": op,
        "from_version": definitions.in_force(op, case.old),
        "to_version": definitions.in_force(op, case.new),
        "outcome": what.outcome,
        "evidence": evidence,
        "detail": "" if what.outcome == "right" else what.detail,
        "reproducer": defects.note(op, shown, what) if what.outcome in AUDIT_DEFECTS else "",
    }
    return cast(AuditOperator, row)


if __name__ == "__main__":
    main()
