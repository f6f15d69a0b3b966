"""Stage 1, per model: freeze what the model is and what it computes.

reads   the model's specification (JSON) and the files that it names
writes  record.json, weights.safetensors, inputs.safetensors, reference.safetensors, and nothing of
        the model is trusted after that: every later stage works on these files.

A model that cannot be built or run is a record too, with torch's own reason.
"""

from __future__ import annotations

import argparse
import copy
import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opset_atlas.base import failures, stopped
from opset_atlas.base.files import file_sha256, write_json
from opset_atlas.base.messages import describe, trace
from opset_atlas.execution.isolate import end_copy, run_isolated
from opset_atlas.models.sizes import is_traced, run_at_others
from opset_atlas.records import VERSION, DefineRecord, Failure, ReferenceSet, Signature, Source

TENSOR_FILES = ("weights", "inputs", "reference")


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
        detail = record["detail"]
        lost = record["outcome"] != "ok" and stopped.is_at_limit(detail.partition(":")[0], detail)
        stopped.note(path, spec["limits"], options.again, lost)

    failures.guard(work, lambda failure: write_json(path, _stand_in(spec, path.parent, failure)))


def warm_up() -> None:
    """Import what running a module needs. One thread: threads do not survive a fork."""
    import torch

    from opset_atlas.models import module, truth  # noqa: F401

    torch.set_num_threads(1)


def _stand_in(spec: Mapping[str, Any], folder: Path, failure: Failure) -> DefineRecord:
    """The record of a model that this stage failed at."""
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

    The work happens in a child process: a factory may call `sys.exit`, hang or crash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    blank = _blank_record(spec)
    seconds = float(spec["limits"]["cell_seconds"])

    def work(_: str) -> DefineRecord:
        return _define_onnx(spec, blank, folder) if "onnx" in spec else _define(spec, blank, folder)

    ((_, result),) = run_isolated([spec["model"]], work, seconds, spec["limits"].get("memory_mb"))
    if result.status == "done":
        return _finished(result.value, folder)
    if result.status == "internal-error":
        return _finished({**blank, **_failed(result.failure(""))}, folder)  # type: ignore[typeddict-item]
    return _finished({**blank, "detail": f"{result.status}: {result.detail}"}, folder)


def _finished(record: DefineRecord, folder: Path) -> DefineRecord:
    """The record with the hashes of its files, which are empty where there is no model."""
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
    """The record of a model of which nothing is known yet."""
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
        "seed": spec["seed"],
        "inputs": [],
        "outputs": [],
        "sets": [],
        "sources": [],
        "weights_sha256": "",
        "inputs_sha256": "",
        "reference_sha256": "",
        "versions": {"python": platform.python_version(), **versions},
    }


def _define(spec: Mapping[str, Any], blank: DefineRecord, folder: Path) -> DefineRecord:
    """In the child: the record of a torch model, successful or not."""
    import safetensors.torch
    import torch

    from opset_atlas.models import module as models

    torch.set_num_threads(1)
    record = blank
    try:
        _require(spec.get("distributions") or {})
        module = models.build(spec)
        end_copy()  # a constructor may have forked
        record = {**record, "parameters": sum(p.numel() for p in module.parameters())}
        safetensors.torch.save_model(module, str(folder / "weights.safetensors"))
        names = list(spec["input_sets"])
        if isinstance(spec["inputs"], str):
            names = [name for name in names if name.startswith("random")]
        runs = _Runs(spec, module)
        for name in names:
            runs.add(name, spec["inputs"])
        axes, chosen = spec.get("dynamic_shapes") or {}, spec.get("dynamic_sizes") or {}
        if isinstance(spec["inputs"], list):
            notes = run_at_others(spec["inputs"], axes, chosen, names[0], runs.add)
            record["detail"] = "; ".join(notes)
        record["sets"] = runs.sets
        first = runs.inputs_of(names[0])
        record["inputs"] = _signatures(models.input_names(spec, len(first)), first)
        results = runs.eager_of(names[0])
        record["outputs"] = _signatures(models.output_names(spec, len(results)), results)
        _save(runs.given, folder / "inputs.safetensors")
        _save(runs.outputs, folder / "reference.safetensors")
        record["outcome"] = "ok"
    except BaseException as error:  # a factory may raise what is no Exception
        end_copy()
        record = {**record, "detail": describe(error), "traceback": trace(error), "sets": []}
    record["sources"] = _sources(spec)
    return record


@dataclass
class _Runs:
    """What the module was given and gave, by input set."""

    spec: Mapping[str, Any]
    module: Any
    sets: list[ReferenceSet] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, items: Any) -> None:
        """Run the module on the set `name` of inputs like `items`, which carry their shapes."""
        from opset_atlas.models import module as models

        tensors = models.make_inputs({**self.spec, "inputs": items}, name.partition("@")[0])
        reference, results = _reference(self.module, tensors, name)
        count = sum(key.startswith("eager/") for key in results)
        if not is_traced(name) and count != len(self.eager_of(self.sets[0]["name"])):
            raise ValueError(f"gives {count} outputs there")
        self.sets.append(reference)
        self.given |= {f"{name}/{i}": tensor for i, tensor in enumerate(tensors)}
        self.outputs |= {f"{name}/{key}": tensor for key, tensor in results.items()}

    def inputs_of(self, name: str) -> list[Any]:
        """The inputs of a set, in order."""
        return [tensor for key, tensor in self.given.items() if key.startswith(f"{name}/")]

    def eager_of(self, name: str) -> list[Any]:
        """The eager outputs of a set, in order."""
        return [t for key, t in self.outputs.items() if key.startswith(f"{name}/eager/")]


def _require(packages: Mapping[str, str | None]) -> None:
    """Say what to install before a model's own import of it fails."""
    if missing := [name for name, version in packages.items() if version is None]:
        raise ModuleNotFoundError(f"not installed: {', '.join(missing)}")


def _reference(
    module: Any, tensors: tuple[Any, ...], name: str
) -> tuple[ReferenceSet, dict[str, Any]]:
    """Run eagerly, twice, and in float64; copies, since a forward pass may change its module."""
    import torch

    from opset_atlas.models.truth import flat, run_in_float64

    with torch.no_grad():
        eager = flat(copy.deepcopy(module)(*_copies(tensors)))
        end_copy()
        again = flat(copy.deepcopy(module)(*_copies(tensors)))
        exact, why_not = run_in_float64(module, tensors)
    same = len(eager) == len(again) and all(
        a.dtype == b.dtype and torch.equal(_bits(a), _bits(b))
        for a, b in zip(eager, again, strict=True)
    )
    if not why_not and len(exact) != len(eager):
        why_not = f"{len(exact)} outputs in float64 against {len(eager)}"
    results = {f"eager/{i}": tensor for i, tensor in enumerate(eager)}
    if not why_not:
        results |= {f"float64/{i}": tensor for i, tensor in enumerate(exact)}
    return {
        "name": name,
        "deterministic": same,
        "float64": not why_not,
        "why_not": why_not,
    }, results


def _define_onnx(spec: Mapping[str, Any], blank: DefineRecord, folder: Path) -> DefineRecord:
    """In the child: the record of a model that is an ONNX file; its own output is the reference."""
    from opset_atlas.models import onnx_model

    record = blank
    try:
        loaded = onnx_model.freeze(spec, folder)
        record = {**record, **loaded, "outcome": "ok"}  # type: ignore[typeddict-item]
    except BaseException as error:  # a factory may raise what is no Exception
        record = {**record, "detail": describe(error), "traceback": trace(error)}
    files = {Path(path) for path in (spec["onnx"], *spec.get("source_files", []))}
    record["sources"] = [_source(path) for path in sorted(files) if path.is_file()]
    return record


def _copies(tensors: tuple[Any, ...]) -> list[Any]:
    return [tensor.clone() for tensor in tensors]


def _bits(tensor: Any) -> Any:
    """The tensor's bytes, so that NaN equals itself."""
    import torch

    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def _signatures(names: list[str], tensors: Any) -> list[Signature]:
    return [
        {"name": name, "dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape)}
        for name, t in zip(names, tensors, strict=True)
    ]


def _save(tensors: Mapping[str, Any], path: Path) -> None:
    if tensors:
        import safetensors.torch

        owned = {name: t.detach().clone().contiguous() for name, t in sorted(tensors.items())}
        safetensors.torch.save_file(owned, path)
    else:
        import safetensors.numpy

        safetensors.numpy.save_file({}, path)


def _sources(spec: Mapping[str, Any]) -> list[Source]:
    """Every file of the user's that took part: declared ones, and what those imported."""
    here = Path.cwd()
    declared = {Path(path) for path in spec.get("source_files", [])}
    others = tuple(f"{path}/" for path in (Path(__file__).parents[1], sys.prefix, sys.base_prefix))
    imported = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(others) or not file.endswith(".py"):
            continue  # thousands, and to resolve each costs more than the model does
        path = Path(file).resolve()
        if path.is_relative_to(here) and not path.is_relative_to(Path(sys.prefix).resolve()):
            imported.add(path.relative_to(here))
    return [_source(path) for path in sorted(declared | imported) if path.is_file()]


def _source(path: Path) -> Source:
    return {"path": path.as_posix(), "sha256": file_sha256(path)}


if __name__ == "__main__":
    main()
