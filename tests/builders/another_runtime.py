"""A runtime as a user would add it: only this file, copied into `runtimes/`.

It has three variants. The plain one is in the middle; the last one drops the slope of LeakyRelu,
as a careless optimization might.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opset_atlas.records import RunOutcome
from opset_atlas.runtimes import Phase

PACKAGES = ("onnx",)
VARIANTS = {
    "another": "as it comes",
    "another-plain": "node by node",
    "another-careless": "LeakyRelu as Relu",
}
AS_WRITTEN = "another-plain"
FOLLOWS_VERSIONS = False

_LOADED = """import onnx
import onnx.reference


def loaded(path, careless):
    model = onnx.load(path)
    for node in model.graph.node if careless else ():
        if node.op_type == "LeakyRelu":
            node.op_type = "Relu"
            del node.attribute[:]
    return onnx.reference.ReferenceEvaluator(model)
"""


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
    """Load a file, and damage it in one variant."""
    names: dict[str, Any] = {}
    exec(_LOADED, names)
    evaluator = names["loaded"](path, variant == "another-careless")
    return Evaluation(evaluator, list(evaluator.input_names), list(evaluator.output_names))


def run(session: Evaluation, inputs: Mapping[str, Any]) -> list[Any]:
    """Evaluate once."""
    results: list[Any] = session.evaluator.run(None, dict(inputs))
    return results


def script(variant: str) -> str:
    """Lines of a stand-alone script that define `run(path, inputs)`."""
    return f"""{_LOADED}

def run(path, inputs):
    return loaded(path, {variant == "another-careless"}).run(None, inputs)
"""


def classify(error: Exception, phase: Phase) -> tuple[RunOutcome, str]:
    """Report every error as a failure, with its own message."""
    return ("rejected" if phase == "load" else "failed"), str(error)
