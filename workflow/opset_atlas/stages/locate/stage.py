"""Stage, per model: where a wrong result begins, and a reproducer of it.

reads   results/define/{model}; export and parity records and the files of all its sweeps
writes  record.json, and under reproducers/{exporter}/opset_NN a cut, its arrays and a script

It computes the verdicts itself, with the tolerances of the configuration. If none needs a search,
no runtime is imported, and an empty record is written. Otherwise the intermediate values of a
wrong file are compared with those of right computations of the same model: the same file in another
runtime, another opset or exporter, the file that it was converted from, the eager module.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from opset_atlas.base import failures, stopped
from opset_atlas.base.files import digest, json_argument, write_json
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.records import VERSION, Failure, Located, LocateRecord
from opset_atlas.stages.locate import unsearched
from opset_atlas.stages.locate.judged_cells import Job, JudgedCell, judged_cells

MOST = 2  # times `cell_seconds`, for all files of a model


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m opset_atlas locate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=json.loads, required=True, help="specification as JSON")
    parser.add_argument(
        "--run", type=json_argument, help="JSON or @FILE: tolerances of the run, over the spec's"
    )
    parser.add_argument("--define", type=Path, required=True, help="folder of the define stage")
    parser.add_argument("--export", type=Path, required=True, help="the model's sweeps")
    parser.add_argument("--parity", type=Path, required=True, help="their parity records")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    stopped.add_options(parser)
    options = parser.parse_args(arguments)
    spec = stopped.spec_with_limits(options)
    if options.run:
        spec["tolerances"] = unsearched.of_run(options.run, spec["model"])
    job = Job(spec, options.define, options.export, options.parity)
    record = options.output / "record.json"
    unsearched.note(record, spec["tolerances"], searched=True)  # until it is known better

    def work() -> None:
        found = locate(job, options.output)
        details = [each["detail"] for each in found["located"]]
        lost = any(stopped.is_at_limit(text.partition(":")[0], text) for text in details)
        stopped.note(record, spec["limits"], options.again, lost)
        searched = bool(found["located"] or found.get("failures"))
        unsearched.note(record, spec["tolerances"], searched)

    failures.guard(work, lambda failure: _stand_in(job, options.output, failure))


def _stand_in(job: Job, folder: Path, failure: Failure) -> None:
    """Write the record of a model at which this stage failed, with nothing located."""
    shutil.rmtree(folder / "reproducers", ignore_errors=True)
    (folder / "reproducers").mkdir(parents=True)
    head = {"version": VERSION, "stage": "locate", "model": job.spec["model"]}
    write_json(folder / "record.json", {**head, "located": [], "failures": [failure]})


def locate(job: Job, folder: Path) -> LocateRecord:
    """Write the record and reproducers of a model below `folder`; return the record."""
    shutil.rmtree(folder / "reproducers", ignore_errors=True)
    (folder / "reproducers").mkdir(parents=True)
    cells = list(judged_cells(job))
    wrong = [each for each in cells if each.wrong() and each.cell["file"]]
    failed: list[Failure] = []
    record: LocateRecord = {
        "version": VERSION,
        "stage": "locate",
        "model": job.spec["model"],
        "located": _located(job, cells, wrong, folder, failed),
    }
    if failed:
        record["failures"] = failed
    write_json(folder / "record.json", record)
    return record


def _located(
    job: Job,
    cells: Sequence[JudgedCell],
    wrong: Sequence[JudgedCell],
    folder: Path,
    failed: list[Failure],
) -> list[Located]:
    """The findings; files with the same graph are reported once.

    Args:
        failed: gets an entry for each file at which our own code raised.
    """
    if not wrong:
        return []
    with tempfile.TemporaryDirectory() as store:
        return _examined(replace(job, store=Path(store)), cells, wrong, folder, failed)


def _examined(
    job: Job,
    cells: Sequence[JudgedCell],
    wrong: Sequence[JudgedCell],
    folder: Path,
    failed: list[Failure],
) -> list[Located]:
    """Like `_located`, with a folder for large tensors."""
    from opset_atlas.stages.locate.case import Case, cases
    from opset_atlas.stages.locate.examine import examine, interrupted
    from opset_atlas.stages.locate.right_computations import RightComputations

    right = RightComputations(job)  # a child process keeps its runs

    def work(case: Case) -> list[Located]:
        return examine(case, right, folder / "reproducers")

    limits = job.spec["limits"]
    seconds = float(limits["cell_seconds"])
    end = time.monotonic() + MOST * seconds
    found: list[Located] = []
    waiting = cases(job, cells, wrong)
    results = run_isolated(
        waiting, work, seconds, limits.get("memory_mb"), foreign="factory" in job.spec
    )
    for number, (case, result) in enumerate(results, 1):
        if result.status == "done":
            found += cast(list[Located], result.value)
        else:
            if result.status == "internal-error":
                failed.append(result.failure(case.name))
            found.append(interrupted(case, f"{result.status}: {result.detail}"))
        print(f"{case.name}: {found[-1]['sentence'] if found else 'nothing was found'}")
        if number < len(waiting) and time.monotonic() > end:
            results.close()
            late = f"timeout: the other files of this model took {MOST * seconds:.0f} s"
            found += [interrupted(each, late) for each in waiting[number:]]
            break
    return _merged(found, folder)


def _merged(found: Sequence[Located], folder: Path) -> list[Located]:
    """Merge findings that differ only in versions, with the text for the first file."""
    first: dict[str, Located] = {}
    for each in found:
        same = first.setdefault(_mechanism(each), each)
        if same is not each:
            same["requested"] = sorted({*same["requested"], *each["requested"]})
            if each["reproducer"]:
                shutil.rmtree(folder / each["reproducer"])
    return list(first.values())


def _mechanism(found: Located) -> str:
    operators = [(n["domain"], n["op"], n["text"].partition("(")[2]) for n in found["nodes"]]
    error = None if found["error"] is None else f"{found['error']:.2g}"
    shown = ("exporter", "runtimes", "output", "fault", "difference", "detail", "repairs", "stops")
    rest = [found[key] for key in shown]  # type: ignore[literal-required]
    return digest([operators, error, found["right_at"] is None, rest])


if __name__ == "__main__":
    main()
