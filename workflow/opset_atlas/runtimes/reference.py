"""onnx.reference: the specification's own evaluator, in numpy. Advisory, never the oracle.

It applies newer semantics to some older opsets, so a difference here is a reason to look closer,
not a defect of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opset_atlas.base.messages import WHOLE, describe
from opset_atlas.records import RunOutcome
from opset_atlas.runtimes import Phase

PACKAGES = ("onnx",)
VARIANTS = {"reference": "onnx.reference.ReferenceEvaluator"}
AS_WRITTEN = "reference"
FOLLOWS_VERSIONS = False

_NO_KERNEL = {"NotImplementedError", "RuntimeImplementationError", "OpRunImplementationError"}


@dataclass(frozen=True)
class Evaluation:
    """An evaluator with the names of its graph."""

    evaluator: Any
    input_names: list[str]
    output_names: list[str]


def prepare() -> None:
    """Import the evaluator."""
    import onnx.reference  # noqa: F401


def load(path: Path, variant: str) -> Evaluation:
    """Load a file with its external data."""
    import onnx
    import onnx.reference

    model = onnx.load(path)
    initialized = {tensor.name for tensor in model.graph.initializer}
    return Evaluation(
        onnx.reference.ReferenceEvaluator(model),
        [port.name for port in model.graph.input if port.name not in initialized],
        [port.name for port in model.graph.output],
    )


def run(session: Evaluation, inputs: Mapping[str, Any]) -> list[Any]:
    """Evaluate once."""
    results: list[Any] = session.evaluator.run(None, dict(inputs))
    return results


def script(variant: str) -> str:
    """Lines of a stand-alone script that define `run(path, inputs)`."""
    return """import onnx.reference


def run(path, inputs):
    return onnx.reference.ReferenceEvaluator(path).run(None, inputs)
"""


def classify(error: Exception, phase: Phase) -> tuple[RunOutcome, str]:
    """Distinguishes an operator that is not implemented from a file or run that fails."""
    if type(error).__name__ in _NO_KERNEL:
        return "no-kernel", describe(error, WHOLE)
    return ("rejected" if phase == "load" else "failed"), describe(error, WHOLE)
