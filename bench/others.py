"""Other tools on the files of this workflow: `make bench-others`.

    python bench/others.py --opset 18

The models of docs/silently-wrong.md and as many others at one opset: the workflow runs on them, and
its verdicts say which files are wrong. Then each tool gets the same files (or modules, if it
exports them itself), all input sets of the traced size if it accepts several, and torch's results.
A line with seconds and findings per file is appended to a file that write_docs.py reads.

- torch: `torch.onnx.export(dynamo=True, verify=True, report=True)` exports again and compares its
  result with the exported program's on the example inputs. Only its own exports can be verified.
- polygraphy: `polygraphy run FILE --onnxrt --load-inputs … --load-outputs …`, default tolerances.
- onnx-diagnostic: `validate` only accepts identifiers of Hugging Face, but the public function that
  it calls on the exported file, `validate_onnx_model`, accepts the file of any module. It returns
  differences; those from 0.01 on are not green in the tables of its `agg`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import run
import safetensors.torch
import torch
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.models import module as model

RESULTS = run.ROOT / "bench/results/others.jsonl"
NOT_GREEN = 0.01
POLYGRAPHY = Path(sys.executable).with_name("polygraphy")
# Verdicts of this workflow. Others, and files that were not measured, count as neither.
WRONG, RIGHT = {"mismatch"}, {"exact", "within-noise"}

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Case:
    """One file; inputs and torch's outputs of each input set, by the file's names."""

    path: Path
    exporter: str
    opset: int
    spec: dict[str, Any]
    inputs: list[Tensors]
    outputs: list[Tensors]


class NotApplicable(Exception):
    """The tool cannot check such a file."""


def main() -> None:
    """Run everything and append a line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--opset", type=int, default=18)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    whole = run.read(run.ROOT / "config/zoo.yaml", [options.opset])
    chosen = {**whole, "models": _models(whole["models"])}
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = run.copy_to(Path(place), chosen)
        ours = run.workflow(folder, len(os.sched_getaffinity(0)))
        run.say(f"workflow: {ours['seconds']:.1f} s")
        os.chdir(folder)  # paths of factories start there
        rows = list(_rows(folder, options.opset))
    line = {
        "run": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "load": load,
        "opset": options.opset,
        "models": len(chosen["models"]),
        "workflow": ours,
        "files": rows,
    }
    run.append(options.output, line)


def _models(zoo: dict[str, Any]) -> dict[str, Any]:
    """Those of docs/silently-wrong.md, and as many others, the same at every call."""
    page = (run.ROOT / "docs/silently-wrong.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| (\w+) \|", page, re.MULTILINE)) & zoo.keys()
    others = sorted(zoo.keys() - named)
    random.Random(run.SEED).shuffle(others)
    return {name: zoo[name] for name in sorted(named) + sorted(others[: len(named)])}


def _rows(folder: Path, opset: int) -> Iterator[dict[str, Any]]:
    """A row per file delivered as requested: our verdict, and the result of each tool."""
    settings = config.resolve(config.load([str(folder / "config/config.yaml")]), folder)
    verdicts = _verdicts(folder)
    for record in sorted((folder / "results/export").glob("*/*/record.json")):
        name, exporter = record.parts[-3:-1]
        (cell,) = json.loads(record.read_text(encoding="utf-8"))["cells"]
        if cell["outcome"] != "ok":
            continue
        spec = Specs(settings).job("define", model=name)
        path = record.parent / "cells" / cell["file"]
        case = _case(folder / "results/define" / name, path, exporter, opset, spec)
        found = {tool: _timed(check, case) for tool, check in TOOLS.items()}
        verdict = verdicts[name, exporter]
        run.say(f"{name} {exporter}: {verdict} {[each['verdict'] for each in found.values()]}")
        yield {"model": name, "exporter": exporter, "ours": verdict, "tools": found}


def _verdicts(folder: Path) -> dict[tuple[str, str], str]:
    """By model and exporter: wrong, right or neither, optimized and not taken together."""
    found: dict[tuple[str, str], set[str]] = {}
    judged = json.loads((folder / "results/judge/verdicts.json").read_text(encoding="utf-8"))
    for row in judged["cells"]:
        found.setdefault((row["model"], row["exporter"]), set()).add(row["verdict"])
    return {
        key: "wrong" if names & WRONG else "right" if names <= RIGHT else "neither"
        for key, names in found.items()
    }


def _case(define: Path, path: Path, exporter: str, opset: int, spec: dict[str, Any]) -> Case:
    record = json.loads((define / "record.json").read_text(encoding="utf-8"))
    given, results = (
        safetensors.torch.load_file(define / f"{name}.safetensors")
        for name in ("inputs", "reference")
    )
    sets = [each["name"] for each in record["sets"] if "@" not in each["name"]]
    ins = [port["name"] for port in record["inputs"]]
    outs = [port["name"] for port in record["outputs"]]
    inputs = [{key: given[f"{s}/{i}"] for i, key in enumerate(ins)} for s in sets]
    outputs = [{key: results[f"{s}/eager/{i}"] for i, key in enumerate(outs)} for s in sets]
    return Case(path, exporter, opset, spec, inputs, outputs)


def _timed(check: Callable[[Case], tuple[str, str]], case: Case) -> dict[str, Any]:
    """A tool's result for a file: ok, wrong, error (it raised) or not applicable."""
    started = time.perf_counter()
    said = io.StringIO()
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(said):
            verdict, detail = check(case)
    except NotApplicable as reason:
        return {"seconds": 0.0, "verdict": "not applicable", "detail": str(reason)}
    except Exception as error:
        verdict, detail = "error", f"{type(error).__name__}: {error}"
    seconds = round(time.perf_counter() - started, 3)
    return {"seconds": seconds, "verdict": verdict, "detail": machine.impersonal(detail)[-400:]}


def _torch(case: Case) -> tuple[str, str]:
    """The export's own verification; the report's name says what it found."""
    if case.exporter != "dynamo":
        raise NotApplicable("verify is an option of dynamo=True")
    module, inputs = model.build(case.spec), tuple(case.inputs[0].values())
    declared = case.spec["dynamic_shapes"] or {}
    shapes = tuple({int(k): v for k, v in declared.get(n, {}).items()} for n in case.inputs[0])
    with tempfile.TemporaryDirectory() as place:
        torch.onnx.export(
            module,
            inputs,
            Path(place) / "model.onnx",
            dynamo=True,
            opset_version=case.opset,
            dynamic_shapes=shapes if declared else None,
            input_names=list(case.inputs[0]),
            output_names=list(case.outputs[0]),
            verify=True,
            report=True,
            artifacts_dir=place,
            verbose=False,
        )
        (report,) = Path(place).glob("onnx_export_*.md")
        found = report.stem.rpartition("_")[2]  # torch/onnx/_internal/exporter/_reporting.py
    return ("ok" if found in {"success", "strategies"} else "wrong"), found


def _polygraphy(case: Case) -> tuple[str, str]:
    from polygraphy.comparator import IterationResult, RunResults
    from polygraphy.json import save_json

    feeds = [{k: v.numpy() for k, v in each.items()} for each in case.inputs]
    expected = [
        IterationResult({k: v.numpy() for k, v in each.items()}, 0.0, "torch")
        for each in case.outputs
    ]
    with tempfile.TemporaryDirectory() as place:
        given, wanted = f"{place}/inputs.json", f"{place}/outputs.json"
        save_json(feeds, given)
        RunResults([("torch", expected)]).save(wanted)
        command = [str(POLYGRAPHY), "run", str(case.path), "--onnxrt"]
        command += ["--load-inputs", given, "--load-outputs", wanted]
        done = subprocess.run(command, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if line.startswith("[E]")]
    errors = [line for line in errors if "Command:" not in line]
    if not done.returncode:
        return "ok", ""
    compared = "Accuracy Summary" in done.stdout
    return ("wrong" if compared else "error"), " ".join(errors) or done.stderr


def _onnx_diagnostic(case: Case) -> tuple[str, str]:
    from onnx_diagnostic.torch_models.validate import validate_onnx_model

    more = range(1, len(case.inputs))
    data: dict[str, Any] = {"onnx_filename": str(case.path), "exporter": "onnx-dynamo"}
    data |= {"inputs": case.inputs[0], "run_expected": list(case.outputs[0].values())}
    for i in more:
        data |= {f"inputs{i}": case.inputs[i]}
        data |= {f"run_expected2{i}": list(case.outputs[i].values())}
    keys = [f"inputs{i}" for i in more]
    summary, _ = validate_onnx_model(data, second_input_keys=keys)
    found = {
        key: value
        for key, value in summary.items()
        if key.startswith("disc_") and key.endswith(("_abs", "_dnan"))
    }
    wrong = {k: v for k, v in found.items() if not v < (NOT_GREEN if k.endswith("_abs") else 1)}
    return ("wrong" if wrong else "ok"), json.dumps(wrong)


TOOLS: dict[str, Callable[[Case], tuple[str, str]]] = {
    "torch": _torch,
    "polygraphy": _polygraphy,
    "onnx-diagnostic": _onnx_diagnostic,
}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main()
