"""A model's frozen tensors, its files and their parity records, as `locate` reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from opset_atlas.records import Located
from opset_atlas.runtimes import onnxruntime
from opset_atlas.runtimes._feeding import Runner
from opset_atlas.stages import parity
from opset_atlas.stages.locate import judged_cells
from opset_atlas.stages.locate import stage as locate

from .parity_files import exported, freeze

SPEC: dict[str, Any] = {
    "model": "net",
    "exporters": ["hand"],
    "runtimes": ["onnxruntime"],
    "tolerances": {},
    "limits": {"cell_seconds": 60, "memory_mb": None},
}


def freeze_file(folder: Path, right: onnx.ModelProto, seed: int = 5) -> Path:
    """A define folder whose reference is what onnxruntime makes of the right file."""
    generator = np.random.default_rng(seed)
    ports = list(right.graph.input)
    shapes = [[d.dim_value for d in p.type.tensor_type.shape.dim] for p in ports]
    inputs = {
        name: [generator.normal(size=shape).astype(np.float32) for shape in shapes]
        for name in ("random-0", "random-1")
    }
    return freeze_arrays(folder, right, inputs)


def freeze_arrays(
    folder: Path,
    right: onnx.ModelProto,
    inputs: Mapping[str, list[np.ndarray]],
    with_float64: bool = False,
) -> Path:
    """If a float64 run is requested, it has the same outputs: torch has no error."""
    names = [port.name for port in right.graph.input]
    outputs = [port.name for port in right.graph.output]
    feeds = [dict(zip(names, arrays, strict=True)) for arrays in inputs.values()]
    found = Runner(onnxruntime, onnxruntime.AS_WRITTEN, folder).run(right, feeds)
    eager = {s: [one[n] for n in outputs] for s, one in zip(inputs, found, strict=True)}
    wide = {s: [a.astype(np.float64) for a in arrays] for s, arrays in eager.items()}
    exact = wide if with_float64 else {}
    return freeze(folder, dict(inputs), eager, exact, (names, outputs))


def job(
    root: Path, define: Path, files: Mapping[int, onnx.ModelProto], **spec: Any
) -> judged_cells.Job:
    """Export and parity records of the files, by the stages themselves."""
    complete = {**SPEC, **spec}
    export = exported(root / "export" / "hand", dict(files))
    for runtime in complete["runtimes"]:
        record = root / "parity" / f"{runtime}.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        run = parity.Job({"limits": complete["limits"]}, define, [export], runtime)
        parity.measure_files(run, record, root / "timing.json")
    return judged_cells.Job(complete, define, root / "export", root / "parity")


def find(
    root: Path, right: onnx.ModelProto, wrong: onnx.ModelProto, with_right: bool = True, **spec: Any
) -> list[Located]:
    """What is located in a wrong file (opset 17), and the right one (opset 18) if any."""
    define = freeze_file(root / "define", right)
    files = {17: wrong, **({18: right} if with_right else {})}
    return locate.locate(job(root, define, files, **spec), root / "locate")["located"]


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    """The reproducer as a user runs it: in another folder, without this project."""
    return subprocess.run(
        [sys.executable, "-I", folder / "run.py"], cwd="/", capture_output=True, text=True
    )
