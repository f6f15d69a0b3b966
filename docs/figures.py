"""The figures of the README, from a finished run: `python docs/figures.py` prints them.

Times are those of Snakemake's benchmarks; memory is the largest resident set of any job.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pandas as pd

RESULTS = Path("results")
PARTS = {
    "workflow/atlas": "*.py",
    "workflow/rules + Snakefile": "*.smk",
    "workflow/report": "*.*",
    "workflow/zoo": "*.py",
    "tests": "*.py",
}


def main() -> None:
    """Print every figure, one a line."""
    cells = pd.read_csv(RESULTS / "tables" / "cells.csv")
    changes = pd.read_csv(RESULTS / "tables" / "changes.csv")
    benchmarks = [
        (path.parts[2], json.loads(line))
        for path in (RESULTS / "benchmarks").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    graphs = {path.stem for path in (RESULTS / "dump").rglob("graphs/*.json")}
    print(f"cells: {len(cells)}, {cells.sha256.notna().sum()} files, {len(graphs)} distinct graphs")
    print("outcomes: " + ", ".join(f"{n} {o}" for o, n in cells.outcome.value_counts().items()))
    explained = (changes.cause != "unexplained").sum()
    print(f"changes: {len(changes)}, {explained} explained ({explained / len(changes):.0%})")
    _jobs(benchmarks)
    for part, pattern in PARTS.items():
        folders = [Path(name) for name in part.replace("Snakefile", ".").split(" + ")]
        files = [file for folder in folders for file in _files(folder, pattern)]
        lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
        print(f"lines in {part}: {lines} in {len(files)} files")


def _jobs(benchmarks: list[tuple[str, dict[str, float]]]) -> None:
    stages: dict[str, list[dict[str, float]]] = defaultdict(list)
    for stage, record in benchmarks:
        stages[stage].append(record)
    for stage, records in sorted(stages.items()):
        seconds = sum(record["s"] for record in records)
        memory = max(_number(record["max_rss"]) for record in records)
        print(f"{stage}: {len(records)} jobs, {seconds:.0f} s in all, at most {memory:.0f} MB")


def _number(value: object) -> float:
    return float(str(value)) if str(value) not in {"NA", "None", "-"} else 0.0


def _files(folder: Path, pattern: str) -> list[Path]:
    if folder == Path():
        return [Path("Snakefile")]
    return [path for path in folder.rglob(pattern) if "__pycache__" not in path.parts]


if __name__ == "__main__":
    main()
