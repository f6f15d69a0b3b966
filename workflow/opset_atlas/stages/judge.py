"""Judge the measures of `parity`. No model runs and no array is read: new tolerances take seconds.

reads   parity records (JSON), the tolerances of the configuration
writes  results/judge/verdicts.json

`numerics.verdicts` defines the verdicts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from opset_atlas.base import failures
from opset_atlas.base.files import json_argument, read_json, write_json
from opset_atlas.numerics import verdicts
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.records import (
    VERSION,
    CellVerdict,
    Failure,
    JudgeRecord,
    ModelFailure,
    ParityRecord,
    RunCell,
)


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m opset_atlas judge",
        description=f"{__doc__}\n{verdicts.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--spec",
        type=json_argument,
        required=True,
        help='JSON or @FILE: {"tolerances": …, "models": {id: …}, "order": [id, …], "runtimes": …}',
    )
    parser.add_argument("--parity", type=Path, required=True, help="folder of the parity stage")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    options = parser.parse_args(arguments)
    spec = options.spec
    paths = (
        options.parity / model / f"{runtime}.json"
        for model in spec["order"]
        for runtime in spec["runtimes"]
    )
    write_json(options.output, judge((read_json(path, "parity") for path in paths), spec))


def judge(records: Iterable[ParityRecord], spec: Mapping[str, Any]) -> JudgeRecord:
    """The verdict on every cell of the parity records, in their order.

    Args:
        spec: `tolerances` for all models and, under `models`, those of models that differ;
            under `metrics`, by model, how far each metric may move.
    """
    common = Tolerances().updated(spec.get("tolerances") or {})
    special, metrics = spec.get("models") or {}, spec.get("metrics") or {}
    failed: list[ModelFailure] = []
    judged: JudgeRecord = {"version": VERSION, "stage": "judge", "cells": []}
    for record in records:
        tolerances = common.updated(special.get(record["model"]) or {})
        allowed = metrics.get(record["model"]) or {}
        failed += [_of_model(record, "parity", each) for each in record.get("failures", [])]
        for cell in record["cells"]:
            try:
                judged["cells"].append(verdicts.judge_cell(record, cell, tolerances, allowed))
            except Exception as error:  # costs this cell, not the report of the run
                failure = failures.of(error, _place(cell))
                failed.append(_of_model(record, "judge", failure))
                judged["cells"].append(_undecided(record, cell, failure))
    if failed:
        judged["failures"] = failed
    return judged


def _of_model(record: ParityRecord, stage: str, failure: Failure) -> ModelFailure:
    what = " × ".join(filter(None, [record["runtime"], failure["what"]]))
    return {"model": record["model"], "stage": stage, **failure, "what": what}


def _place(cell: RunCell) -> str:
    return f"{cell['exporter']} × {cell['requested']} in {cell['runtime']}"


def _undecided(record: ParityRecord, cell: RunCell, failure: Failure) -> CellVerdict:
    """The verdict on a cell that this program failed to judge."""
    return {
        "model": record["model"],
        "exporter": cell["exporter"],
        "requested": cell["requested"],
        "runtime": cell["runtime"],
        "verdict": "internal-error",
        "detail": failures.named(failure),
        "note": "",
        "outputs": [],
    }


if __name__ == "__main__":
    main()
