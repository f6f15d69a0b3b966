"""The counts of docs/figures.md, from a finished run: `make figures` prints them.

Times and peak resident sets are read from the last lines of the jobs' logs. A child of the warm
worker shares most of its memory with it; `worker: false` shows what a job takes on its own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pandas as pd

RESULTS = Path("results")
PARTS = {
    "workflow/opset_atlas": "*.py",
    "workflow/rules + Snakefile": "*.smk",
    "workflow/opset_atlas/stages/report/templates": "*.*",
    "workflow/zoo": "*.py",
    "tests": "*.py",
}


def main() -> None:
    """Print every figure, one per line."""
    cells = pd.read_csv(RESULTS / "tables" / "cells.csv")
    changes = pd.read_csv(RESULTS / "tables" / "changes.csv")
    usages = [
        (path.relative_to(RESULTS / "logs").parts[0].removesuffix(".log"), json.loads(words))
        for path in (RESULTS / "logs").rglob("*.log")
        for line in path.read_text(encoding="utf-8").splitlines()[-1:]
        if (words := line.removeprefix("usage ")) != line
    ]
    graphs = {path.stem for path in (RESULTS / "dump").rglob("graphs/*.json")}
    print(f"cells: {len(cells)}, {cells.sha256.notna().sum()} files, {len(graphs)} distinct graphs")
    print("outcomes: " + ", ".join(f"{n} {o}" for o, n in cells.outcome.value_counts().items()))
    explained = (changes.cause != "unexplained").sum()
    print(f"changes: {len(changes)}, {explained} explained ({explained / len(changes):.0%})")
    _jobs(usages)
    for part, pattern in PARTS.items():
        folders = [Path(name) for name in part.replace("Snakefile", ".").split(" + ")]
        files = [file for folder in folders for file in _files(folder, pattern)]
        lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
        print(f"lines in {part}: {lines} in {len(files)} files")


def _jobs(usages: list[tuple[str, dict[str, float]]]) -> None:
    stages: dict[str, list[dict[str, float]]] = defaultdict(list)
    for stage, usage in usages:
        stages[stage].append(usage)
    for stage, found in sorted(stages.items()):
        wall, cpu = (sum(usage[name] for usage in found) for name in ("seconds", "cpu_seconds"))
        peak = max(usage["peak_mb"] for usage in found)
        jobs = f"{stage}: {len(found)} jobs"
        print(f"{jobs}, {wall:.1f} s, {cpu:.1f} s of CPU, at most {peak:.0f} MB")


def _files(folder: Path, pattern: str) -> list[Path]:
    if folder == Path():
        return [Path("Snakefile")]
    return [path for path in folder.rglob(pattern) if "__pycache__" not in path.parts]


if __name__ == "__main__":
    main()
