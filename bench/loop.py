"""What a user would write instead of this workflow: two nested loops over exporters and opsets.

    python bench/loop.py config/config.yaml FOLDER               # straight, as torch documents it
    python bench/loop.py config/config.yaml FOLDER --accelerated # with the workflow's optimizations

Per cell: export, facts of the file (opset, hashes), onnx's checker, the graph as JSON and as text
with inferred shapes, a run of onnxruntime on every input set with and without optimizations,
`assert_close` against torch, a diff to the previous opset; then the diffs between exporters at each
opset. It does not explain, locate or draw anything.

The straight loop is one process with the threads that torch and onnxruntime take by default. The
accelerated one distributes sweeps over forked, warm, single-thread processes, one per core, caches
the repeated steps of torch.export, and runs, writes and compares equal files once. Both time the
calls of exporter, loader and session separately; their sum is the floor.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import itertools
import json
import logging
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cell
import onnx
import onnx.version_converter
import onnxruntime
import torch
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.exporters._memory import Memory
from opset_atlas.models import arguments, sizes
from opset_atlas.models import module as model
from opset_atlas.models.inputs import tensors_of

Task = tuple[str, list[str]]  # a model, and exporters that go together


def main() -> None:
    """Run the loop and print the outcomes of its cells, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accelerated", action="store_true")
    parser.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="cores of the accelerated loop"
    )
    options = parser.parse_args()
    settings = config.resolve(config.load([str(options.config)]), Path.cwd())
    onnxruntime.set_default_logger_severity(4)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        run = _accelerated if options.accelerated else _straight
        found = run(_Loop(settings, options.folder, options.accelerated), options.cores)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "cells": found.cells, "cpu": found.cpu}))


def _straight(loop: _Loop, cores: int) -> cell.Found:
    found = cell.Found()
    for name, spec in loop.settings.models.items():
        _add(found, loop.sweeps((name, spec.exporters)))
        loop.contrast(name)
    return found


def _accelerated(loop: _Loop, cores: int) -> cell.Found:
    from opset_atlas.exporters import dynamo

    torch.set_num_threads(1)  # before any operator runs: threads do not survive a fork
    dynamo.warm_up()
    gc.collect()
    gc.freeze()
    found, fork = cell.Found(), multiprocessing.get_context("fork")
    with ProcessPoolExecutor(cores, mp_context=fork) as pool:
        for part in pool.map(loop.sweeps, list(_tasks(loop.settings))):
            _add(found, part)
        list(pool.map(loop.contrast, loop.settings.models))
    return found


def _tasks(settings: config.Settings) -> Iterator[Task]:
    """Sweeps, each with those that convert its files."""
    for name, spec in settings.models.items():
        converters = [each for each in spec.exporters if settings.needs_base(each)]
        for exporter in spec.exporters:
            if exporter not in converters:
                base = exporter == settings.converter["exporter"]
                yield name, [exporter, *(converters if base else [])]


def _add(found: cell.Found, part: cell.Found) -> None:
    found.cells.update(part.cells)
    found.cpu.update(part.cpu)


class _Loop:
    """The inner loops, over one model's exporters and opsets."""

    def __init__(self, settings: config.Settings, folder: Path, accelerated: bool) -> None:
        self.settings, self._folder, self._accelerated = settings, folder, accelerated

    def sweeps(self, task: Task) -> cell.Found:
        """Every opset of the exporters of a model."""
        name, exporters = task
        spec, found = self.settings.models[name], cell.Found()
        try:
            module, sets = _build(Specs(self.settings).job("define", model=name))
        except Exception:
            found.cells["no-model"] = len(exporters) * len(spec.opsets)
            return found
        seen = cell.Seen()  # only the accelerated loop looks into it
        for exporter in exporters:
            export = self._exporter(name, exporter, module, sets)
            before = ""
            for opset in spec.opsets:
                path = self._path(name, exporter, opset)
                try:
                    with found.timing("export"):
                        export(opset, path)
                except Exception:
                    found.cells["refused"] += 1
                    path.unlink(missing_ok=True)
                    continue
                if not self._accelerated:
                    seen = cell.Seen()
                try:
                    outcome, before = cell.examine(path, opset, sets, before, seen, found)
                except Exception:  # a file that onnx cannot read or spell
                    outcome, before = "unreadable", ""
                found.cells[outcome] += 1
        return found

    def contrast(self, name: str) -> None:
        """The differences between the exporters of a model at each opset."""
        spec, done = self.settings.models[name], set()
        for left, right in itertools.combinations(spec.exporters, 2):
            for opset in spec.opsets:
                files = [self._path(name, each, opset, ".txt") for each in (left, right)]
                if not all(file.is_file() for file in files):
                    continue
                texts = tuple(file.read_text() for file in files)
                if self._accelerated and (texts in done or texts[0] == texts[1]):
                    continue
                done.add(texts)
                target = self._path(name, f"{left}.{right}", opset, ".diff")
                target.write_text(cell.difference(*texts))

    def _path(self, name: str, exporter: str, opset: int, suffix: str = ".onnx") -> Path:
        return self._folder / f"{name}.{exporter}.{opset:02d}{suffix}"

    def _exporter(self, name: str, exporter: str, module: Any, sets: cell.Sets) -> Any:
        """A function that writes the file of an opset."""
        spec, settings = self.settings.models[name], self.settings
        if settings.needs_base(exporter):
            wanted, base = settings.converter["opset"], settings.converter["exporter"]
            # As in the workflow: the opset of the configuration, else the nearest one above, or
            # below.
            order = sorted(spec.opsets, key=lambda opset: (opset < wanted, abs(opset - wanted)))
            files = [self._path(name, base, opset) for opset in order]
            load = functools.cache(lambda: onnx.load(next(filter(Path.is_file, files))))
            convert = onnx.version_converter.convert_version
            return lambda opset, path: onnx.save(convert(load(), opset), path)
        inputs = sets[0][0]
        axes = {
            key: {int(axis): label for axis, label in named.items()}
            for key, named in (spec.dynamic_shapes or {}).items()
        }
        given: dict[str, Any] = {"dynamo": False, "dynamic_axes": axes or None}
        if exporter == "dynamo":
            shapes = tuple(axes.get(key, {}) for key in inputs) if axes else None
            given = {"dynamo": True, "dynamic_shapes": shapes, "verbose": False}
            given["external_data"] = False  # as in the workflow: one file
        given |= {"input_names": list(inputs), "output_names": spec.outputs}
        given |= spec.options.get(exporter, {})
        memory = Memory(wanted=self._accelerated and exporter == "dynamo")

        def export(opset: int, path: Path) -> None:
            with memory.remembering():
                torch.onnx.export(
                    module, tuple(inputs.values()), str(path), opset_version=opset, **given
                )

        return export


def _build(spec: dict[str, Any]) -> tuple[torch.nn.Module, cell.Sets]:
    """The module and its input sets, including those at sizes other than the traced ones."""
    module, kinds = model.build(spec), spec["input_sets"]
    if isinstance(spec["inputs"], str):
        kinds = [kind for kind in kinds if kind.startswith("random")]
    sets: cell.Sets = []
    calls: list[tuple[arguments.Layout, Any]] = []

    def add(kind: str, items: Any) -> None:
        layout, tensors = model.given(module, spec, kind.partition("@")[0], items)
        calls.append((layout, layout.call(module, tensors)))
        inputs = dict(zip(layout.names, tensors, strict=True))
        sets.append((inputs, model.flat(calls[-1][1])))

    for kind in kinds:
        add(kind, None)
    if isinstance(spec["inputs"], list):
        axes, chosen = spec["dynamic_shapes"] or {}, spec["dynamic_sizes"] or {}
        items = list(tensors_of(spec["inputs"]))
        sizes.run_at_others(items, axes, chosen, kinds[0], add)
    layout, result = calls[0]
    if not layout.plain or arguments.structured(result):
        arguments.take_tensors(module, layout)
    return module, sets


if __name__ == "__main__":
    sys.exit(main())
