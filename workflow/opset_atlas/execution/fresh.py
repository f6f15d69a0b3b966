"""Run a program in a fresh Python that knows nothing of this package."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opset_atlas.execution import python_path
from opset_atlas.execution.isolate import run_isolated


def run_fresh(
    program: Path, task: Mapping[str, Any], seconds: float, memory_mb: int | None = None
) -> tuple[dict[str, Any] | None, str]:
    """What a program writes to the file `result`, or None, and how it ended.

    Args:
        program: Python code that takes a JSON object as its argument: `task` and the path `result`.
        seconds: limit of wall time.
        memory_mb: limit of address space in MiB.
    """
    text = program.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        given = json.dumps({**task, "result": str(result)})

        def run(_: str) -> int:
            command = [sys.executable, "-c", text, given]
            return subprocess.run(command, env=_environment(), check=False).returncode

        ((_, ended),) = run_isolated([program.name], run, seconds, memory_mb)
        if ended.status != "done":
            return None, f"{ended.status}: {ended.detail}"
        if not result.exists():
            return None, f"crashed: {_how_it_ended(ended.value)}"
        return json.loads(result.read_text(encoding="utf-8")), ""


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"process ended by {signal.Signals(-status).name}"
    return f"process ended itself with status {status}"


def _environment() -> dict[str, str]:
    """The environment of this process without anything that leads to this package."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ATLAS_")}
    return {**kept, "PYTHONPATH": python_path.without_own(kept.get("PYTHONPATH", ""))}
