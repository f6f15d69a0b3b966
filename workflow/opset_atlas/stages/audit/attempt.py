"""Convert one file with `onnx.version_converter`, and judge what the result computes.

A case is a whole model, measured against the frozen reference, or a cut of one node, measured
against the runtime's result for the cut before conversion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from opset_atlas.base.arrays import Array, dtype_name, is_plain_tensor
from opset_atlas.base.messages import describe
from opset_atlas.numerics.reference import Reference
from opset_atlas.numerics.running import run_file
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import RIGHT, WRONG, judge_cell
from opset_atlas.onnx_files import tensors
from opset_atlas.onnx_files.facts import inspect
from opset_atlas.records import AuditOutcome, CellVerdict, DefineRecord, Signature
from opset_atlas.runtimes._feeding import Runner, feed
from opset_atlas.runtimes._oracle import NAME, ORACLE
from opset_atlas.stages.audit import cuts

PLAIN = ORACLE.AS_WRITTEN

MOST_CUTS = 40  # kinds of nodes examined per step

# Results of files, only for the current case: both of its steps start from the same file.
_RUNS: dict[tuple[Path, str], list[Any] | None] = {}

_OUTCOMES: Mapping[str, AuditOutcome] = {
    **dict.fromkeys(WRONG, "wrong"),
    "rejected": "invalid",
    "failed": "invalid",
    "no-kernel": "no-kernel",
}


@dataclass(frozen=True)
class Case:
    """A file to convert from opset `old` to `new`, its target path, and what it must compute."""

    path: Path
    old: int
    new: int
    after: Path
    reference: Reference

    def tensors(self, set_name: str) -> dict[str, Array]:
        """The inputs of a set by name; those of the first set by default."""
        return self.reference.named(set_name or self.reference.model["sets"][0]["name"])


@dataclass(frozen=True)
class Found:
    """The outcome of a case; `set` is the input set on which it went wrong, if one decided."""

    outcome: AuditOutcome
    detail: str
    set: str = ""


def attempt(case: Case, tolerances: Tolerances) -> Found:
    """Convert, check, run and judge. Meant for a child process: the converter may crash."""
    import onnx
    import onnx.version_converter

    case.after.unlink(missing_ok=True)
    try:
        model = tensors.load(case.path, case.after.parent)
        converted = onnx.version_converter.convert_version(model, case.new)
    except Exception as error:
        return Found("refused", describe(error, 1000))
    try:
        onnx.save(converted, case.after)
        facts = inspect(case.after)
    except Exception as error:
        return Found("invalid", describe(error))
    if facts["delivered"] != case.new:
        return Found("invalid", f"the file is of opset {facts['delivered']}")
    if facts["fault"]:
        return Found("invalid", facts["fault"]["text"])
    if all(_as_before(case, variant) for variant in ORACLE.VARIANTS):
        return Found("right", "bit-equal to the file before its conversion")
    verdicts = {variant: _judge(case, variant, tolerances) for variant in ORACLE.VARIANTS}
    return _weigh(verdicts.pop(PLAIN), list(verdicts.values()))


def _as_before(case: Case, variant: str) -> bool:
    """Whether the converted file gives the same bits as the original.

    The original is right, so equal results are too. Measuring them takes far longer than running
    the file and would add nothing.
    """
    before = _run(case, case.path, variant)
    if before is None:
        return False
    after = _run(case, case.after, variant)
    return after is not None and before == after


def _run(case: Case, path: Path, variant: str) -> list[Any] | None:
    """Names, dtypes, shapes and hashes of the outputs on every input set; None if it fails."""
    key = (path, variant)
    if key not in _RUNS:
        for other in [other for other in _RUNS if other[0] not in (case.path, case.after)]:
            del _RUNS[other]
        _RUNS[key] = _outputs(case, path, variant)
    return _RUNS[key]


def _outputs(case: Case, path: Path, variant: str) -> list[Any] | None:
    try:
        session = ORACLE.load(path, variant)
        found: list[Any] = [list(session.input_names), list(session.output_names)]
        for of_set in case.reference.model["sets"]:
            given = feed(session.input_names, case.tensors(of_set["name"]))
            for value in ORACLE.run(session, given):
                if not isinstance(value, np.ndarray) or value.dtype.kind == "O":
                    return None
                found.append(
                    (value.dtype.name, value.shape, hashlib.sha256(value.tobytes()).digest())
                )
    except Exception:  # the measured run tells what it means
        return None
    return found


def _judge(case: Case, variant: str, tolerances: Tolerances) -> CellVerdict:
    result = run_file(ORACLE, case.after, variant, case.reference)
    own = {"exporter": "converter", "requested": case.new, "runtime": variant, "sha256": None}
    cell: Any = {**own, **result}
    record: Any = {"model": case.reference.model["model"]}
    return judge_cell(record, cell, tolerances)


def _weigh(plain: CellVerdict, optimized: Sequence[CellVerdict]) -> Found:
    """A fault that appears only with the runtime's optimizations is not the converter's."""
    verdict, detail = plain["verdict"], plain["detail"]
    if verdict in RIGHT:
        other = next((each for each in optimized if each["verdict"] not in RIGHT), None)
        if other is None:
            return Found("right", verdict)
        said = f"{other['verdict']}, yet only with {NAME}'s optimizations"
        return Found("unproven", f"{said}: {other['detail']}")
    worst = [output["set"] for output in plain["outputs"] if output["verdict"] == verdict]
    return Found(_OUTCOMES.get(verdict, "unproven"), f"{verdict}: {detail}", *worst[:1])


def write_cuts(case: Case, found: Found) -> list[tuple[str, tuple[str, ...]]]:
    """Write each cut of a case that runs, with its tensors; return the paths and operators.

    Meant for a child process, since it runs the model.
    """
    import onnx

    model = tensors.load(case.path, case.after.parent)
    runner = Runner(ORACLE, PLAIN, case.after.parent)
    made: list[tuple[str, tuple[str, ...]]] = []
    try:
        trace = runner.trace(model, [case.tensors(found.set)], case.path.name)
    except Exception as error:
        print(f"{case.path.name}: could not compute intermediate values: {describe(error)}")
        return []
    values = {name: arrays[0] for name, arrays in trace.values.items()}
    for i, cut in enumerate(cuts.cuts(model, case.old, case.new, values)):
        try:
            outputs = list(runner.run(cut.model, [cut.inputs])[0].values())
        except Exception as error:
            print(f"{case.path.name}: {', '.join(cut.operators)} alone: {describe(error)}")
            continue
        complete = len(outputs) == len(cut.model.graph.output)
        if complete and all(is_plain_tensor(output) for output in outputs):
            path = case.after.with_name(f"{case.after.stem}_cut_{i}.onnx")
            onnx.save(cut.model, path)
            np.savez(path.with_suffix(".in.npz"), *cut.inputs.values())
            np.savez(path.with_suffix(".out.npz"), *outputs)
            made.append((str(path), cut.operators))
        if len(made) == MOST_CUTS:
            break
    return made


def read_cut(case: Case, path: Path) -> Case:
    """A cut of `case` that was written to `path`, as a separate case."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    given, results = (
        [arrays[name] for name in arrays.files]
        for arrays in (np.load(path.with_suffix(suffix)) for suffix in (".in.npz", ".out.npz"))
    )
    model = {
        "model": case.reference.model["model"],
        "inputs": [_signature(*pair) for pair in zip(graph.input, given, strict=True)],
        "outputs": [_signature(*pair) for pair in zip(graph.output, results, strict=True)],
        "sets": [{"name": "cut", "random": {}, "float64": False, "why_not": "a cut"}],
    }
    reference = Reference(
        cast(DefineRecord, model),
        {f"cut/{i}": array for i, array in enumerate(given)},
        {f"cut/eager/{i}": array for i, array in enumerate(results)},
        {},
    )
    after = path.with_name(f"{path.stem}_after.onnx")
    return Case(path, case.old, case.new, after, reference)


def _signature(port: Any, array: np.ndarray) -> Signature:
    return {"name": port.name, "dtype": dtype_name(array.dtype), "shape": list(array.shape)}
