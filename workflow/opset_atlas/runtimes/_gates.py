"""Which opset and IR version each release of onnxruntime loads, measured with a file of one Relu.

`tools/make_gates.py` measures it. Beyond its gate a release refuses any file; within it, it can
still lack a kernel. Releases before the first row have no wheel for the Python of the measurement;
https://onnxruntime.ai/docs/reference/compatibility.html lists them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """The newest opset (of ai.onnx) and IR version that a minor release loads."""

    version: str
    opset: int
    ir_version: int


ONNXRUNTIME = (
    Gate("1.15", 19, 9),
    Gate("1.16", 19, 9),
    Gate("1.17", 20, 9),
    Gate("1.18", 21, 10),
    Gate("1.19", 21, 10),
    Gate("1.20", 21, 10),
    Gate("1.21", 22, 10),
    Gate("1.22", 22, 10),
    Gate("1.23", 23, 11),
    Gate("1.24", 25, 13),
    Gate("1.25", 26, 13),
    Gate("1.26", 26, 13),
    Gate("1.27", 26, 13),
    Gate("1.28", 26, 13),
    Gate("1.29", 26, 13),
    Gate("1.30", 26, 13),
    Gate("1.31", 26, 13),
    Gate("1.32", 28, 14),
)


def oldest(opset: int, ir_version: int) -> Gate | None:
    """The oldest measured release that loads a file of this opset and IR version, if any does."""
    gates = (g for g in ONNXRUNTIME if opset <= g.opset and ir_version <= g.ir_version)
    return next(gates, None)
