"""Both loops that the benchmark compares the workflow with give the same result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from builders.project import ROOT

CONFIG = {
    "models": {
        "topk": {
            "factory": "workflow/zoo/topk.py:Topk",
            "inputs": [{"name": "x", "shape": [3, 9]}],
        },
        "dynamic_halves": {
            "factory": "workflow/zoo/dynamic_halves.py:DynamicHalves",
            "inputs": [{"name": "x", "shape": [3, 6]}],
            "dynamic_shapes": {"x": {1: "length"}},
        },
    },
    "opsets": [9, 18],
}


def loop(place: Path, *options: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A loop's output, and the texts that it writes."""
    place.mkdir()
    (place / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (place / "made").mkdir()
    done = subprocess.run(
        [sys.executable, "bench/loop.py", place / "config.yaml", place / "made", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "workflow", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    texts = {path.name: path.read_bytes() for path in (place / "made").glob("*.txt")}
    return json.loads(done.stdout.splitlines()[-1]), texts


def test_both_loops_make_the_same_of_every_cell(tmp_path: Path) -> None:
    straight, texts = loop(tmp_path / "straight")
    accelerated, same = loop(tmp_path / "accelerated", "--accelerated", "--cores", "2")
    assert straight["cells"] == accelerated["cells"]
    assert sum(straight["cells"].values()) == 2 * 3 * 2
    assert {"ok", "moved"} <= straight["cells"].keys()  # dynamo cannot go down to 9
    assert texts == same and len(texts) > 6
    assert (tmp_path / "straight/made/topk.torchscript.dynamo.18.diff").stat().st_size
    assert set(accelerated["cpu"]) == {"export", "load", "run"}
    assert all(seconds > 0 for seconds in accelerated["cpu"].values())
