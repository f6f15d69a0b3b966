"""Make a module with its weights and inputs from a specification; shared by define and export."""

from __future__ import annotations

import inspect
import random
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch.utils._pytree import tree_leaves

from opset_atlas.models import inputs
from opset_atlas.models.loading import load_callable
from opset_atlas.models.sizes import Items, Sizes

Spec = Mapping[str, Any]

# Dtypes that can be kept as safetensors, read as numpy, fed to a runtime and measured.
DTYPES = frozenset(
    {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {"bool", "float16", "bfloat16", "float32", "float64"}
)
SIZES = "sizes"  # the parameter that tells an input callable which sizes to make


class Unsupported(Exception):
    """A limit of this package, not a fault of the model."""

    def __init__(self, what: str) -> None:
        super().__init__(f"opset-atlas cannot {what}")


class Misused(Exception):
    """The configuration says something about the model that is not true."""


def seed_everything(seed: int) -> None:
    """Seed every generator that a factory may draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def build(spec: Spec) -> torch.nn.Module:
    """The module as every stage uses it: from `create`, in evaluation mode, without gradients."""
    return create(spec).eval().requires_grad_(False)


def create(spec: Spec) -> torch.nn.Module:
    """Call the factory with the seed set, load the user's weights, cast; keep the factory's mode.

    Raises:
        Misused: the factory did not return a module.
        Whatever the factory or torch raises.
    """
    seed_everything(spec["seed"])
    module = load_callable(spec["factory"])(**spec.get("kwargs", {}))
    if not isinstance(module, torch.nn.Module):
        raise Misused(f"{spec['factory']} returned {type(module).__name__}, not a torch.nn.Module")
    if weights := spec.get("weights"):
        _load_weights(module, Path(weights))
    if (dtype := _dtype(spec.get("dtype") or "float32")) != torch.float32:
        module = module.to(dtype)
    _own_storage(module)
    return module


def behaving_otherwise(module: torch.nn.Module) -> Iterator[str]:
    """`name (Class)` of the submodules in training mode that compute something else in that mode.

    Such a module uses `self.training` in its own code, and its result depends on it, unlike a
    dropout of 0 or an instance normalization without running statistics. In an installed package
    only the innermost modules count: those around them use it only to save memory in training.
    """
    for name, each in module.named_modules():
        kind = type(each)
        if each.training and _asks_for_training(kind) and not _indifferent(each):
            parts = next(each.children(), None) is not None
            if not parts or kind.__module__.startswith("torch.") or not _is_installed(kind):
                yield f"{name} ({kind.__name__})" if name else f"{kind.__name__} itself"


def _asks_for_training(kind: type[torch.nn.Module]) -> bool:
    own = (base for base in kind.__mro__ if base not in torch.nn.Module.__mro__)
    functions = (
        value for base in own for value in vars(base).values() if inspect.isfunction(value)
    )
    return any("training" in function.__code__.co_names for function in functions)


def _is_installed(kind: type) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return file.startswith(f"{sysconfig.get_path('purelib')}/")


def _indifferent(module: torch.nn.Module) -> bool:
    """Whether a torch module computes the same in training mode."""
    nn = torch.nn
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return bool(module.p == 0)
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
        return bool(module.dropout == 0)
    if isinstance(module, nn.modules.instancenorm._InstanceNorm):
        return bool(not module.track_running_stats)
    # Their parts are listed separately; they only use it to decide whether to use a faster kernel.
    return isinstance(module, nn.TransformerEncoder | nn.TransformerEncoderLayer)


def _own_storage(module: torch.nn.Module) -> None:
    """Copy tensors that are views into a larger storage that no other tensor uses.

    `torch.hann_window` returns one. safetensors refuses such tensors, to avoid storing too much.
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


def make_inputs(
    spec: Spec, input_set: str, items: Items | None = None, sizes: Sizes | None = None
) -> tuple[torch.Tensor, ...]:
    """The tensors of one input set: `random-K`, `zeros`, `ones` or `large`.

    Args:
        items: names and shapes to use instead of those of the specification or of a callable.
        sizes: the variable dimensions' sizes in these shapes, by name, for a callable that accepts
            `sizes`.

    Raises:
        Misused: the user's callable returned something other than tensors.
        Unsupported: it returned tensors of a kind that cannot be handled here.
        LookupError: a callable only has random sets.
    """
    kind, _, index = input_set.partition("-")
    number = int(index) if index else 0
    if isinstance(spec["inputs"], str):
        if kind != "random":
            raise LookupError(f"inputs come from a callable; it has no set {input_set!r}")
        return _called_inputs(spec["inputs"], spec["seed"] + number, items, sizes or {})
    items = items or spec["inputs"]
    arrays = inputs.make(items, input_set, spec["seed"])
    default = spec.get("dtype") or "float32"
    dtypes = [inputs.dtype_of(item, default) for item in items]
    return tuple(
        torch.from_numpy(array).to(_dtype(name)) for array, name in zip(arrays, dtypes, strict=True)
    )


def _called_inputs(
    reference: str, seed: int, items: Items | None, sizes: Sizes
) -> tuple[torch.Tensor, ...]:
    """A callable's tensors, at other sizes than its own where `items` has other shapes.

    A callable that accepts `sizes` makes these sizes itself. Otherwise its tensors are cut or
    repeated along the axes whose size differs.
    """
    function = load_callable(reference)
    parameters = inspect.signature(function).parameters
    told = {SIZES: sizes} if items and SIZES in parameters else {}
    seed_everything(seed)
    made = function(*[seed] * bool(parameters.keys() - {SIZES}), **told)
    tensors = _tensors(made, reference)
    if not items:
        return tensors
    shapes = [tuple(item["shape"]) for item in items]
    if told:
        got = [tuple(tensor.shape) for tensor in tensors]
        if got != shapes:
            raise Misused(f"inputs: {reference} made {got} where {shapes} were asked for")
        return tensors
    return tuple(_resized(tensor, shape) for tensor, shape in zip(tensors, shapes, strict=True))


def _tensors(made: Any, reference: str) -> tuple[torch.Tensor, ...]:
    values = made.values() if isinstance(made, Mapping) else made
    tensors = (values,) if isinstance(values, torch.Tensor) else tuple(values)
    nested = [type(value).__name__ for value in tensors if isinstance(value, list | tuple | dict)]
    if nested and flat(tensors):
        raise Unsupported(f"take nested inputs: {reference} returned tensors in a {nested[0]}")
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise Misused(f"inputs: {reference} must return a tensor, or a tuple or dict of tensors")
    return tensors


def _resized(tensor: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """The tensor, cut along every axis, or repeated where it is too short."""
    for axis, (before, after) in enumerate(zip(tensor.shape, shape, strict=True)):
        if before != after:
            tensor = tensor.index_select(axis, torch.arange(after) % before)
    return tensor


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors in an arbitrarily nested result, in the order in which exporters flatten it."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def require_kinds(tensors: Sequence[torch.Tensor], role: str) -> None:
    """Check that inputs or outputs (`role`) can be kept, fed and measured.

    Raises:
        Unsupported: one cannot (the message names it), or there are no outputs.
    """
    if role == "output" and not tensors:
        raise Unsupported("compare a model that returns no tensor")
    for i, tensor in enumerate(tensors):
        kind = str(tensor.dtype).removeprefix("torch.")
        if tensor.is_nested or tensor.layout != torch.strided:
            kind = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
        if kind not in DTYPES:
            advice = "; torch.view_as_real makes two real numbers of each" * tensor.is_complex()
            raise Unsupported(f"handle {kind} {role}s (number {i}){advice}")


def input_names(spec: Spec, count: int) -> list[str]:
    """Declared names, or `input`, `input_1`, …; a callable's inputs are named by position."""
    if not isinstance(spec["inputs"], str):
        return [item["name"] for item in spec["inputs"]]
    return inputs.default_names("input", count)


def output_names(spec: Spec, count: int) -> list[str]:
    """Declared names, padded with `output`, `output_1`, …"""
    declared = list(spec.get("outputs") or [])
    return [*declared, *inputs.default_names("output", count)[len(declared) :]][:count]


def keys(result: Any) -> list[str]:
    """The keys of a module's outputs, if it returns a dictionary of tensors."""
    if not isinstance(result, Mapping):
        return []
    plain = all(isinstance(value, torch.Tensor) for value in result.values())
    return [str(key) for key in result] if plain else []


def misnamed(keys: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Warn where an output's name is another output's key, since names go by position."""
    swapped = [
        f"the output returned as {key} is named {name}"
        for key, name in zip(keys, names, strict=False)
        if key != name and name in keys
    ]
    if swapped:
        yield f"`outputs` gives names by position: {', '.join(swapped)}"


def shared(module: torch.nn.Module) -> Iterator[str]:
    """Several parameter names that share one tensor, as with tied weights."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for group in names.values():
        if len(group) > 1:
            yield f"{', '.join(group[:-1])} and {group[-1]} are one tensor"


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{name} is not a torch dtype")
    return dtype
