"""Sweeps that remember give what sweeps that do not remember give, over the built-in models.

`python tests/unit/test_memory.py` compares all of them at every opset (with PYTHONPATH=workflow).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from atlas import config, define, export, exporters
from atlas.exporters import _memory
from atlas.records import Cell, write_json

ROOT = Path(__file__).parents[2]
OPSETS = [9, 13, 18, 20]
# Beside every eighth: a loop over a set of strings, a refusal, a model with another dtype.
EIGHTH = slice(None, None, 8)


def models() -> list[str]:
    return [
        name
        for name, spec in config.load([ROOT / "config/zoo.yaml"])["models"].items()
        if "factory" in spec
    ]


def sweep(name: str, opsets: list[int], folder: Path, memoize: bool) -> list[Cell]:
    """Cells of one model through `dynamo`, made by the export stage in a child process."""
    given = config.load([ROOT / "config/zoo.yaml"])
    top = {"memoize": memoize, "opsets": opsets, "input_sets": ["random-0"]}
    one = {**given, **top, "models": {name: given["models"][name]}, "exporters": ["dynamo"]}
    settings = config.resolve(one, ROOT)
    frozen = folder / "define"
    if not (frozen / "record.json").exists():
        record = define.define(json.loads(settings.define_spec(name)), frozen)
        write_json(frozen / "record.json", record)
    spec = json.loads(settings.export_spec(name, "dynamo")) | {"opsets": opsets}
    job = exporters.Job(spec, frozen, None)
    return export.sweep(job, folder / ("memoized" if memoize else "plain"))["cells"]


def differences(plain: list[Cell], memoized: list[Cell]) -> list[str]:
    """`key at opset: one way, other way` for all that a record says of a cell but how it was made."""
    keys = [key for key in plain[0] if key not in ("fingerprint", "way")]
    return [
        f"{key} at {left['requested']}: {left[key]!r}, {right[key]!r}"
        for left, right in zip(plain, memoized, strict=True)
        for key in keys
        if left[key] != right[key]
    ]


def main(arguments: list[str]) -> None:
    """In a process whose hash seed is fixed: compare models, one line of JSON for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--opsets", type=json.loads, default=list(range(9, 21)))
    parser.add_argument("--models", type=json.loads, default=models())
    options = parser.parse_args(arguments)
    for name in options.models:
        folder = options.folder / name
        with contextlib.redirect_stdout(sys.stderr):
            plain = sweep(name, options.opsets, folder, memoize=False)
            memoized = sweep(name, options.opsets, folder, memoize=True)
        line = {
            "model": name,
            "outcomes": [cell["outcome"] for cell in plain],
            "messages": sum(len(cell["messages"]) for cell in plain),
            "ways": sorted({cell["way"] for cell in plain + memoized}),
            "differences": differences(plain, memoized),
            "seconds": {
                way: sum(json.loads((folder / way / "timing.json").read_text()).values())
                for way in ("plain", "memoized")
            },
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    import onnxscript  # here, not in every child
    import torch.onnx._internal.exporter._core

    main(sys.argv[1:])
