"""The loops of the benchmark export and run what the workflow does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7]}]
opsets: [17, 18]
exporters: [torchscript, dynamo, converter]
"""


@pytest.mark.parametrize("more", [[], ["--accelerated", "--cores", "2"]])
def test_every_cell_of_a_module_without_surprises_is_right(tmp_path: Path, more: list[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "bench/loop.py", str(config), str(tmp_path), *more],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["cells"] == {"ok": 6}
    assert len(list(tmp_path.glob("*.onnx"))) == 6
    assert (tmp_path / "relu6.torchscript.converter.18.diff").exists() or more
