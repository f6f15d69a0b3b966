"""The machine that a measurement was made on, for its record."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "snakemake")
_ASK = """
import importlib.metadata, json, platform, sys
versions = {name: importlib.metadata.version(name) for name in sys.argv[1:]}
print(json.dumps({"python": platform.python_version(), "versions": versions}))
"""


def describe(python: str = sys.executable) -> dict[str, Any]:
    """CPU, cores, memory, kernel, versions, and the commit (with + where files differ from it)."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", ":!bench/results", ":!docs")
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        **json.loads(subprocess.check_output([python, "-c", _ASK, *PACKAGES], text=True)),
        "commit": commit + ("+" if changed else ""),
    }


def impersonal(text: str) -> str:
    """A message without folders of this machine: absolute paths are cut to their last part."""
    return re.sub(r"(?<![\w.])/(?:[^\s/'\",:;|]+/)+", "", text)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or ("unknown" if done.returncode else "")
