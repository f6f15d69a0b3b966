"""Test the parity rule on exported files with injected faults, and on every correct export.

`python docs/parity/validate.py` exports the built-in models and the larger ones of `models.py`,
runs the rule and its rivals on every export and on every fault of `faults.py`, and writes the
tables into docs/parity.md. `--work FOLDER` keeps the exports there and reuses existing ones; it may
be the results of a run with these opsets.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from faults import FAULTS
from opset_atlas import exporters, runtimes
from opset_atlas.base.files import read_json, write_json, write_text
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.numerics.reference import Reference
from opset_atlas.numerics.running import run_file
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import judge_cell
from opset_atlas.stages import define, export

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "parity.md"
OPSETS = {"torchscript": 17, "dynamo": 20}
LARGER = {
    "ResNet": [{"name": "x", "shape": [2, 3, 64, 64]}],
    "UNet": [{"name": "x", "shape": [1, 3, 40, 48]}],
    "Encoder": [{"name": "x", "shape": [2, 12, 24]}],
    "Decoder": [{"name": "tokens", "shape": [2, 10], "dtype": "int64", "range": [0, 49]}],
    "Recurrent": [{"name": "x", "shape": [3, 9, 16]}],
    "Detector": [{"name": "x", "shape": [1, 3, 48, 64]}],
    "ConvNext": [{"name": "x", "shape": [1, 3, 32, 40]}],
}
_SIGMOID = "Log(Sigmoid(x)), which is -inf for x below about -104, where torch gives x"
_SCATTER = "a scatter without a reduction: of several values for one place the last one wins"
# Exports whose graphs show, without running them, that they are wrong; they do not count as clean.
WRONG = {
    "arctangent_quadrants, torchscript": "Atan(y / x), which is NaN for 0 / 0, where torch gives 0",
    "avg_pool_divisor, torchscript": "AveragePool has no divisor_override: it was left out",
    "avg_pool_divisor, dynamo": "AveragePool has no divisor_override: it was left out",
    "binary_cross_entropy, torchscript": _SIGMOID,
    "binary_cross_entropy, dynamo": _SIGMOID,
    "floor_division, torchscript": "Div of integers rounds towards zero, the model down",
    "index_add, torchscript": _SCATTER,
    "index_put_accumulate, torchscript": _SCATTER,
    "log_sigmoid, torchscript": _SIGMOID,
    "log_sigmoid, dynamo": _SIGMOID,
    "pairwise_distance, torchscript": (
        "a root with exponent 0.49999976, and no eps in the difference"
    ),
    "roi_align_symbolic, torchscript": "RoiAlign-16 means half_pixel where the mode is left out",
    "scatter_mean, dynamo": _SCATTER,
    "traced_condition, torchscript": "the branch that the example input took, and no condition",
}
MODELS_PER_FAULT = 4
VARIANTS = ("onnxruntime", "onnxruntime-unoptimized")
ALARMS = {"mismatch", "above-noise"}
RULES = ("ours", "assert_close", "onnx backend", "cosine", "absolute")


@dataclass(frozen=True)
class File:
    """An exported file with its model's reference."""

    model: str
    exporter: str
    path: Path
    frozen: Path
    index_outputs: dict[str, Any]

    @property
    def name(self) -> str:
        """`ResNet, torchscript`"""
        return f"{self.model}, {self.exporter}"


@dataclass(frozen=True)
class Run:
    """The results of every rule for a file: `cells` for ours, alarms of others, the outputs' hash.

    `fails`: why the file does not run, in which case no rule is needed.
    """

    cells: list[Any]
    alarms: dict[str, bool]
    outputs: str
    fails: str

    def verdicts(self, tolerances: Tolerances) -> set[str]:
        """The verdicts of the parity rule in each variant of the runtime."""
        record: Any = {"model": ""}
        return {judge_cell(record, cell, tolerances)["verdict"] for cell in self.cells}

    def found(self, rule: str, tolerances: Tolerances | None = None) -> bool:
        """Whether a rule raises an alarm over the file."""
        if rule == "ours":
            return bool(self.verdicts(tolerances or Tolerances()) & ALARMS)
        return self.alarms[rule]


def main() -> None:
    """Export, run, and write the tables into docs/parity.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="folder in which exports are kept and reused")
    parser.add_argument("--models", nargs="*", help="only these models; writes no table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).resolve()
        clean, faulty = validate(work, options.models)
    text = tables(clean, faulty)
    if options.models:
        print(text)
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- generated -->\n")
    after = rest.partition("<!-- end -->\n")[2]
    write_text(PAGE, f"{before}<!-- generated -->\n{text}<!-- end -->\n{after}")


def validate(
    work: Path, names: Sequence[str] | None
) -> tuple[dict[str, Run], dict[tuple[str, str], Run]]:
    """Run every rule on clean files by name, and on faulty ones by fault and name."""
    files = [file for file in exports(work, names) if file.name not in WRONG]
    clean = {file.name: run for file, run in _runs(files, lambda file: file.path)}
    right = {"exact", "within-noise"}
    base = [f for f in files if f.name in clean and clean[f.name].verdicts(Tolerances()) <= right]
    faulty: dict[tuple[str, str], Run] = {}
    for fault in FAULTS:
        used: set[str] = set()
        for file in base:
            if len(used) == MODELS_PER_FAULT:
                break
            path = None if file.model in used else _inject(fault, file, work)
            if path is None:
                continue
            for _, run in _runs([file], lambda _, path=path: path):
                if not run.fails and run.outputs != clean[file.name].outputs:
                    used.add(file.model)
                    faulty[fault, file.name] = run
        print(f"{fault}: in {len(used)} models", flush=True)
    return clean, faulty


def exports(work: Path, names: Sequence[str] | None) -> Iterator[File]:
    """Define and export: the larger models first, the built-in ones in a fixed random order."""
    models = yaml.safe_load((ROOT / "config/zoo.yaml").read_text(encoding="utf-8"))["models"]
    shuffled = sorted(models, key=lambda name: hashlib.sha256(name.encode()).digest())
    larger = {
        name: {"factory": f"docs/parity/models.py:{name}", "inputs": inputs}
        for name, inputs in LARGER.items()
    }
    models = larger | {name: models[name] for name in shuffled}
    chosen = {name: models[name] for name in names or models}
    for exporter, opset in OPSETS.items():
        plain = {"models": chosen, "opsets": [opset], "exporters": [exporter]}
        settings = config.resolve(plain, ROOT)
        for name in chosen:
            frozen, folder = work / "define" / name, work / "export" / name / exporter
            if not (frozen / "record.json").exists():
                record = define.define(Specs(settings).job("define", model=name), frozen)
                write_json(frozen / "record.json", record)
            if not (folder / "record.json").exists():
                spec = Specs(settings).job("export", model=name, exporter=exporter)
                export.sweep(exporters.Job(spec, frozen, None), folder)
            cells = read_json(folder / "record.json", "export")["cells"]
            cell = next(cell for cell in cells if cell["requested"] == opset)
            if cell["outcome"] == "ok":
                ties = settings.models[name].index_outputs
                yield File(name, exporter, folder / "cells" / cell["file"], frozen, ties)


def _inject(fault: str, file: File, work: Path) -> Path | None:
    """The file with a fault injected; None if the fault does not apply or makes it invalid."""
    model = onnx.load(file.path)
    try:
        fits = FAULTS[fault](model)
    except (IndexError, TypeError, ValueError):
        return None
    if not fits:
        return None
    path = work / "faulty.onnx"
    onnx.save(model, path)
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception:
        return None
    return path


def _runs(files: Sequence[File], path: Callable[[File], Path]) -> Iterator[tuple[File, Run]]:
    """Run the files in a child process; a file that kills it is left out."""
    for file, result in run_isolated(files, lambda f: vars(evaluate(f, path(f))), 300):
        if result.status == "done":
            yield file, Run(**result.value)


@cache
def _reference(frozen: Path) -> Reference:
    return Reference.read(frozen, read_json(frozen / "record.json", "define"))


def evaluate(file: File, path: Path) -> Run:
    """Run one file in both variants on every input set, and ask every rule."""
    runtime = runtimes.load("onnxruntime")
    runtime.prepare()
    shared = _reference(file.frozen)
    reference = Reference(shared.model, shared.inputs, shared.outputs, file.index_outputs)
    cells, alarms, digest = [], dict.fromkeys(RULES[1:], False), hashlib.sha256()
    for variant in VARIANTS:
        cell = run_file(runtime, path, variant, reference)
        if cell["outcome"] != "ran":
            return Run([], alarms, "", f"{cell['outcome']}: {cell['detail']}")
        cells.append({"exporter": "", "requested": 0, "runtime": variant, **cell})
        session = runtime.load(path, variant)
        names = [port["name"] for port in reference.model["inputs"]]
        for of_set in reference.model["sets"]:
            arrays = reference.feed(of_set["name"])
            known = dict(zip(names, arrays, strict=True))
            feed = {name: known[name] for name in session.input_names if name in known}
            for i, got in enumerate(runtime.run(session, feed)):
                expected = reference.outputs.get(f"{of_set['name']}/eager/{i}")
                digest.update(np.ascontiguousarray(got).tobytes())
                if expected is not None and not of_set["random"]:
                    for rule in alarms:
                        alarms[rule] |= RIVALS[rule](np.asarray(got), expected)
    return Run(cells, alarms, digest.hexdigest(), "")


def _assert_close(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether `torch.testing.assert_close` raises, with its default tolerances."""
    try:
        torch.testing.assert_close(
            torch.from_numpy(got.copy()), torch.from_numpy(expected.copy()), equal_nan=True
        )
    except AssertionError:
        return True
    return False


def _wide(got: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Both as flat float64 where both are finite; None if they cannot be compared."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return None
    kind = np.complex128 if got.dtype.kind == "c" else np.float64
    a, b = got.astype(kind).ravel(), expected.astype(kind).ravel()
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return None
    return a[np.isfinite(a)], b[np.isfinite(b)]


def _backend(got: np.ndarray, expected: np.ndarray) -> bool:
    """The tolerances of onnx's backend tests: rtol 1e-3, atol 1e-7."""
    pair = _wide(got, expected)
    return pair is None or not np.allclose(*pair, rtol=1e-3, atol=1e-7)


def _cosine(got: np.ndarray, expected: np.ndarray) -> bool:
    """Cosine similarity below 0.997; two zero vectors are alike."""
    pair = _wide(got, expected)
    if pair is None:
        return True
    norms = [float(np.linalg.norm(each)) for each in pair]
    if not all(norms):
        return any(norms)
    return float(np.abs(np.vdot(pair[0] / norms[0], pair[1] / norms[1]))) < 0.997


def _absolute(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether any element is off by more than 1e-3."""
    pair = _wide(got, expected)
    return pair is None or bool(pair[0].size and np.abs(pair[0] - pair[1]).max() > 1e-3)


RIVALS: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {
    "assert_close": _assert_close,
    "onnx backend": _backend,
    "cosine": _cosine,
    "absolute": _absolute,
}


def tables(clean: dict[str, Run], faulty: dict[tuple[str, str], Run]) -> str:
    """Every table of the page, as Markdown."""
    ran = {name: run for name, run in clean.items() if not run.fails}
    wrong = _table(("export", "what is wrong with it"), WRONG.items())
    parts = [
        _summary(ran, faulty),
        _factors(ran, faulty),
        _alarms(ran),
        f"### Exports that are not clean, and left out\n\n{wrong}",
        _by_fault(faulty),
    ]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def _summary(clean: dict[str, Run], faulty: dict[tuple[str, str], Run]) -> str:
    faults = {fault for fault, _ in faulty}
    always = {rule: sum(all(_of(faulty, f, rule)) for f in faults) for rule in RULES}
    rows = [
        (
            rule,
            f"{sum(run.found(rule) for run in faulty.values())} of {len(faulty)}",
            f"{always[rule]} of {len(faults)}",
            f"{sum(run.found(rule) for run in clean.values())} of {len(clean)}",
        )
        for rule in RULES
    ]
    head = ("rule", "faulty files found", "kinds of fault found in every file", "false alarms")
    return "### Every rule\n\n" + _table(head, rows)


def _of(faulty: dict[tuple[str, str], Run], fault: str, rule: str) -> list[bool]:
    return [run.found(rule) for (of, _), run in faulty.items() if of == fault]


def _factors(clean: dict[str, Run], faulty: dict[tuple[str, str], Run]) -> str:
    def row(name: str, tolerances: Tolerances) -> tuple[object, ...]:
        found, alarms = (
            sum(run.found("ours", tolerances) for run in runs.values()) for runs in (faulty, clean)
        )
        return name, f"{found} of {len(faulty)}", f"{alarms} of {len(clean)}"

    rows = [
        row(f"{factor}, floor 8", Tolerances(noise_factor=factor))
        for factor in (1, 2, 3, 5, 10, 20, 50, 100)
    ]
    rows += [
        row(f"10, floor {floor}", Tolerances(noise_floor=floor)) for floor in (0, 2, 4, 16, 64)
    ]
    head = ("noise_factor", "faulty files found", "false alarms")
    return "### The factor and the floor\n\n" + _table(head, rows)


def _alarms(clean: dict[str, Run]) -> str:
    rows = [
        (name, *("**alarm**" if run.found(rule) else "" for rule in RULES))
        for name, run in sorted(clean.items())
        if any(run.found(rule) for rule in RULES)
    ]
    return "### Clean exports over which a rule raises an alarm\n\n" + _table(
        ("export", *RULES), rows
    )


def _by_fault(faulty: dict[tuple[str, str], Run]) -> str:
    rows = [
        (fault, name, *("found" if run.found(rule) else "–" for rule in RULES))
        for (fault, name), run in faulty.items()
    ]
    return "### Every fault\n\n" + _table(("fault", "export", *RULES), rows)


if __name__ == "__main__":
    main()
