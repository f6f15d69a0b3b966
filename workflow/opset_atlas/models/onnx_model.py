"""An ONNX file as the model: its own output, computed without optimization, is the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
from safetensors.numpy import save_file

from opset_atlas.models import inputs
from opset_atlas.models.sizes import run_at_others
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
    items = _items(graph, {item["name"]: item for item in spec.get("inputs") or []})
    session = ORACLE.load(path, ORACLE.AS_WRITTEN)
    given: dict[str, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    sets: list[ReferenceSet] = []

    def run(name: str, items: list[dict[str, Any]]) -> None:
        made = inputs.make(items, name.partition("@")[0], spec["seed"])
        arrays = [a.astype(_numpy(i["dtype"])) for a, i in zip(made, items, strict=True)]
        feeds = {item["name"]: array for item, array in zip(items, arrays, strict=True)}
        first, second = ORACLE.run(session, feeds), ORACLE.run(session, feeds)
        random = _changes(graph.outputs, first, second)
        sets.append({"name": name, "random": random, "float64": False, "why_not": WHY_NOT})
        given.update({f"{name}/{i}": array for i, array in enumerate(arrays)})
        outputs.update({f"{name}/eager/{i}": array for i, array in enumerate(first)})

    for name in spec["input_sets"]:
        run(name, items)
    chosen = spec.get("dynamic_sizes") or {}
    notes = run_at_others(items, _axes(graph), chosen, spec["input_sets"][0], run)
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
