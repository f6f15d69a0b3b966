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

from opset_atlas.models import arguments, files, inputs
from opset_atlas.models.arguments import Arguments, Layout, Misused, Unsupported
from opset_atlas.models.loading import load_callable
from opset_atlas.models.objects import built
from opset_atlas.models.sizes import Items, Sizes

__all__ = ["Misused", "Unsupported"]

Spec = Mapping[str, Any]

# Dtypes that can be kept as safetensors, read as numpy, fed to a runtime and measured.
DTYPES = frozenset(
    {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {"bool", "float16", "bfloat16", "float32", "float64"}
)
SIZES = "sizes"  # the parameter that tells an input callable which sizes to make


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
    module = load_callable(spec["factory"])(**built(spec.get("kwargs", {})))
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


def make_inputs(spec: Spec, input_set: str, items: Items | None = None) -> tuple[torch.Tensor, ...]:
    """The tensors of one set of a list of inputs, in the list's order.

    Args:
        input_set: `random-K`, `zeros`, `ones` or `large`.
        items: shapes to use instead of those of the specification.
    """
    items = items or list(inputs.tensors_of(spec["inputs"]))
    arrays = inputs.make(items, input_set, spec["seed"])
    default = spec.get("dtype") or "float32"
    dtypes = [inputs.dtype_of(item, default) for item in items]
    return tuple(
        torch.from_numpy(array).to(_dtype(name)) for array, name in zip(arrays, dtypes, strict=True)
    )


def given(
    module: torch.nn.Module,
    spec: Spec,
    input_set: str,
    items: Items | None = None,
    sizes: Sizes | None = None,
) -> tuple[Layout, tuple[torch.Tensor, ...]]:
    """What a module is called with on one input set: the layout of the call, and its tensors.

    Args:
        items: the tensors' shapes, where they are to have others than the traced ones; in the
            order of a list of inputs, or of the layout of a callable's.
        sizes: the variable dimensions' sizes in these shapes, by name, for a callable that accepts
            `sizes`.

    Raises:
        Misused: the user's callable returned something that the module cannot be called with.
        Unsupported: it returned tensors of a kind that cannot be handled here.
        LookupError: a callable only has random sets.
    """
    if isinstance(spec["inputs"], str):
        kind, _, number = input_set.partition("-")
        if kind != "random":
            raise LookupError(f"inputs come from a callable; it has no set {input_set!r}")
        return _called(module, spec["inputs"], spec["seed"] + int(number), items, sizes or {})
    if isinstance(spec["inputs"], Mapping):
        return _from_file(module, spec, input_set, items)
    return _listed(module, spec["inputs"], make_inputs(spec, input_set, items))


def layout_of(module: torch.nn.Module, spec: Spec) -> Layout:
    """How a module is called, whatever the values of its inputs."""
    if isinstance(spec["inputs"], str):
        return _called(module, spec["inputs"], spec["seed"], None, {})[0]
    if isinstance(spec["inputs"], Mapping):
        first = next(iter(inputs.set_names(spec["inputs"]["files"])))
        return _from_file(module, spec, first, None)[0]
    tensors = [torch.empty(0) for _ in inputs.tensors_of(spec["inputs"])]
    return _listed(module, spec["inputs"], tensors)[0]


def _listed(
    module: torch.nn.Module, items: Sequence[Mapping[str, Any]], tensors: Sequence[torch.Tensor]
) -> tuple[Layout, tuple[torch.Tensor, ...]]:
    """A list of inputs as arguments: by position, or by the keyword that an item names."""
    following = iter(tensors)
    own: dict[int, str] = {}

    def value(item: Mapping[str, Any]) -> Any:
        if "items" in item:
            below = item["items"]
            if isinstance(below, Mapping):
                return {key: value(each) for key, each in below.items()}
            return tuple(value(each) for each in below)
        if "value" in item:
            return built(item["value"])
        tensor = next(following)
        own[id(tensor)] = item["name"]
        return tensor

    args, names, kwargs = [], [], {}
    for item in items:
        if key := item.get("keyword"):
            kwargs[key] = value(item)
        else:
            args.append(value(item))
            names.append(item.get("name") or f"argument {len(args)}")
    call = arguments.ordered(module, Arguments(tuple(args), kwargs, tuple(names)))
    return arguments.flatten(call, own)


def _from_file(
    module: torch.nn.Module, spec: Spec, input_set: str, items: Items | None
) -> tuple[Layout, tuple[torch.Tensor, ...]]:
    """What a file holds, its tensors cut or repeated where `items` has other shapes."""
    given = spec["inputs"]
    file = inputs.set_names(given["files"])[input_set]
    seed_everything(spec["seed"])
    made = files.read(file, given.get("transform"), _dtype(spec.get("dtype") or "float32"))
    call = arguments.ordered(module, arguments.bind(module, made))
    layout, tensors = arguments.flatten(call)
    if not tensors:
        raise Misused(f"inputs: {file} holds no tensor, but {layout.text()}")
    if not items:
        return layout, tensors
    return layout, tuple(
        _resized(tensor, item["shape"]) for tensor, item in zip(tensors, items, strict=True)
    )


def _called(
    module: torch.nn.Module, reference: str, seed: int, items: Items | None, sizes: Sizes
) -> tuple[Layout, tuple[torch.Tensor, ...]]:
    """What a callable makes, at other sizes than its own where `items` has other shapes.

    A callable that accepts `sizes` makes these sizes itself. Otherwise its tensors are cut or
    repeated along the axes whose size differs.
    """
    function = load_callable(reference)
    parameters = inspect.signature(function).parameters
    told = {SIZES: sizes} if items and SIZES in parameters else {}
    seed_everything(seed)
    made = function(*[seed] * bool(parameters.keys() - {SIZES}), **told)
    call = arguments.ordered(module, arguments.bind(module, made))
    layout, tensors = arguments.flatten(call)
    if not tensors:
        raise Misused(f"inputs: {reference} must return a tensor, or something that holds tensors")
    if not items:
        return layout, tensors
    shapes = [tuple(item["shape"]) for item in items]
    if told:
        got = [tuple(tensor.shape) for tensor in tensors]
        if got != shapes:
            raise Misused(f"inputs: {reference} made {got} where {shapes} were asked for")
        return layout, tensors
    return layout, tuple(
        _resized(tensor, shape) for tensor, shape in zip(tensors, shapes, strict=True)
    )


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


def output_names(spec: Spec, count: int, keys: Sequence[str] = ()) -> list[str]:
    """Declared names; without any the result's own keys, else `output`, `output_1`, …"""
    declared = list(spec.get("outputs") or keys)
    return [*declared, *inputs.default_names("output", count)[len(declared) :]][:count]


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
