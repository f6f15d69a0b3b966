"""One exported file in the loops of loop.py: facts, graph, whether it matches torch's results."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf import json_format

LEVELS = (
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
)
LARGE = 128  # bytes of an initializer that are written into text and JSON

Sets = list[tuple[dict[str, Any], list[torch.Tensor]]]  # inputs by name, and torch's outputs


@dataclasses.dataclass
class Found:
    """Outcomes of cells, and the CPU seconds in calls of exporter, loader and session."""

    cells: Counter[str] = dataclasses.field(default_factory=Counter)
    cpu: Counter[str] = dataclasses.field(default_factory=Counter)

    @contextlib.contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Add what the body takes, in all threads of this process."""
        started = time.process_time()
        try:
            yield
        finally:
            self.cpu[what] += time.process_time() - started  # type: ignore[assignment]


@dataclasses.dataclass
class Seen:
    """What is known of a model: outcomes by a file's hash, texts, and which results are wrong."""

    outcomes: dict[str, str] = dataclasses.field(default_factory=dict)
    texts: set[str] = dataclasses.field(default_factory=set)
    results: dict[tuple[Any, ...], bool] = dataclasses.field(default_factory=dict)


def examine(
    path: Path, opset: int, sets: Sets, before: str, seen: Seen, found: Found
) -> tuple[str, str]:
    """The outcome of the file, and its graph as text, which is compared with the previous opset."""
    content = path.read_bytes()
    with found.timing("load"):
        loaded = onnx.load_from_string(content)
    delivered, sha256 = _describe(loaded, content, path)
    text = _dump(loaded, path, seen)
    path.with_suffix(".diff").write_text(difference(before, text) if before != text else "")
    if sha256 not in seen.outcomes:
        seen.outcomes[sha256] = _judge(path, sets, seen, found)
    return ("moved" if delivered != opset else seen.outcomes[sha256]), text


def _describe(loaded: Any, content: bytes, path: Path) -> tuple[int, str]:
    """Write down what the file is; its opset and hash. `loaded` loses its metadata."""
    opsets = {entry.domain: entry.version for entry in loaded.opset_import}
    for part in (*loaded.graph.node, *loaded.graph.value_info, loaded.graph, loaded):
        del part.metadata_props[:]
        part.doc_string = ""
    bare = loaded.SerializeToString(deterministic=True)
    facts = {
        "opsets": opsets,
        "ir_version": loaded.ir_version,
        "nodes": len(loaded.graph.node),
        "sha256": hashlib.sha256(content).hexdigest(),
        "canonical_sha256": hashlib.sha256(bare).hexdigest(),
    }
    path.with_suffix(".facts.json").write_text(json.dumps(facts))
    return opsets.get("", 0), facts["sha256"]


def _dump(loaded: Any, path: Path, seen: Seen) -> str:
    """Write the graph as text and as JSON: shapes inferred, large tensors by their hash."""
    with contextlib.suppress(Exception):  # invalid files are reported by the checker
        loaded = onnx.shape_inference.infer_shapes(loaded, data_prop=True)
    for tensor in loaded.graph.initializer:
        if len(tensor.raw_data) > LARGE:
            name = hashlib.sha256(tensor.raw_data).hexdigest()
            onnx.external_data_helper.set_external_data(tensor, location=name)
            tensor.ClearField("raw_data")
    text = str(onnx.printer.to_text(loaded.graph))
    path.with_suffix(".txt").write_text(text)
    if text not in seen.texts:
        seen.texts.add(text)
        path.with_suffix(".json").write_text(json_format.MessageToJson(loaded.graph))
    return text


def difference(left: str, right: str) -> str:
    """A unified diff, as from `diff -u`."""
    return "\n".join(difflib.unified_diff(left.splitlines(), right.splitlines(), lineterm=""))


def _judge(path: Path, sets: Sets, seen: Seen, found: Found) -> str:
    """Whether checker and onnxruntime accept the file, and whether its results match torch's."""
    wrong = 0
    try:
        onnx.checker.check_model(str(path), full_check=True)
        for level in LEVELS:
            wrong += _run(path, level, sets, seen, found)
    except Exception:
        return "invalid"
    return "mismatch" if wrong else "ok"


def _run(path: Path, level: Any, sets: Sets, seen: Seen, found: Found) -> int:
    """Run the file on every input set; return how many results differ from torch's."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    if torch.get_num_threads() == 1:  # a process per core
        options.intra_op_num_threads = options.inter_op_num_threads = 1
    with found.timing("load"):
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    wrong = 0
    for number, (inputs, truth) in enumerate(sets):
        feed = {each.name: inputs[each.name].numpy() for each in session.get_inputs()}
        with found.timing("run"):
            results = session.run(None, feed)
        for place, (got, expected) in enumerate(zip(results, truth, strict=True)):
            array = np.asarray(got)
            key = (number, place, array.dtype.str, array.shape, array.tobytes())
            if key not in seen.results:
                seen.results[key] = _differs(torch.from_numpy(array), expected)
            wrong += seen.results[key]
    return wrong


def _differs(got: torch.Tensor, expected: torch.Tensor) -> bool:
    try:
        torch.testing.assert_close(got, expected, equal_nan=True)
    except AssertionError:
        return True
    return False
