"""What a user would write instead of this workflow: two nested loops over exporters and opsets.

    python bench/loop.py config/config.yaml FOLDER               # straight, as torch documents it
    python bench/loop.py config/config.yaml FOLDER --accelerated # with all that the workflow knows

Per cell: export, checker, the graph as text, a run of onnxruntime on every input set with and
without its optimizations, `assert_close` against torch, and the difference to the opset before.
It explains nothing and draws nothing. The accelerated one remembers what the workflow remembers and
deals the models out to one forked process per core.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import logging
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import torch
from atlas import config, model
from atlas.exporters._memory import Memory

Tensors = tuple[torch.Tensor, ...]
LEVELS = (
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
)


def main() -> None:
    """Run the loop and print what came of its cells, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accelerated", action="store_true")
    options = parser.parse_args()
    settings = config.resolve(config.load([str(options.config)]), Path.cwd())
    torch.set_num_threads(1)
    onnxruntime.set_default_logger_severity(4)
    logging.disable(logging.WARNING)
    started = time.perf_counter()
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        warnings.simplefilter("ignore")
        counts = _all(settings, options.folder, options.accelerated)
    print(json.dumps({"seconds": time.perf_counter() - started, "cells": counts}))


def _all(settings: config.Settings, folder: Path, accelerated: bool) -> Counter[str]:
    work = _Loop(settings, folder, accelerated)
    if not accelerated:
        return sum(map(work, settings.models), Counter())
    from atlas.exporters import dynamo

    dynamo.warm_up()  # before the fork: all share what it leaves in memory
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        return sum(pool.imap_unordered(work, settings.models), Counter())


class _Loop:
    """The inner loops, over one model's exporters and opsets."""

    def __init__(self, settings: config.Settings, folder: Path, accelerated: bool) -> None:
        self._settings, self._folder, self._accelerated = settings, folder, accelerated

    def __call__(self, name: str) -> Counter[str]:
        spec, settings = self._settings.models[name], self._settings
        try:
            module, sets = _build(json.loads(settings.define_spec(name)))
            truths = [_outputs(module(*inputs)) for inputs in sets]
        except Exception:
            return Counter({"no-model": len(spec.exporters) * len(spec.opsets)})
        counts: Counter[str] = Counter()
        memory = Memory(wanted=self._accelerated)
        for exporter in spec.exporters:
            before: list[str] = []
            for opset in spec.opsets:
                path = self._folder / f"{name}.{exporter}.{opset}.onnx"
                base = self._folder / f"{name}.{settings.converter['exporter']}.11.onnx"
                try:
                    with memory.remembering() if exporter == "dynamo" else _nothing():
                        _export(exporter, module, sets[0], spec, opset, path, base)
                except Exception:
                    counts["refused"] += 1
                    continue
                outcome, before = _examine(path, sets, truths, before)
                counts[outcome] += 1
        return counts


def _build(spec: dict[str, Any]) -> tuple[torch.nn.Module, list[Tensors]]:
    module = model.build(spec)
    kinds = spec["input_sets"]
    if isinstance(spec["inputs"], str):
        kinds = [kind for kind in kinds if kind.startswith("random")]
    return module, [model.make_inputs(spec, kind) for kind in kinds]


def _outputs(result: Any) -> list[torch.Tensor]:
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _export(
    exporter: str, module: Any, inputs: Tensors, spec: Any, opset: int, path: Path, base: Path
) -> None:
    if exporter == "converter":
        onnx.save(onnx.version_converter.convert_version(onnx.load(base), opset), path)
        return
    torch.onnx.export(
        module,
        inputs,
        str(path),
        dynamo=exporter == "dynamo",
        opset_version=opset,
        input_names=model.input_names({"inputs": spec.inputs}, len(inputs)),
        **({"external_data": False, "verbose": False} if exporter == "dynamo" else {}),
    )


def _examine(
    path: Path, sets: list[Tensors], truths: list[list[torch.Tensor]], before: list[str]
) -> tuple[str, list[str]]:
    """Checker, text, difference to the opset before, and whether it computes the same."""
    loaded = onnx.load(path)
    text = onnx.printer.to_text(loaded.graph).splitlines()
    path.with_suffix(".txt").write_text("\n".join(text))
    difference = "\n".join(difflib.unified_diff(before, text, lineterm="")) if before else ""
    path.with_suffix(".diff").write_text(difference)
    try:
        onnx.checker.check_model(loaded, full_check=True)
        for level in LEVELS:
            _run(path, level, sets, truths)
    except AssertionError:
        return "mismatch", text
    except Exception:
        return "invalid", text
    return "ok", text


def _run(path: Path, level: Any, sets: list[Tensors], truths: list[list[torch.Tensor]]) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    for inputs, truth in zip(sets, truths, strict=True):
        got = session.run(None, dict(zip(names, map(_numpy, inputs), strict=False)))
        for one, other in zip(got, truth, strict=True):
            torch.testing.assert_close(torch.from_numpy(np.asarray(one)), other, equal_nan=True)


def _numpy(tensor: torch.Tensor) -> Any:
    return tensor.numpy()


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


if __name__ == "__main__":
    sys.exit(main())
