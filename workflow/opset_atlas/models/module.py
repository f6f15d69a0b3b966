"""From a specification to a module with its weights and inputs: what define and export share."""

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

# What can be kept as safetensors, read as numpy, fed to a runtime and measured.
DTYPES = frozenset(
    {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {"bool", "float16", "bfloat16", "float32", "float64"}
)
SIZES = "sizes"  # the parameter under which a callable of inputs is told which sizes to make


class Unsupported(Exception):
    """A limit of this package, and no fault of the model's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"opset-atlas cannot {what}")


class Misused(Exception):
    """The configuration says something of the model that does not hold."""


def seed_everything(seed: int) -> None:
    """Seed every generator that a factory may draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def build(spec: Spec) -> torch.nn.Module:
    """The module as every stage uses it: `create` in evaluation mode, without gradients."""
    return create(spec).eval().requires_grad_(False)


def create(spec: Spec) -> torch.nn.Module:
    """Call the factory under the seed, load the user's weights, cast; the mode is the factory's.

    Raises:
        Misused: the factory returned no module.
        Whatever the factory or torch raise.
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
    """`name (Class)` of what is in training mode and computes something else there.

    That is what asks for `self.training` in its own code and has something to do with it: a dropout
    of 0 has not, and neither has an instance normalization without running statistics. Of a package
    that is installed the smallest parts count: what they are parts of asks only whether to save
    memory while training.
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
    """Whether a module of torch's own has nothing to do in training mode."""
    nn = torch.nn
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return bool(module.p == 0)
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
        return bool(module.dropout == 0)
    if isinstance(module, nn.modules.instancenorm._InstanceNorm):
        return bool(not module.track_running_stats)
    # Whose parts are named for themselves; they ask only whether a faster kernel may be used.
    return isinstance(module, nn.TransformerEncoder | nn.TransformerEncoderLayer)


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


def make_inputs(
    spec: Spec, input_set: str, items: Items | None = None, sizes: Sizes | None = None
) -> tuple[torch.Tensor, ...]:
    """The tensors of one input set: `random-K`, `zeros`, `ones` or `large`.

    Args:
        items: names and shapes that they shall have instead of the specification's or of those that
            a callable makes.
        sizes: what these shapes make of the variable dimensions, by name: for a callable that
            accepts `sizes`.

    Raises:
        Misused: the user's callable returned something else than tensors.
        Unsupported: it returned tensors of a kind that cannot be handled here.
        LookupError: a callable has random sets only.
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
    """What a callable makes, at other sizes than its own where `items` has other shapes.

    One that accepts `sizes` makes them itself. Else its tensors are cut or repeated along the axes
    whose size is another.
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
    """The beginning of the tensor along every axis, again and again where that is too short."""
    for axis, (before, after) in enumerate(zip(tensor.shape, shape, strict=True)):
        if before != after:
            tensor = tensor.index_select(axis, torch.arange(after) % before)
    return tensor


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors in a result of any nesting, in the order in which exporters flatten it."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def require_kinds(tensors: Sequence[torch.Tensor], role: str) -> None:
    """Check that inputs or outputs (`role`) can be kept, fed and measured.

    Raises:
        Unsupported: one cannot, and which; or there are no outputs.
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
    """Declared names, or `input`, `input_1`, …; a callable's inputs go by position."""
    if not isinstance(spec["inputs"], str):
        return [item["name"] for item in spec["inputs"]]
    return inputs.default_names("input", count)


def output_names(spec: Spec, count: int) -> list[str]:
    """Declared names, padded with `output`, `output_1`, …"""
    declared = list(spec.get("outputs") or [])
    return [*declared, *inputs.default_names("output", count)[len(declared) :]][:count]


def keys(result: Any) -> list[str]:
    """Under which keys a module returns its outputs, where it returns a dictionary of tensors."""
    if not isinstance(result, Mapping):
        return []
    plain = all(isinstance(value, torch.Tensor) for value in result.values())
    return [str(key) for key in result] if plain else []


def misnamed(keys: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Where outputs get the key of another one for a name, since names go by position."""
    swapped = [
        f"what the model returns as {key} is called {name}"
        for key, name in zip(keys, names, strict=False)
        if key != name and name in keys
    ]
    if swapped:
        yield f"`outputs` names by position: {', '.join(swapped)}"


def shared(module: torch.nn.Module) -> Iterator[str]:
    """Parameters of several names that are one tensor, as with tied weights."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for group in names.values():
        if len(group) > 1:
            yield f"{', '.join(group[:-1])} and {group[-1]} are one tensor"


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{name} is not a dtype of torch")
    return dtype
