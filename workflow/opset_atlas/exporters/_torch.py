"""What the exporters of `torch.onnx.export` share: the frozen module, its inputs, their names."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from opset_atlas.base import source_lines
from opset_atlas.base.messages import describe
from opset_atlas.exporters import Job, Refusal
from opset_atlas.models import arguments
from opset_atlas.models import module as model
from opset_atlas.onnx_files.origins import STACK

# Packages whose exceptions wrap another one to say at which step of the export it was raised.
_WRAPPERS = ("torch.onnx", "onnx_ir", "onnxscript")
_BOILERPLATE = re.compile(
    r" Please feel free to request support or submit a pull request on PyTorch GitHub: \S+"
)


@dataclass(frozen=True)
class Frozen:
    """The module with the weights of the define stage and the inputs of its first set."""

    module: torch.nn.Module
    inputs: tuple[torch.Tensor, ...]
    input_names: list[str]
    output_names: list[str]


def thaw(job: Job) -> Frozen:
    """Rebuild the module from its factory, with the frozen weights in it."""
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # else a cell's warnings depend on the cells before it
    module = model.build(job.spec)
    safetensors.torch.load_model(module, job.define / "weights.safetensors")
    if job.spec["flattened"]:
        arguments.take_tensors(module, model.layout_of(module, job.spec))
    tensors = safetensors.torch.load_file(job.define / "inputs.safetensors")
    first = job.spec["input_set"]
    count = sum(key.startswith(f"{first}/") for key in tensors)
    return Frozen(
        module=module,
        inputs=tuple(tensors[f"{first}/{i}"] for i in range(count)),
        input_names=job.spec["input_names"],
        output_names=job.spec["output_names"],
    )


def export(frozen: Frozen, opset: int, path: Path, **options: Any) -> None:
    """Call `torch.onnx.export` as a user would, from a known state of the generators.

    Raises:
        Refusal: with the reason from the bottom of what torch raised.
    """
    model.seed_everything(0)
    try:
        torch.onnx.export(
            frozen.module,
            frozen.inputs,
            str(path),
            opset_version=opset,
            input_names=frozen.input_names,
            output_names=frozen.output_names,
            **options,
        )
    except MemoryError:  # says nothing about the model
        raise
    except Exception as error:
        raise Refusal(reason(error), source(error)) from error


def reason(error: BaseException) -> str:
    """What torch raised, in one line: the exception below the exporter's own wrappers.

    torch.export's refusals begin with advice (`This is step 1/3 …`) and have what happened at the
    end, or in the exception that they were raised from.
    """
    while error.__cause__ is not None and type(error).__module__.startswith(_WRAPPERS):
        error = error.__cause__
    bottom = error
    while bottom.__cause__ is not None:
        bottom = bottom.__cause__
    texts = [describe(each) for each in dict.fromkeys((error, bottom))]
    return ", caused by ".join(_BOILERPLATE.sub("", text).strip() for text in texts)


def source(error: BaseException) -> str:
    """The line of the user's code that a refusal is about; "" where nothing tells.

    It is the one that torch was running, else the one that the node at hand was made from, else the
    one that the message names.
    """
    chain = list(_chain(error))
    return (
        source_lines.in_traceback(error)
        or next(filter(None, map(_of_node, chain)), "")
        or next(filter(None, (source_lines.in_text(str(each)) for each in chain)), "")
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that one follows from and itself, the first one first."""
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)
    yield error


def _of_node(error: BaseException) -> str:
    """The line of the node that was at hand in the innermost function that had one."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    nodes = (frame.f_locals.get("node") for frame in reversed(frames))
    return next(filter(None, (source_lines.in_text(_stack(node)) for node in nodes)), "")


def _stack(node: Any) -> str:
    """The stack trace that a node of TorchScript, torch.fx or onnx_ir keeps."""
    if isinstance(node, torch._C.Node):
        return str(node.sourceRange())
    if isinstance(node, torch.fx.Node):
        return node.stack_trace or ""
    metadata = getattr(node, "metadata_props", None)
    return str(metadata.get(STACK, "")) if isinstance(metadata, Mapping) else ""
