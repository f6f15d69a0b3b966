"""Judge what `parity` measured. No model runs and no array is read: new tolerances cost seconds.

reads   parity records (JSON), the tolerances of the configuration
writes  results/judge/verdicts.json

What a verdict means stands in `atlas.verdicts`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from atlas import verdicts
from atlas.records import VERSION, JudgeRecord, ParityRecord, read_json, write_json
from atlas.tolerances import Tolerances


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m atlas.judge",
        description=f"{__doc__}\n{verdicts.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--spec", type=json.loads, default={}, help='JSON: {"tolerances": …, "models": {id: …}}'
    )
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    parser.add_argument("records", type=Path, nargs="*", metavar="RECORD", help="parity records")
    options = parser.parse_args(arguments)
    records = (read_json(path, "parity") for path in options.records)
    write_json(options.output, judge(records, options.spec))


def judge(records: Iterable[ParityRecord], spec: Mapping[str, Any]) -> JudgeRecord:
    """The verdict on every cell of the parity records, in their order.

    Args:
        spec: `tolerances` for all models and, under `models`, what differs for some.
    """
    common = Tolerances().updated(spec.get("tolerances") or {})
    special = spec.get("models") or {}
    cells = []
    for record in records:
        tolerances = common.updated(special.get(record["model"]) or {})
        cells += [verdicts.judge_cell(record, cell, tolerances) for cell in record["cells"]]
    return {"version": VERSION, "stage": "judge", "cells": cells}


if __name__ == "__main__":
    main()
