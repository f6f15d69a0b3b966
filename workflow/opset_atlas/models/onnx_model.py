"""An ONNX file as the model: its own output, computed without optimization, is the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
from safetensors.numpy import load_file, save_file

from opset_atlas.models import inputs
from opset_atlas.models.sizes import Axes, is_traced, run_at_others, spell, traced
from opset_atlas.records import Randomness, ReferenceSet, Signature
from opset_atlas.runtimes._oracle import ORACLE

WHY_NOT = "the model is an ONNX file; its own output is the reference"


def freeze(spec: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Run the file on every input set; write inputs and outputs; return the record's fields.

    Raises:
        ValueError: a dimension is dynamic and the configuration gives no shape for the input.
        Whatever onnx or the runtime raises for the file.
    """
    path = Path(spec["onnx"])
    graph = onnx_ir.load(path).graph
    files = _files(spec, graph)
    names = list(files) or spec["input_sets"]
    declared = spec.get("inputs") or []
    if files:
        shapes = {name: array.shape for name, array in files[names[0]].items()}
        declared = [{"name": name, "shape": [*shape]} for name, shape in shapes.items()]
    items, axes = _items(graph, {item["name"]: item for item in declared}), _axes(graph)
    session = ORACLE.load(path, ORACLE.AS_WRITTEN)
    given: dict[str, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    sets: list[ReferenceSet] = []

    def run(name: str, items: list[dict[str, Any]]) -> None:
        base = name.partition("@")[0]
        if not files:
            made = inputs.make(items, base, spec["seed"])
        elif is_traced(name):
            made = [files[base][item["name"]] for item in items]
            name += _other_sizes(name, items, made, axes)
        else:
            made = [_resized(files[base][item["name"]], item["shape"]) for item in items]
        arrays = [_cast(a, i) for a, i in zip(made, items, strict=True)]
        feeds = {item["name"]: array for item, array in zip(items, arrays, strict=True)}
        first, second = ORACLE.run(session, feeds), ORACLE.run(session, feeds)
        random = _changes(graph.outputs, first, second)
        sets.append({"name": name, "random": random, "float64": False, "why_not": WHY_NOT})
        given.update({f"{name}/{i}": array for i, array in enumerate(arrays)})
        outputs.update({f"{name}/eager/{i}": array for i, array in enumerate(first)})

    for name in names:
        run(name, items)
    chosen = spec.get("dynamic_sizes") or {}
    notes = run_at_others(items, axes, chosen, names[0], run)
    save_file(given, folder / "inputs.safetensors")
    save_file(outputs, folder / "reference.safetensors")
    return {
        "detail": "; ".join(notes),
        "parameters": sum(
            int(np.prod(value.shape.numpy())) for value in graph.initializers.values()
        ),
        "inputs": [
            _signature(item["name"], given[f"{sets[0]['name']}/{i}"])
            for i, item in enumerate(items)
        ],
        "outputs": [
            _signature(value.name or "", outputs[f"{sets[0]['name']}/eager/{i}"])
            for i, value in enumerate(graph.outputs)
        ],
        "sets": sets,
    }


def _files(spec: Mapping[str, Any], graph: onnx_ir.Graph) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each input set, by name, where inputs come from files."""
    if not isinstance(spec.get("inputs"), Mapping):
        return {}
    wanted = [each.name or "" for each in graph.inputs if each.name not in graph.initializers]
    found = {}
    for set_name, file in inputs.set_names(spec["inputs"]["files"]).items():
        if file.endswith(".npz"):
            with np.load(file, allow_pickle=False) as arrays:
                held = {name: np.asarray(arrays[name]) for name in arrays.files}
        else:
            held = load_file(file)
        if missing := [name for name in wanted if name not in held]:
            raise ValueError(f"{file} has no {', '.join(missing)}; it holds {', '.join(held)}")
        found[set_name] = {name: held[name] for name in wanted}
    return found


def _other_sizes(
    name: str, items: Sequence[Mapping[str, Any]], made: Sequence[np.ndarray], axes: Axes
) -> str:
    """`@batch=3` where a file's arrays have other sizes than the first one's; else ""."""
    these = [{**item, "shape": [*array.shape]} for item, array in zip(items, made, strict=True)]
    for item, other in zip(items, these, strict=True):
        free = {int(axis) for axis in axes.get(item["name"], {})}
        pairs = enumerate(zip(item["shape"], other["shape"], strict=False))
        same = all(one == another or axis in free for axis, (one, another) in pairs)
        if len(item["shape"]) != len(other["shape"]) or not same:
            raise ValueError(
                f"{item['name']} is {other['shape']} in {name} and {item['shape']} before; the file"
                " has no such dynamic dimension"
            )
    now, then = traced(these, axes), traced(items, axes)
    changed = {key: size for key, size in now.items() if size != then[key]}
    return f"@{spell(changed)}" if changed else ""


def _resized(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The array, cut along every axis, or repeated where it is too short."""
    for axis, (before, after) in enumerate(zip(array.shape, shape, strict=True)):
        array = array.take(np.arange(after) % before, axis) if before != after else array
    return array


def _cast(array: np.ndarray, item: Mapping[str, Any]) -> np.ndarray:
    """In the type that the file takes.

    Raises:
        ValueError: that is of another kind: a float is not made a whole number.
    """
    dtype = _numpy(item["dtype"])
    whole = [kind.kind in "iu" for kind in (array.dtype, dtype)]
    flags = [kind.kind == "b" for kind in (array.dtype, dtype)]
    if whole[0] != whole[1] or flags[0] != flags[1]:
        raise ValueError(f"{item['name']} takes {dtype.name}, and is {array.dtype.name}")
    return array.astype(dtype)


def _changes(
    outputs: Sequence[onnx_ir.Value], first: Sequence[Any], second: Sequence[Any]
) -> dict[str, Randomness]:
    """The outputs in which two runs differ."""
    found: dict[str, Randomness] = {}
    for value, one, other in zip(outputs, first, second, strict=True):
        if one.shape != other.shape:
            found[value.name or ""] = "shape"
        elif one.tobytes() != other.tobytes():
            found[value.name or ""] = "values"
    return found


def _axes(graph: onnx_ir.Graph) -> dict[str, dict[str, str]]:
    """The dimensions that the file leaves variable; unnamed ones are named after their input."""
    found: dict[str, dict[str, str]] = {}
    for value in graph.inputs:
        for axis, size in enumerate(value.shape or []):
            if not isinstance(size, int) and value.name not in graph.initializers:
                name = size.value or f"{value.name}.{axis}"
                found.setdefault(value.name or "", {})[str(axis)] = name
    return found


def _items(graph: onnx_ir.Graph, declared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs to generate: those of the graph without an initializer."""
    items = []
    for value in graph.inputs:
        if value.name in graph.initializers:
            continue
        given = declared.get(value.name or "", {})
        shape = given.get("shape") or list(value.shape or [])
        if not all(isinstance(size, int) for size in shape):
            raise ValueError(
                f"input {value.name} has the dynamic shape {shape}: give it under `inputs`"
            )
        dtype = value.dtype.name.lower() if value.dtype else "float"
        names = {"float": "float32", "double": "float64"}
        items.append(
            {**given, "name": value.name, "shape": shape, "dtype": names.get(dtype, dtype)}
        )
    return items


def _numpy(dtype: str) -> np.dtype[Any]:
    return (
        onnx.helper.tensor_dtype_to_np_dtype(getattr(onnx.TensorProto, dtype.upper(), 0))
        if dtype == "bfloat16"
        else np.dtype(dtype)
    )


def _signature(name: str, array: np.ndarray) -> Signature:
    return {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)}
