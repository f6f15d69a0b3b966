"""Check whether opset-atlas itself failed anywhere in a run.

`python -m opset_atlas conclude results` lists the failures; the exit status is 1 if there are any,
else 0. This is the last rule of a run, after the tables and the report have been written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opset_atlas.base.failures import NAMED
from opset_atlas.base.files import read_json


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas conclude", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the stages' folders")
    options = parser.parse_args(arguments)
    failed = [
        row
        for stage in ("tables", "report")
        for row in read_json(options.results / stage / "failures.json")
    ]
    for row in failed:
        where = " × ".join(filter(None, [row["model"], row["what"]]))
        print(f"{NAMED} in {row['stage']} of {where}: {row['detail']}", file=sys.stderr)
    if failed:
        print(f"report: {options.results / 'report' / 'index.html'}", file=sys.stderr)
        records = sorted({_record(row, options.results) for row in failed})
        print(
            "These results say nothing about the models; the report has the tracebacks. Please"
            " report them. The jobs run again when the code or the input changes, or with"
            f" `snakemake --cores 4 --forcerun {' '.join(records)}`.",
            file=sys.stderr,
        )
    return int(bool(failed))


def _record(row: dict[str, str], results: Path) -> str:
    """The record that contains a failure."""
    if row["stage"] == "parity":
        return f"{results}/parity/{row['model']}/{row['what'].split(' × ')[0]}.json"
    if row["stage"] in ("tables", "report"):
        return f"{results}/{row['stage']}" + "/failures.json" * (row["stage"] == "tables")
    if row["stage"] == "judge":
        return f"{results}/judge/verdicts.json"
    exporter = [row["what"].split(" × ")[0]] if row["stage"] == "export" else []
    return "/".join([str(results), row["stage"], row["model"], *exporter, "record.json"])


if __name__ == "__main__":
    sys.exit(main())
