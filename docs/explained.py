"""How many changes of a finished run have a cause: `make explained` prints the table.

`python docs/explained.py [RESULTS] [--sample N]` reads the comparisons between neighboring opsets
and prints counts by exporter and cause, every unexplained change, and N explained ones, drawn with
a fixed seed, to be checked by hand. `--again` compares the dumps of the run again with the current
code.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from opset_atlas.base.files import read_json
from opset_atlas.records import Change, CompareRecord
from opset_atlas.stages.compare import compare_model

SEED = 0


class Found(NamedTuple):
    """A change, and the step that has it."""

    model: str
    exporter: str
    opsets: str
    change: Change


def main() -> None:
    """Print the table, the unexplained changes and the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    parser.add_argument("--sample", type=int, default=0, metavar="N")
    parser.add_argument("--again", action="store_true", help="compare the dumps again")
    options = parser.parse_args()
    records = list(_records(options.results, options.again))
    found = [each for record in records for each in _changes(record)]
    sweeps = [sweep for record in records for sweep in record["sweeps"].values()]
    steps = sum(len(sweep["steps"]) for sweep in sweeps)
    print(f"{len(records)} models, {len(sweeps)} sweeps, {steps} steps, {len(found)} changes\n")
    print(_table(found).to_string())
    unexplained = [each for each in found if each.change["cause"] == "unexplained"]
    print(f"\nunexplained: {len(unexplained)}")
    for each in unexplained:
        _show(each)
    rest = [each for each in found if each.change["cause"] != "unexplained"]
    for each in random.Random(SEED).sample(rest, min(options.sample, len(rest))):
        _show(each)


def _records(results: Path, again: bool) -> Iterator[CompareRecord]:
    for path in sorted((results / ("dump" if again else "compare")).glob("*/record.json")):
        export = results / "export" / path.parent.name
        yield compare_model(path.parent, export) if again else read_json(path, "compare")


def _changes(record: CompareRecord) -> Iterator[Found]:
    for exporter, sweep in record["sweeps"].items():
        for step in sweep["steps"]:
            opsets = f"{step['from_opset']} → {step['to_opset']}"
            for change in step["changes"]:
                yield Found(record["model"], exporter, opsets, change)


def _table(found: list[Found]) -> pd.DataFrame:
    """Changes by exporter and cause, with the share that has one."""
    rows = pd.DataFrame([(each.exporter, each.change["cause"]) for each in found])
    table = pd.crosstab(rows[0], rows[1], margins=True, margins_name="all")
    known = table["all"] - table.get("unexplained", 0)
    table["explained"] = [f"{share:.1%}" for share in known / table["all"]]
    return table.rename_axis(index="exporter", columns="")


def _show(found: Found) -> None:
    change = found.change
    name = " ".join(filter(None, [change["op_type"], change["parameter"]]))
    mark = "=" if change["neutral"] else "≠"
    print(f"\n{found.model} × {found.exporter}, {found.opsets}: {mark} {name} ({change['cause']})")
    print(f"  {change['before']} → {change['after']}\n  {change['explanation']}")


if __name__ == "__main__":
    main()
