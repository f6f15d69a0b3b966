"""Compare another version of torch: may sweeps use their memory there? `make compare-torch`.

    python tools/compare_torch.py 2.14.1

Makes an environment with this torch (`.venv-torch-2.14.1`, several gigabytes from the public index)
unless it is there, enters the version in the table of a copy of this project, makes a sample of
the built-in models both ways in it (`truth.py`), and prints the entry for
`exporters/_compared.yaml`. The exit status is 1 if there is none to add.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("workflow", "config", "tools/truth.py")
TABLE = "workflow/opset_atlas/exporters/_compared.yaml"
PACKAGES = ("torch", "onnxscript", "onnx")
# A file in an environment that is being made, or whose making was stopped: it is made again.
UNFINISHED = "unfinished"
# What torch requires it brings along, in versions that it chooses.
ASK = """
import importlib.metadata, json, re, sys
required = importlib.metadata.requires("torch") or []
print(json.dumps({
    "required": [re.split(r"[^\\w.-]", each, maxsplit=1)[0] for each in required],
    "versions": {name: found.version for name in sys.argv[1:]
                 for found in importlib.metadata.distributions(name=name)},
}))
"""


def main(arguments: list[str] | None = None) -> int:
    """Compare, and print what to add."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="of torch, such as 2.14.1")
    parser.add_argument("--sample", type=int, default=32, help="so many models of the zoo")
    parser.add_argument(
        "--environment",
        type=Path,
        help="made there unless the folder exists; default: .venv-torch-VERSION",
    )
    parser.add_argument("--index", help="where torch comes from, such as an index of CPU builds")
    options = parser.parse_args(arguments)
    folder = options.environment or ROOT / f".venv-torch-{options.version}"
    if not folder.exists() or (folder / UNFINISHED).exists():
        make(folder, options.version, options.index)
    versions = ask(folder)["versions"]
    found = {name: version.partition("+")[0] for name, version in versions.items()}
    if found["torch"] != options.version:
        raise SystemExit(f"{folder} has torch {found['torch']}, not {options.version}")
    lines = compare(folder, found, options.sample)
    if problem := problem_of(lines):
        print(f"no entry for torch {options.version}: {problem}", file=sys.stderr)
        return 1
    print(f"add to {TABLE}:\n{entry(found, lines)}")
    return 0


def make(folder: Path, version: str, index: str | None) -> None:
    """An environment with that torch and, besides what torch requires, the versions of the lock."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / UNFINISHED).touch()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    source = ["--index-url", index] if index else []
    _pip(folder, *source, f"torch=={version}")
    own = {_name(each) for each in ["torch", *ask(folder)["required"]]}
    lock = (ROOT / "envs/main.lock").read_text(encoding="utf-8").splitlines()
    rest = [line for line in lock if "==" in line and _name(line.partition("==")[0]) not in own]
    _pip(folder, *rest)
    (folder / UNFINISHED).unlink()


def ask(folder: Path) -> dict[str, Any]:
    """What an environment says: versions of `PACKAGES`, and the names that torch requires."""
    command = [str(folder / "bin/python"), "-c", ASK, *PACKAGES]
    return dict(json.loads(subprocess.check_output(command, text=True)))


def compare(folder: Path, found: dict[str, str], sample: int) -> list[dict[str, Any]]:
    """A line of `truth.py` per model, from a copy of this project that knows these versions."""
    with tempfile.TemporaryDirectory(prefix="compare-torch-") as place:
        root, output = Path(place) / "copy", Path(place) / "lines.jsonl"
        for part in PARTS:
            (root / part).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, root / part)
        (root / TABLE).write_text(yaml.safe_dump([found]), encoding="utf-8")
        command = [str(folder / "bin/python"), str(root / "tools/truth.py")]
        given = ["--sample", str(sample), "--output", str(output)]
        own = {**os.environ, "PYTHONPATH": str(root / "workflow")}
        subprocess.run([*command, *given], env=own, stdout=sys.stderr, check=False)
        lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
        return [json.loads(line) for line in lines]


def problem_of(lines: list[dict[str, Any]]) -> str:
    """Why the versions cannot be entered, or ""."""
    if not lines:
        return "nothing was compared"
    if different := [line["model"] for line in lines if line["differences"]]:
        return f"the ways differ in {', '.join(different)}"
    ways = sum((Counter(line["ways"]) for line in lines), Counter())
    if not any(way.startswith("memoized / plain") for way in ways):
        return f"no cell was made with a memory: {', '.join(ways)}"
    return ""


def entry(found: dict[str, str], lines: list[dict[str, Any]]) -> str:
    """The entry of the table."""
    today = datetime.datetime.now(datetime.UTC).date()
    own = {
        **found,
        "models": len(lines),
        "cells": sum(line["cells"] for line in lines),
        "date": today,
    }
    return yaml.safe_dump([own], sort_keys=False).rstrip()


def _pip(folder: Path, *what: str) -> None:
    command = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    if status := subprocess.run([*command, *what], check=False).returncode:
        torch = next((each for each in what if each.startswith("torch==")), "the rest of the lock")
        raise SystemExit(f"{folder}: pip could not install {torch} (exit status {status})")


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
