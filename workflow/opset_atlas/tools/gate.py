"""Does a run still give what a stored one gave? For upgrades, in continuous integration.

`--store` keeps what a later comparison needs of a run. Without it the run is compared with what was
stored. It fails when a cell that was right no longer is, when a cell is gone, when a graph changed
in meaning, or when another opset was delivered. `snakemake baseline` and `snakemake gate` call it.
Exit status 0: passed, 1: failed, 2: an error.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from opset_atlas.base.files import read_json, write_json, write_text
from opset_atlas.tools import _command, _gate_words
from opset_atlas.tools.baseline import Row, differences, exported, spelled, sweeps

MARK = "baseline.json"
_HOW = "`snakemake baseline` stores one"


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    examples = (
        "  opset-atlas gate --store baseline results     # keep this run\n"
        "  opset-atlas gate baseline results             # compare with it"
    )
    parser = _command.parser("gate", __doc__, examples)
    parser.add_argument("baseline", type=Path, help="folder of the stored run")
    parser.add_argument("results", type=Path, help="results of the run")
    parser.add_argument("--store", action="store_true", help="store the run instead of comparing")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write gate.json, junit.xml, gate.md and annotations.txt there",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        if options.store:
            return store(options.baseline, options.results)
        return compare(options.baseline, options.results, options.output)
    except (OSError, ValueError) as error:
        print(f"opset-atlas gate: {error}", file=sys.stderr)
        return 2


def store(baseline: Path, results: Path) -> int:
    """Keep the records and graphs of a run, without its ONNX files; replaces what was stored.

    Raises:
        OSError, ValueError: there is no run, or the folder holds something else.
    """
    if baseline.is_dir() and any(baseline.iterdir()) and not (baseline / MARK).is_file():
        raise ValueError(f"{baseline} is not empty and holds no baseline; choose another folder")
    found = sorted(sweeps(results))
    if not found:
        raise ValueError(f"{results}: no records of the export stage there")
    new = baseline.with_name(f"{baseline.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    for sweep in found:
        _copy(results, new, f"export/{sweep}/record.json")
    for model in dict.fromkeys(sweep.partition("/")[0] for sweep in found):
        _copy(results, new, f"define/{model}/record.json")
        _copy(results, new, f"dump/{model}/record.json")
        for path in (results / "dump" / model / "graphs").glob("*.json"):
            _copy(results, new, path.relative_to(results).as_posix())
    _copy(results, new, "judge/verdicts.json")
    cells = sum(len(exported(new, sweep)["cells"]) for sweep in found)
    write_json(new / MARK, {"sweeps": len(found), "cells": cells})
    shutil.rmtree(baseline, ignore_errors=True)
    new.rename(baseline)
    print(f"stored {cells} cells of {len(found)} sweeps in {baseline}")
    return 0


def compare(baseline: Path, results: Path, output: Path | None) -> int:
    """Print what fails, and write all forms of it; returns the exit status.

    Raises:
        OSError, ValueError: nothing is stored, or a record is missing.
    """
    if problem := missing(baseline):
        raise ValueError(problem)
    rows = list(differences(baseline, results))
    cells = {
        sweep: [cell["requested"] for cell in exported(baseline, sweep)["cells"]]
        for sweep in sorted(sweeps(baseline))
    }
    failed = [row for row in rows if row["matters"]]
    line = _gate_words.headline(rows, cells)
    if output:
        write_json(output / "gate.json", {"headline": line, "passed": not failed, "rows": rows})
        write_text(output / "junit.xml", _gate_words.junit(rows, cells))
        write_text(output / "gate.md", _gate_words.markdown(rows, cells))
        write_text(output / "annotations.txt", _gate_words.github(rows, _files(baseline, rows)))
    for row in failed:
        print(spelled(row))
    print(line)
    return int(bool(failed))


def missing(baseline: Path) -> str:
    """Why nothing can be compared with this folder, or ""."""
    if (baseline / MARK).is_file():
        return ""
    return f"no baseline in {baseline}: {_HOW}, from a run that you trust"


def _copy(source: Path, target: Path, name: str) -> None:
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / name, target / name)


def _files(baseline: Path, rows: list[Row]) -> dict[str, str]:
    """The first source file of each model, where it is in the folder of the run."""
    found = {}
    for model in {row["model"] for row in rows}:
        path = baseline / "define" / model / "record.json"
        sources = read_json(path, "define")["sources"] if path.is_file() else []
        names = [s["path"] for s in sources if not Path(s["path"]).is_absolute()]
        found.update({model: names[0]} if names else {})
    return found


if __name__ == "__main__":
    sys.exit(main())
