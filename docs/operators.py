"""Every operator against onnx's own tests, and every step of the converter that they reach.

The package onnx brings tests of single operators, with inputs and expected outputs. Each goes
through onnxruntime and onnx's reference evaluator, and then through `onnx.version_converter` one
opset at a time, up and down until a step fails. Where an operator of the file has another version
after a step, the converted file is checked, run, and compared with what is expected. onnxruntime
decides wherever it was right before the step and runs the file after it; the reference evaluator
decides only elsewhere, since it computes older versions of some operators like the newest: it has
one Softmax for all of them.

`python docs/operators.py` writes operators/tests.csv, operators/steps.csv and a script for each
defect into the results and prints the summary that docs/audit.md has.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, version_converter
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator
from opset_atlas.base.messages import describe
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.operators import definitions

RUNTIMES = ("onnxruntime", "reference")
LATEST = onnx.defs.onnx_opset_version()
SECONDS = 60.0
DEFECTS = {"wrong", "invalid", "crashed"}
Step = tuple[str, int, int]  # operator, opset before, opset after
Row = dict[str, Any]

_SCRIPT = '''"""{title}. Needs numpy, onnx, onnxruntime; fails while the defect exists."""

import numpy as np
import onnx
import onnxruntime
from onnx import version_converter
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

case = next(case for case in collect_testcases(None) if case.name == {test!r})
model = case.model
for opset in {path}:
    model = version_converter.convert_version(model, opset)
onnx.checker.check_model(model, full_check=True)
print(onnx.printer.to_text(model))
inputs, expected = case.data_sets[0]
feed = dict(zip([value.name for value in model.graph.input], inputs))
for name, run in {{
    "onnxruntime": lambda: onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed),
    "reference": lambda: ReferenceEvaluator(model).run(None, feed),
}}.items():
    try:
        found = run()
    except Exception as error:
        print(f"{{name}}: {{error}}")
        continue
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=case.rtol, atol=case.atol, err_msg=name)
    print(f"{{name}}: right")
    break
else:
    raise SystemExit("neither runs it")
'''


def main() -> None:
    """Run the tests and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="tests whose name contains this text")
    parser.add_argument("--output", type=Path, default=Path("results/operators"))
    options = parser.parse_args()
    cases = [case for case in _cases() if options.only in case.name]
    tests, steps = measured(cases)
    _write(options.output / "tests.csv", tests)
    _write(options.output / "steps.csv", steps)
    for row in worst(steps):
        write_script(options.output / "defects", row)
    print("\n".join(summary(tests, steps)))


def measured(cases: Sequence[Any]) -> tuple[list[Row], list[Row]]:
    """Rows of the tests and of the steps; a test that ends its process costs itself."""
    tests: list[Row] = []
    steps: list[Row] = []
    parts: list[tuple[Callable[[Any], list[Row]], list[Row]]] = [(_test, tests), (_steps, steps)]
    for work, rows in parts:
        done = run_isolated(cases, work, SECONDS, setup=_quiet)
        for number, (case, result) in enumerate(done, 1):
            if number % 100 == 0:
                name = "steps of the converter" if work is _steps else "runtimes"
                print(f"{name}: {number} of {len(cases)} tests", file=sys.stderr, flush=True)
            if result.status == "done":
                rows += result.value
            else:
                rows.append(_stopped(case, result, work is _steps))
    return tests, steps


def all_steps() -> set[Step]:
    """Every operator × step of the schemas, up and down, except into a deprecation."""
    found = set()
    for op in definitions.operators():
        versions = definitions.versions(op)
        for new in versions[1:]:
            if not definitions.deprecated(op, new):
                found |= {(op, new - 1, new), (op, new, new - 1)}
    return found


def worst(steps: Iterable[Row]) -> list[Row]:
    """The defects: for each operator, step and outcome the test with the shortest way there."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in steps:
        if row["outcome"] in DEFECTS:
            key = row["operators"], row["from"], row["to"], row["outcome"]
            if key not in found or len(row["path"]) < len(found[key]["path"]):
                found[key] = row
    return [found[key] for key in sorted(found)]


def write_script(folder: Path, row: Row) -> Path:
    """A script that shows a defect with nothing of this project."""
    title = f"{row['operators']} {row['from']} → {row['to']}: {row['outcome']}"
    name = f"{row['operators'].replace(' ', '_')}_{row['from']}_{row['to']}_{row['outcome']}.py"
    path = [int(opset) for opset in row["path"].split()]
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / name
    script.write_text(_SCRIPT.format(title=title, test=row["test"], path=path), encoding="utf-8")
    return script


def summary(tests: Sequence[Row], steps: Sequence[Row]) -> list[str]:
    """The tables of docs/audit.md."""
    lines = ["| runtime | tests | " + " | ".join(outcomes := _outcomes(tests)) + " |"]
    lines.append("|---" * (len(outcomes) + 2) + "|")
    for runtime in RUNTIMES:
        counts = Counter(row["outcome"] for row in tests if row["runtime"] == runtime)
        said = [counts.total(), *(counts[outcome] for outcome in outcomes)]
        lines.append(f"| {runtime} | {' | '.join(map(str, said))} |")
    reached: dict[Step, set[str]] = {}
    for row in steps:
        for op in row["operators"].split():
            reached.setdefault((op, row["from"], row["to"]), set()).add(row["outcome"])
    wanted = all_steps()
    lines += ["", "| one opset | operator × step | reached | right in a test | not reached |"]
    lines.append("|---" * 5 + "|")
    for name, up in (("up", True), ("down", False)):
        pairs = {step for step in wanted if (step[1] < step[2]) == up}
        right = sum("right" in reached.get(step, ()) for step in pairs)
        met = sum(step in reached for step in pairs)
        lines.append(f"| {name} | {len(pairs)} | {met} | {right} | {len(pairs) - met} |")
    missed = sorted(wanted - reached.keys())
    lines += ["", "not reached: " + ", ".join(f"{op} {a} → {b}" for op, a, b in missed), ""]
    lines += ["| operator | opset | outcome | test | why |", "|---" * 5 + "|"]
    for row in worst(steps):
        cells = row["operators"], f"{row['from']} → {row['to']}", row["outcome"], row["test"]
        lines.append(f"| {' | '.join(cells)} | {row['detail'][:120].replace('|', '/')} |")
    return lines


def _cases() -> list[Any]:
    """Tests of one operator; those of its expansion into others say nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests divide by zero and overflow on purpose
        found = collect_testcases(None)
    return [case for case in found if "_expanded" not in case.name and case.data_sets]


def _quiet() -> None:
    """In a child: no warnings of the runtimes, which thousands of runs would repeat."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def _test(case: Any) -> list[Row]:
    rows = []
    for runtime in RUNTIMES:
        outcome, detail = _run(case, case.model, runtime)
        rows.append({**_of(case), "runtime": runtime, "outcome": outcome, "detail": detail})
    return rows


def _of(case: Any) -> Row:
    """Which operator, at which opset, of which types."""
    nodes = case.model.graph.node
    inputs = case.data_sets[0][0]
    types = " ".join(str(getattr(value, "dtype", type(value).__name__)) for value in inputs)
    shown = {
        "operator": nodes[0].op_type,
        "domain": nodes[0].domain,
        "opset": _opset(case.model, nodes[0].domain),
    }
    return {"test": case.name, **shown, "types": types}


def _run(case: Any, model: ModelProto, runtime: str) -> tuple[str, str]:
    """right, wrong or refused, and why: on every set of inputs."""
    names = [value.name for value in model.graph.input]
    try:
        run = ReferenceEvaluator(model).run if runtime == "reference" else _session(model)
        for data in case.data_sets:
            inputs, expected = ([_array(value) for value in values] for values in data)
            if runtime != "reference" and any(map(_unfed, inputs)):
                return "not-fed", "onnxruntime takes no array of this type from numpy"
            found = run(None, dict(zip(names, inputs, strict=False)))
            if problem := _differs(found, expected, case.rtol, case.atol):
                return "wrong", problem
    except Exception as error:  # whatever a runtime raises is its answer
        return "refused", describe(error)
    return "right", ""


def _array(value: Any) -> Any:
    """An array where a test has a number, or a tensor of onnx, for types that numpy lacks."""
    if isinstance(value, np.generic):
        return np.asarray(value)
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _unfed(value: Any) -> bool:
    """Whether this is an array of bfloat16, float8 or a smaller type."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "fciubOUST"


def _session(model: ModelProto) -> Callable[..., Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = model.SerializeToString()
    run: Callable[..., Any] = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    ).run
    return run


def _differs(found: Any, expected: Any, rtol: float, atol: float) -> str:
    """What is not as expected, or "". Tensors, sequences of them, strings, nothing."""
    if isinstance(expected, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(expected):
            return "another number of values"
        pairs = zip(found, expected, strict=True)
        return next(filter(None, (_differs(*pair, rtol, atol) for pair in pairs)), "")
    if expected is None or found is None:
        return "" if expected is found else "no value where one is expected, or the other way round"
    one, other = np.asarray(found), np.asarray(expected)
    if one.dtype.kind == "u" and other.dtype.kind == "V" and one.itemsize == other.itemsize:
        one = one.view(other.dtype)  # how onnxruntime hands float8 over
    if one.dtype != other.dtype and other.dtype.kind not in "OUST":
        return f"dtype {one.dtype} instead of {other.dtype}"
    if one.shape != other.shape:
        return f"shape {list(one.shape)} instead of {list(other.shape)}"
    if other.dtype.kind in "OUST":
        return "" if one.astype(str).tolist() == other.astype(str).tolist() else "other strings"
    if other.dtype.kind not in "fciub":  # bfloat16, float8 and smaller types of ml_dtypes
        one, other = one.astype(np.float32), other.astype(np.float32)
    if np.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True):
        return ""
    return f"off by up to {np.nanmax(np.abs(one.astype(complex) - other.astype(complex))):.3g}"


def _steps(case: Any) -> list[Row]:
    """Every step up and down at which an operator of the file gets another version."""
    if any(node.domain not in ("", "ai.onnx") for node in case.model.graph.node):
        return []
    before = [_run(case, case.model, runtime)[0] == "right" for runtime in RUNTIMES]
    if not any(before):
        return []
    return [*_walk(case, before, 1), *_walk(case, before, -1)]


def _walk(case: Any, before: list[bool], by: int) -> list[Row]:
    """Convert one opset at a time until a step is not right."""
    model, rows, path = case.model, [], []
    while 1 <= (opset := _opset(model) + by) <= LATEST:
        path.append(opset)
        changed = _changed(model, opset - by, opset)
        model, outcome, detail, before = _step(case, model, opset, before, bool(changed))
        if changed:
            place = {"operators": " ".join(changed), "from": opset - by, "to": opset}
            way = " ".join(map(str, path))
            rows.append(
                {"test": case.name, **place, "outcome": outcome, "detail": detail, "path": way}
            )
        if outcome != "right":
            break
    return rows


def _step(
    case: Any, model: ModelProto, opset: int, before: list[bool], check: bool
) -> tuple[ModelProto, str, str, list[bool]]:
    """The converted file, what became of it, why, and which runtimes are right with it."""
    try:
        new = version_converter.convert_version(model, opset)
    except Exception as error:  # the converter raises whatever its adapters do
        return model, "refused", describe(error), before
    if _opset(new) != opset:
        return model, "refused", f"it returned opset {_opset(new)}", before
    if not check:
        return new, "right", "", before
    try:
        onnx.checker.check_model(new, full_check=True)
    except Exception as error:
        return new, "invalid", describe(error), before
    found = {runtime: _run(case, new, runtime) for runtime in RUNTIMES}
    after = [found[runtime][0] == "right" for runtime in RUNTIMES]
    judges = [name for name, was in zip(RUNTIMES, before, strict=True) if was]
    judge = next((name for name in judges if found[name][0] in {"right", "wrong"}), "")
    if not judge:
        said = "; ".join(f"{name}: {found[name][1]}" for name in judges)
        return new, "not-run", said, after
    outcome, detail = found[judge]
    others = [f"{name} {found[name][0]}" for name in judges if found[name][0] != outcome]
    return new, outcome, "; ".join(filter(None, [judge * bool(detail), detail, *others])), after


def _changed(model: ModelProto, old: int, new: int) -> list[str]:
    """The operators of the file and its subgraphs that have another version after a step."""
    names = sorted(set(_operators(model.graph)))
    return [op for op in names if definitions.in_force(op, old) != definitions.in_force(op, new)]


def _operators(graph: onnx.GraphProto) -> Iterable[str]:
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _operators(attribute.g)


def _opset(model: ModelProto, domain: str = "") -> int:
    imports = {item.domain: item.version for item in model.opset_import}
    return imports[domain] if domain in imports else imports["" if domain else "ai.onnx"]


def _stopped(case: Any, result: Any, step: bool) -> Row:
    """The row of a test whose process died or ran into its limit."""
    said = {"outcome": result.status, "detail": result.detail}
    if step:
        return {"test": case.name, "operators": "", "from": 0, "to": 0, **said, "path": ""}
    return {**_of(case), "runtime": "", **said}


def _outcomes(tests: Iterable[Row]) -> list[str]:
    return sorted({row["outcome"] for row in tests})


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys() if rows else [])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
