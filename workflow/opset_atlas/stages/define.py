"""Stage 1, per model: freeze the model and what it computes.

reads   the model's specification (JSON) and the files that it names
writes  record.json, weights.safetensors, inputs.safetensors, reference.safetensors; every later
        stage works only on these files and does not trust the model itself.

A model that cannot be built or run also gets a record, with torch's own reason.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opset_atlas.base import failures, stopped
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.base.messages import describe, ends, trace
from opset_atlas.execution.fresh import run_fresh
from opset_atlas.execution.isolate import Result, end_copy, run_isolated
from opset_atlas.records import VERSION, DefineRecord, Failure, Source

FLOAT64 = "float64 run: "  # precedes the reason why it ended
TENSOR_FILES = ("weights", "inputs", "reference")

_INSTALLED = frozenset(["site-packages", "dist-packages"])  # tracked by the package's version


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas define", description=__doc__)
    parser.add_argument("--spec", type=json.loads, required=True, help="specification as JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    stopped.add_options(parser)
    options = parser.parse_args(arguments)
    spec, path = stopped.spec_with_limits(options), options.output / "record.json"

    def work() -> None:
        record = define(spec, options.output)
        write_json(path, record)
        stopped.note(path, spec["limits"], options.again, _at_limit(record))

    failures.guard(work, lambda failure: write_json(path, _stand_in(spec, path.parent, failure)))


def _at_limit(record: DefineRecord) -> bool:
    """Whether another limit may give another record."""
    told = [record["detail"]] * (record["outcome"] != "ok")
    told += [each["why_not"].removeprefix(FLOAT64) for each in record["sets"]]
    return any(stopped.is_at_limit(text.partition(":")[0], text) for text in told)


def warm_up() -> None:
    """Import what running a module needs. One thread: threads do not survive a fork."""
    import torch

    from opset_atlas.models import runs  # noqa: F401

    torch.set_num_threads(1)


def _stand_in(spec: Mapping[str, Any], folder: Path, failure: Failure) -> DefineRecord:
    """The record of a model on which this stage itself failed."""
    return _finished({**_blank_record(spec), **_failed(failure)}, folder)  # type: ignore[typeddict-item]


def _failed(failure: Failure) -> dict[str, Any]:
    return {
        "outcome": "internal-error",
        "detail": failures.named(failure),
        "traceback": failure["traceback"],
        "failures": [failure],
    }


def define(spec: Mapping[str, Any], folder: Path) -> DefineRecord:
    """Build the model, run it, write its tensors into `folder` and return its record.

    The work happens in a child process, since a factory may call `sys.exit`, hang or crash. The
    eager runs come first, then the float64 runs, whose failure does not affect the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    blank, limits = _blank_record(spec), spec["limits"]
    frozen = _Frozen(spec, blank, folder)
    phases = ["eager", "float64"] if "factory" in spec else ["eager"]
    seconds = float(limits["cell_seconds"])
    found: dict[str, Result] = {}
    for phase, result in run_isolated(
        phases, frozen.work, seconds, limits.get("memory_mb"), foreign="factory" in spec
    ):
        found[phase] = result
        if result.status != "done":
            break
    record = _joined(blank, found["eager"], found.get("float64"))
    if record["outcome"] == "internal-error" and "factory" in spec:
        record = _whose_fault(record, spec)
    return _finished(record, folder)


def _joined(blank: DefineRecord, eager: Result, exact: Result | None) -> DefineRecord:
    """The record of the eager runs, completed by the results of the float64 runs."""
    if eager.status == "internal-error":
        return {**blank, **_failed(eager.failure(""))}  # type: ignore[typeddict-item]
    if eager.status != "done":
        outcome = "internal-error" if blank["kind"] == "torch" else "failed"
        detail = f"{eager.status}: {eager.detail}"
        return {**blank, "outcome": outcome, "detail": detail}  # type: ignore[typeddict-item]
    record: DefineRecord = eager.value
    if exact and record["outcome"] == "ok":
        lost = f"{FLOAT64}{exact.status}: {exact.detail}"
        truths: Mapping[str, str] = exact.value["why_not"] if exact.status == "done" else {}
        record["least_precise"] = exact.value["least_precise"] if truths else ""
        for each in record["sets"]:
            each["why_not"] = truths.get(each["name"], lost)
            each["float64"] = not each["why_not"]
        if exact.status == "internal-error":
            record["failures"] = [exact.failure("float64")]
    return record


def _whose_fault(record: DefineRecord, spec: Mapping[str, Any]) -> DefineRecord:
    """An exception here is the model's own fault only if the model also raises without us."""
    try:
        found, ended = _by_itself(spec)
    except Exception as error:  # our own inputs could not be created
        why = f"not run without opset-atlas: {describe(error)}"
        return _as_ours(record, f"{record['detail']}; {why}")
    if found is None:
        return {**record, "outcome": "failed", "detail": ended, "traceback": ""}
    if found["type"]:
        raised = type(found["type"], (Exception,), {})(found["message"])
        own = {"detail": describe(raised), "traceback": ends(found["traceback"])}
        return {**record, "outcome": "failed", **own}  # type: ignore[typeddict-item]
    if record["detail"].startswith("timeout: "):
        limit = f"limits.cell_seconds ({spec['limits']['cell_seconds']})"
        detail = f"timeout: {limit} is enough for one run of the model, but not for all of them"
        return {**record, "outcome": "unsupported", "detail": detail}
    return _as_ours(record, f"{record['detail']} (the model runs without opset-atlas)")


def _as_ours(record: DefineRecord, detail: str) -> DefineRecord:
    failure: Failure = {"what": "", "detail": detail, "traceback": record["traceback"]}
    return {**record, **_failed(failure)}  # type: ignore[typeddict-item]


def _by_itself(spec: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The result of running the model without this package, as `run_fresh` returns it."""
    import torch

    from opset_atlas.models import by_itself
    from opset_atlas.models import module as models
    from opset_atlas.models.runs import traced_sets

    names, limits = traced_sets(spec), spec["limits"]
    task = {
        "factory": spec["factory"],
        "kwargs": spec.get("kwargs") or {},
        "weights": spec.get("weights"),
        "dtype": spec.get("dtype") or "float32",
        "seed": spec["seed"],
    }
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(spec["inputs"], str):
            seeds = [spec["seed"] + int(name.partition("-")[2]) for name in names]
            task |= {"callable": spec["inputs"], "seeds": seeds}
        elif isinstance(spec["inputs"], Mapping):
            task |= spec["inputs"]
        else:
            task["items"] = spec["inputs"]
            task["inputs"] = str(Path(folder) / "inputs.pt")
            torch.save([models.make_inputs(spec, name) for name in names], task["inputs"])
        seconds, memory = float(limits["cell_seconds"]), limits.get("memory_mb")
        return run_fresh(Path(by_itself.__file__), task, seconds, memory)


def _finished(record: DefineRecord, folder: Path) -> DefineRecord:
    """The record with the hashes of its files; the files are empty where there is no model."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TENSOR_FILES:
        path = folder / f"{name}.safetensors"
        if record["outcome"] != "ok" or not path.exists():
            _save({}, path)
    hashes = {
        f"{name}_sha256": file_sha256(folder / f"{name}.safetensors") for name in TENSOR_FILES
    }
    return {**record, **hashes}  # type: ignore[typeddict-item]


def _blank_record(spec: Mapping[str, Any]) -> DefineRecord:
    """The record of a model about which nothing is known yet."""
    own = spec.get("distributions") or {}
    packages = ("torch", "numpy", "safetensors") if "factory" in spec else ("onnx", "onnxruntime")
    versions = {name: importlib.metadata.version(name) for name in packages}
    versions |= {name: found for name, found in own.items() if found is not None}
    return {
        "version": VERSION,
        "stage": "define",
        "model": spec["model"],
        "kind": "onnx" if "onnx" in spec else "torch",
        "outcome": "failed",
        "detail": "",
        "traceback": "",
        "definition": spec.get("factory") or spec["onnx"],
        "parameters": 0,
        "set_to_eval": [],
        "least_precise": "",
        "seed": spec["seed"],
        "inputs": [],
        "outputs": [],
        "call": "",
        "flattened": False,
        "sets": [],
        "sources": [],
        "weights_sha256": "",
        "inputs_sha256": "",
        "reference_sha256": "",
        "versions": {"python": platform.python_version(), **versions},
    }


class _Frozen:
    """In the child: a model, its inputs and its outputs."""

    def __init__(self, spec: Mapping[str, Any], blank: DefineRecord, folder: Path) -> None:
        self._spec, self._blank, self._folder = spec, blank, folder
        self._runs: Any = None

    def work(self, phase: str) -> Any:
        """`eager`: the record without truths; `float64`: the result of `models.runs`."""
        if phase == "eager":
            define_it = _define_onnx if "onnx" in self._spec else self._define
            return define_it(self._spec, self._blank, self._folder)
        if not self._runs:  # not the process that made the eager runs
            return {"why_not": {}, "least_precise": ""}
        found = self._runs.in_float64()
        if not all(found["why_not"].values()):
            self._write("reference", self._runs.outputs)
        return found

    def _write(self, name: str, tensors: Mapping[str, Any]) -> None:
        """Write whole files or nothing, since the process may be ended at any time."""
        end_copy()  # a forward pass may have forked, and a copy must not write too
        path = self._folder / f"{name}.safetensors"
        new = path.with_suffix(".new")
        _save(tensors, new)
        new.replace(path)

    def _define(self, spec: Mapping[str, Any], blank: DefineRecord, folder: Path) -> DefineRecord:
        """The record of a torch model, successful or not."""
        import torch

        from opset_atlas.models import module as models
        from opset_atlas.models.runs import Runs

        torch.set_num_threads(1)
        record = blank
        try:
            _require(spec.get("distributions") or {})
            module = models.create(spec)
            end_copy()  # a constructor may have forked
            record = {**record, "set_to_eval": list(models.behaving_otherwise(module))}
            module = module.eval().requires_grad_(False)
            record = {**record, "parameters": sum(p.numel() for p in module.parameters())}
            _save_weights(module, folder / "weights.safetensors")
            runs = Runs(spec, module)
            record = {**record, **runs.eager()}  # type: ignore[typeddict-item]
            self._write("inputs", runs.given)
            self._write("reference", runs.outputs)
            record["outcome"] = "ok"
            self._runs = runs
        except (models.Misused, NotInstalled) as error:
            said = {"detail": str(error), "traceback": trace(error)}
            record = {**record, "outcome": "failed", **said}  # type: ignore[typeddict-item]
        except models.Unsupported as error:
            record = {**record, "outcome": "unsupported", "detail": str(error)}
        except BaseException as error:  # a factory may raise any BaseException
            end_copy()
            said = {"detail": describe(error), "traceback": trace(error)}
            # Counts as our own fault unless the model also raises without us.
            record = {**record, "outcome": "internal-error", **said}  # type: ignore[typeddict-item]
        record["sources"] = _sources(spec)
        return record


class NotInstalled(Exception):
    """A package that the configuration names is not installed."""


def _require(packages: Mapping[str, str | None]) -> None:
    """Say what to install, before the model's own import fails."""
    if missing := [name for name, version in packages.items() if version is None]:
        raise NotInstalled(f"not installed: {', '.join(missing)}")


def _save_weights(module: Any, path: Path) -> None:
    """Save as safetensors, which supports neither every dtype nor every way to share memory."""
    import safetensors.torch

    from opset_atlas.models.module import Unsupported

    try:
        safetensors.torch.save_model(module, str(path))
    except OSError:
        raise
    except Exception as error:
        raise Unsupported(
            f"store this model's weights as safetensors: {describe(error)}"
        ) from error


def _define_onnx(spec: Mapping[str, Any], blank: DefineRecord, folder: Path) -> DefineRecord:
    """In the child: the record of a model that is an ONNX file; its own output is the reference."""
    from opset_atlas.models import onnx_model

    record = blank
    try:
        loaded = onnx_model.freeze(spec, folder)
        record = {**record, **loaded, "outcome": "ok"}  # type: ignore[typeddict-item]
    except BaseException as error:  # a factory may raise any BaseException
        record = {**record, "detail": describe(error), "traceback": trace(error)}
    files = {Path(path) for path in (spec["onnx"], *spec.get("source_files", []))}
    record["sources"] = [_source(path) for path in sorted(files) if path.is_file()]
    return record


def _save(tensors: Mapping[str, Any], path: Path) -> None:
    if tensors:
        import safetensors.torch

        owned = {name: t.detach().clone().contiguous() for name, t in sorted(tensors.items())}
        safetensors.torch.save_file(owned, path)
    else:
        import safetensors.numpy

        safetensors.numpy.save_file({}, path)


def _sources(spec: Mapping[str, Any]) -> list[Source]:
    """All files of the user that took part: the declared ones, and those that were imported.

    The user's are those in the folder of the run or of a declared file. Each is named as seen from
    the run's folder, unless its neighbor was declared with an absolute path.
    """
    declared = {Path(path) for path in spec.get("source_files", [])}
    own = [path.parent for path in declared if not _INSTALLED.intersection(path.parts)]
    folders = {Path.cwd(): Path()} | {folder.resolve(): folder for folder in own}
    others = tuple(f"{path}/" for path in (Path(__file__).parents[1], sys.prefix, sys.base_prefix))
    imported = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(others) or not file.endswith(".py"):
            continue  # there are thousands, and resolving each takes longer than the model
        path = Path(file).resolve()
        below = [folder for folder in folders if path.is_relative_to(folder)]
        if below and not path.is_relative_to(Path(sys.prefix).resolve()):
            imported.add(folders[below[0]] / path.relative_to(below[0]))
    return [_source(path) for path in sorted(declared | imported) if path.is_file()]


def _source(path: Path) -> Source:
    return {"path": path.as_posix(), "sha256": file_sha256(path)}


if __name__ == "__main__":
    main()
