"""A copy of the workflow in a separate folder, and what a user does with it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAST = ("all", "conclude")  # rules that end a run and create no files
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles")


@dataclass
class Project:
    """A copy of the workflow in a folder, and what a user does with it."""

    folder: Path

    def snakemake(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake there; both streams end up in `stdout`."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        if ok and done.returncode:
            raise AssertionError(f"snakemake {' '.join(arguments)}:\n{done.stdout[-6000:]}")
        return done

    def run(self, *arguments: str) -> Counter[str]:
        """Run the workflow and count the jobs that ran, by rule."""
        output = self._logged("--cores", "2", *arguments)
        finished = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", output)
        return Counter(rule for rule in finished if rule not in LAST)

    def jobs(self, *arguments: str) -> dict[str, list[str]]:
        """Run the workflow; per rule the wildcards of its jobs."""
        output = self._logged("--cores", "2", *arguments)
        found: dict[str, list[str]] = {}
        for block in re.findall(r"(?:local)?rule (\w+):\n((?:    .*\n)+)", output):
            wildcards = re.search(r"wildcards: (.*)", block[1])
            found.setdefault(block[0], []).append(wildcards[1] if wildcards else "")
        return {rule: jobs for rule, jobs in found.items() if rule not in LAST}

    def _logged(self, *arguments: str) -> str:
        """Run the workflow; what Snakemake says in its own log, or in a dry run on the terminal."""
        output = self.snakemake(*arguments).stdout
        if {"-n", "--dry-run"} & set(arguments):
            return output
        logs = (self.folder / ".snakemake" / "log").glob("*.snakemake.log")
        return max(logs, key=lambda path: path.name).read_text(encoding="utf-8")

    def read(self, path: str) -> Any:
        """A JSON file below results."""
        return json.loads((self.folder / "results" / path).read_text(encoding="utf-8"))

    def contents(self) -> dict[str, bytes]:
        """Every file below results that must be the same in every run."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): timeless(path)
            for path in sorted(results.rglob("*"))
            if path.is_file() and not path.name.startswith(".") and not _is_time(path, results)
        }


def _is_time(path: Path, results: Path) -> bool:
    parts = path.relative_to(results).parts
    return parts[0] in {"logs", "pages"} or path.name.endswith("timing.json")


def timeless(path: Path) -> bytes:
    """A file's content without the seconds in it."""
    content = path.read_bytes()
    if path.suffix == ".html":
        content = re.sub(rb'(<span class="time">)[^<]*', rb"\1", content)
    if path.name == "cells.csv":
        import pandas as pd

        content = pd.read_csv(path).drop(columns="export_seconds").to_csv().encode()
    if path.name == "cells.json":
        content = re.sub(rb'"export_seconds":[^,}]*', b"", content)
    return content


def need_transformers() -> None:
    """Without that package the test is skipped, or fails under ATLAS_REQUIRE_ALL."""
    if importlib.util.find_spec("transformers") is None:
        message = "transformers is not installed (pip install -r envs/architectures.lock)"
        if os.environ.get("ATLAS_REQUIRE_ALL"):
            pytest.fail(message)
        pytest.skip(message)


def need(program: str, *others: str) -> str:
    """The path of a program; without it the test is skipped, or fails under ATLAS_REQUIRE_ALL."""
    found = next(filter(None, map(shutil.which, (program, *others))), None)
    if found is None:
        message = f"{program} is not installed (Debian: apt install {program})"
        if os.environ.get("ATLAS_REQUIRE_ALL"):
            pytest.fail(message)
        pytest.skip(message)
    return found
