"""onnxruntime on the CPU, one thread, with and without its graph optimizations.

Both are run so that the error of a fusion is not blamed on the exporter. Dtypes that numpy lacks
(bfloat16, float8) are passed as OrtValue over their bytes; onnxruntime offers no other way.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opset_atlas.base.messages import WHOLE, describe
from opset_atlas.records import RunOutcome
from opset_atlas.runtimes import Phase

PACKAGES = ("onnxruntime",)
VARIANTS = {
    "onnxruntime": "all graph optimizations",
    "onnxruntime-unoptimized": "no graph optimizations",
}
AS_WRITTEN = "onnxruntime-unoptimized"
FOLLOWS_VERSIONS = True

_SILENT = 4  # severity "fatal"
# `[ONNXRuntimeError] : 1 : FAIL : `: the exception's type has the same code, and so the outcome.
_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
# What onnxruntime puts around a reason, and its replacement. Applied in this order.
_AROUND: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"Non-zero status code returned while running (\w+) node\. "
            r"Name:'([^']*)' Status Message: "
        ),
        r"\1 node '\2': ",
    ),
    (re.compile(r"Load model from \S+ failed:(?:This is an invalid model\. )?"), ""),
    # The node with all its types, in front of the reason.
    (re.compile(r'In Node, \("([^"]*)", (\w+), .*?\) -> \(.*?\) , Error '), r"\2 node '\1': "),
    # The source location, the C++ function and the condition there: `…/reshape_helper.h:84
    # onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, bool) size != 0 &&
    # (input_shape_size % size) == 0 was false. `, also without folder and parameters.
    (
        re.compile(
            r"/\S+\.(?:h|cc|cpp):\d+ [^()]*\((?:[^()]|\([^()]*\))*\)(?: const)?"
            r"(?: \[with [^\]]*\])? "
            r"(?:.{1,300}? was false\. (?=\S))?"
        ),
        "",
    ),
    (re.compile(r"\b\w+\.(?:h|cc|cpp):\d+ \w+ "), ""),
    (re.compile(r"\s*Please fix either the inputs/outputs or the model\.\s*$"), ""),
)
# ml_dtypes name -> (name in onnxruntime's types, TensorProto.DataType).
_BY_BYTES = {
    "bfloat16": ("bfloat16", 16),
    "float8_e4m3fn": ("float8e4m3fn", 17),
    "float8_e4m3fnuz": ("float8e4m3fnuz", 18),
    "float8_e5m2": ("float8e5m2", 19),
    "float8_e5m2fnuz": ("float8e5m2fnuz", 20),
}


class NoPassage(Exception):
    """This onnxruntime cannot take or return tensors of some dtype."""


@dataclass(frozen=True)
class OrtSession:
    """An onnxruntime session with the names and types of its graph."""

    native: Any
    input_names: list[str]
    output_names: list[str]
    types: list[str]


def prepare() -> None:
    """Import onnxruntime and silence its log."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(_SILENT)


def load(path: Path, variant: str) -> OrtSession:
    """Load a file with the CPU provider."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_DISABLE_ALL if variant == AS_WRITTEN else levels.ORT_ENABLE_ALL
    )
    native = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, outputs = native.get_inputs(), native.get_outputs()
    types = [port.type for port in (*inputs, *outputs)]
    return OrtSession(native, [p.name for p in inputs], [p.name for p in outputs], types)


def run(session: OrtSession, inputs: Mapping[str, Any]) -> list[Any]:
    """Run once; arrays in, arrays out."""
    foreign = {f"tensor({name})" for name, _ in _BY_BYTES.values()}
    if not foreign.intersection(session.types):
        results: list[Any] = session.native.run(session.output_names, dict(inputs))
        return results
    values = {name: _to_ort(array) for name, array in inputs.items()}
    return [_to_numpy(v) for v in session.native.run_with_ort_values(session.output_names, values)]


def script(variant: str) -> str:
    """Lines of a stand-alone script that define `run(path, inputs)`."""
    level = "ORT_DISABLE_ALL" if variant == AS_WRITTEN else "ORT_ENABLE_ALL"
    return f"""import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort


def run(path, inputs):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.{level}
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)
"""


def classify(error: Exception, phase: Phase) -> tuple[RunOutcome, str]:
    """Decided by onnxruntime's result codes, which are the types of its exceptions."""
    detail = plain(str(error)) if _CODE.match(str(error)) else describe(error, WHOLE)
    if type(error).__name__ == "NotImplemented" or isinstance(error, NoPassage):
        return "no-kernel", detail
    return ("rejected" if phase == "load" else "failed"), detail


def plain(message: str) -> str:
    """An onnxruntime message in one line: its node, shapes and numbers, without its source code."""
    text = _CODE.sub("", message)
    for around, left in _AROUND:
        text = around.sub(left, text)
    return " ".join(text.split())


def _to_ort(array: Any) -> Any:
    import numpy as np
    import onnxruntime

    array = np.ascontiguousarray(array).reshape(array.shape)
    if array.dtype.name not in _BY_BYTES:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    if not hasattr(onnxruntime.OrtValue, "ortvalue_from_numpy_with_onnx_type"):
        version = onnxruntime.__version__
        raise NoPassage(f"onnxruntime {version} cannot take {array.dtype.name} from Python")
    code = _BY_BYTES[array.dtype.name][1]
    plain = array.view(np.dtype(f"u{array.dtype.itemsize}"))
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(plain, code)


def _to_numpy(value: Any) -> Any:
    import ml_dtypes
    import numpy as np

    names = {f"tensor({theirs})": ours for ours, (theirs, _) in _BY_BYTES.items()}
    if value.data_type() not in names:
        return value.numpy()
    dtype = np.dtype(getattr(ml_dtypes, names[value.data_type()]))
    shape = tuple(value.shape())
    size = math.prod(shape) * dtype.itemsize
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(data, dtype=dtype).reshape(shape)
