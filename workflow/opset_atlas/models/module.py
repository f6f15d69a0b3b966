"""From a specification to a module with its weights and inputs: what define and export share."""

from __future__ import annotations

import importlib
import inspect
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import safetensors.torch
import torch

from opset_atlas.models import inputs

Spec = Mapping[str, Any]


def seed_everything(seed: int) -> None:
    """Seed every generator that a factory may draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def load_callable(reference: str) -> Callable[..., Any]:
    """The object that `path/to/file.py:name` or `package.module:name` stands for.

    Raises:
        whatever importing it raises, and AttributeError where the name is missing.
    """
    module_name, _, name = reference.rpartition(":")
    if module_name.endswith(".py"):
        module = _load_file(Path(module_name))
    else:
        module = importlib.import_module(module_name)
    target: Any = module
    for part in name.split("."):
        target = getattr(target, part)
    result: Callable[..., Any] = target
    return result


def _load_file(path: Path) -> ModuleType:
    """Execute a file as a module that knows itself by the path as given.

    importlib would make the path absolute; exporters write the paths of a model's source into the
    file, and those would then differ between two copies of a project.
    """
    module = ModuleType(f"atlas_model_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def build(spec: Spec) -> torch.nn.Module:
    """Call the factory under the seed, load the user's weights, cast, set to evaluation mode."""
    seed_everything(spec["seed"])
    module = load_callable(spec["factory"])(**spec.get("kwargs", {}))
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"{spec['factory']} returned {type(module).__name__}, not a torch.nn.Module"
        )
    if weights := spec.get("weights"):
        _load_weights(module, Path(weights))
    if (dtype := _dtype(spec.get("dtype") or "float32")) != torch.float32:
        module = module.to(dtype)
    _own_storage(module)
    return module.eval().requires_grad_(False)


def _own_storage(module: torch.nn.Module) -> None:
    """Copy what is a part of something larger that no other tensor holds: `torch.hann_window`.

    safetensors refuses such a tensor, lest it store more than it was meant to.
    """
    tensors = [*module.parameters(), *module.buffers()]
    whole = {
        tensor.untyped_storage().data_ptr()
        for tensor in tensors
        if tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    }
    for tensor in tensors:
        if tensor.untyped_storage().data_ptr() not in whole:
            tensor.data = tensor.data.clone()


def _load_weights(module: torch.nn.Module, path: Path) -> None:
    if path.suffix == ".safetensors":
        module.load_state_dict(safetensors.torch.load_file(path))
    else:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))


def make_inputs(spec: Spec, input_set: str) -> tuple[torch.Tensor, ...]:
    """The tensors of one input set: `random-K`, `zeros`, `ones` or `large`.

    Raises:
        TypeError: the user's callable returned something else than tensors.
        LookupError: a callable has random sets only.
    """
    kind, _, index = input_set.partition("-")
    number = int(index) if index else 0
    if isinstance(spec["inputs"], str):
        if kind != "random":
            raise LookupError(f"inputs come from a callable; it has no set {input_set!r}")
        return _called_inputs(spec["inputs"], spec["seed"] + number)
    arrays = inputs.make(spec["inputs"], input_set, spec["seed"])
    default = spec.get("dtype") or "float32"
    dtypes = [inputs.dtype_of(item, default) for item in spec["inputs"]]
    return tuple(
        torch.from_numpy(array).to(_dtype(name)) for array, name in zip(arrays, dtypes, strict=True)
    )


def _called_inputs(reference: str, seed: int) -> tuple[torch.Tensor, ...]:
    function = load_callable(reference)
    seed_everything(seed)
    made = function(seed) if inspect.signature(function).parameters else function()
    values = made.values() if isinstance(made, Mapping) else made
    tensors = (values,) if isinstance(values, torch.Tensor) else tuple(values)
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise TypeError(f"inputs: {reference} must return a tensor, or a tuple or dict of tensors")
    return tensors


def input_names(spec: Spec, count: int) -> list[str]:
    """Declared names, or `input`, `input_1`, …; a callable's inputs go by position."""
    if not isinstance(spec["inputs"], str):
        return [item["name"] for item in spec["inputs"]]
    return inputs.default_names("input", count)


def output_names(spec: Spec, count: int) -> list[str]:
    """Declared names, padded with `output`, `output_1`, …"""
    declared = list(spec.get("outputs") or [])
    return [*declared, *inputs.default_names("output", count)[len(declared) :]][:count]


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{name} is not a dtype of torch")
    return dtype
