"""What a module's `forward` is called with, and the flat list of tensors that a file takes instead.

An ONNX file takes tensors. Whatever else a module is called with (keywords, None, numbers, tuples,
dictionaries, dataclasses, caches of transformers) is flattened as torch.export flattens it, by
`torch.utils._pytree`: arguments in the order of the signature, the contents of each in their own
order. What is not a tensor becomes a constant of the file.

Where every argument is a tensor given by position, and no other parameter has a default but None
(none at all if the forward is decorated), both exporters are called as a user would call them.
Otherwise they get the module with another `forward`, which takes the tensors and returns the
tensors of the result (`take_tensors`), since they would not agree. The TorchScript exporter gives
every default by position (`_decide_input_format`) and makes an input of each number, so that
`input_names` fall on the wrong inputs; it refuses dataclasses, caches and keyword-only parameters.
torch.export's takes a dictionary in the last place for keyword arguments.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from opset_atlas.base.messages import clean, describe
from opset_atlas.models.inputs import default_names

_CACHES = "transformers.cache_utils"
_KINDS = inspect.Parameter


class Unsupported(Exception):
    """A limit of this package, not a fault of the model."""

    def __init__(self, what: str) -> None:
        super().__init__(f"opset-atlas cannot {what}")


class Misused(Exception):
    """The configuration says something about the model that is not true."""


class _Tensor:
    """Stands where a tensor goes."""

    def __repr__(self) -> str:
        return "a tensor"


TENSOR = _Tensor()


@dataclass(frozen=True)
class Arguments:
    """What `forward` is called with; `names` are those of the positional arguments.

    `defaults`: parameters that are not given have defaults that the TorchScript exporter would
    give by position.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    names: tuple[str, ...]
    defaults: bool = False


@dataclass(frozen=True)
class Layout:
    """Where the tensors of a call are: `names` in their order, the constants between them.

    `plain`: every argument is a tensor that is given by position, and nothing is left to a default
    but None.
    """

    names: list[str]
    leaves: list[Any]
    tree: pytree.TreeSpec
    plain: bool

    def __deepcopy__(self, memo: Any) -> Layout:
        return self

    def arguments(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and keyword arguments with these tensors in them."""
        following = iter(tensors)
        leaves = [next(following) if leaf is TENSOR else leaf for leaf in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.tree)
        return args, kwargs

    def call(self, module: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> Any:
        """The result of the module for these tensors."""
        args, kwargs = self.arguments(tensors)
        return module(*args, **kwargs)

    def text(self) -> str:
        """The call in Python's words: `forward(x, mask=mask, use_cache=True)`."""
        names = iter(self.names)
        texts = iter([next(names) if leaf is TENSOR else _short(leaf) for leaf in self.leaves])
        args, kwargs = self.tree.children()
        said = [_text(child, texts) for child in args.children()]
        keys = kwargs.context
        said += [f"{key}={_text(c, texts)}" for key, c in zip(keys, kwargs.children(), strict=True)]
        return f"forward({', '.join(said)})"

    def difference(self, other: Layout) -> str:
        """Why two calls cannot be those of one file, or ""."""
        same = self.tree == other.tree and self.names == other.names
        if same and all(map(_same, self.leaves, other.leaves)):
            return ""
        return f"{clean(other.text(), 300)} and not {clean(self.text(), 300)}"


def bind(module: torch.nn.Module, made: Any) -> Arguments:
    """What an input function made, as arguments of the module.

    The keys of a mapping are names of parameters; where none of them is one, the values go by
    position. A tuple or list goes by position; anything else is the only argument.

    Raises:
        Misused: some keys are parameters and others are not.
    """
    parameters = _parameters(module)
    if isinstance(made, Mapping):
        return _by_name(parameters, {str(key): value for key, value in made.items()})
    args = tuple(made) if isinstance(made, tuple | list) else (made,)
    if all(isinstance(value, torch.Tensor) for value in args):
        return Arguments(args, {}, tuple(default_names("input", len(args))))
    return Arguments(args, {}, tuple(positional_names(module, len(args))))


def ordered(module: torch.nn.Module, arguments: Arguments) -> Arguments:
    """The same with its keywords in the order of the signature; leading ones go by position."""
    parameters = _parameters(module)
    by_position = [
        name
        for name, each in parameters.items()
        if each.kind in (_KINDS.POSITIONAL_ONLY, _KINDS.POSITIONAL_OR_KEYWORD)
    ]
    args, names, rest = list(arguments.args), list(arguments.names), dict(arguments.kwargs)
    for name in by_position[len(args) :]:
        if name not in rest:
            break
        args.append(rest.pop(name))
        names.append(name)
    places = {name: place for place, name in enumerate(parameters)}
    order = sorted(rest, key=lambda name: places.get(name, len(places)))
    left = [each for name, each in parameters.items() if name not in rest][len(args) :]
    given = [each for each in left if each.default is not each.empty]
    # What wraps a forward may give some of them itself, as transformers gives `use_cache`.
    wrapped = hasattr(module.forward, "__wrapped__")
    defaults = any(
        wrapped or each.default is not None or each.kind == each.KEYWORD_ONLY for each in given
    )
    return Arguments(tuple(args), {name: rest[name] for name in order}, tuple(names), defaults)


def positional_names(module: torch.nn.Module, count: int) -> list[str]:
    """The names of the first parameters; `args_0`, `args_1` for those of `*args`."""
    found: list[str] = []
    for name, each in _parameters(module).items():
        if each.kind in (_KINDS.POSITIONAL_ONLY, _KINDS.POSITIONAL_OR_KEYWORD):
            found.append(name)
        elif each.kind == _KINDS.VAR_POSITIONAL:
            found += [f"{name}_{i}" for i in range(max(0, count - len(found)))]
    return [*found, *default_names("input", count)[len(found) :]][:count]


def flatten(
    arguments: Arguments, own: Mapping[int, str] | None = None
) -> tuple[Layout, tuple[torch.Tensor, ...]]:
    """The layout of a call, and its tensors.

    Args:
        own: names that tensors have, by their identity; the others are named as torch.export names
            them, by the argument and the keys and indices below it.

    Raises:
        Unsupported: an argument holds tensors and torch does not know how to flatten it.
    """
    whole = (arguments.args, arguments.kwargs)
    register(whole, "input")
    found, tree = _with_paths(whole)
    leaves, names, tensors = [], [], []
    for path, leaf in found:
        if not isinstance(leaf, torch.Tensor):
            leaves.append(leaf)
            continue
        first = arguments.names[path[1].idx] if path[0].idx == 0 else str(path[1].key)
        names.append((own or {}).get(id(leaf)) or "_".join([first, *map(_key, path[2:])]))
        leaves.append(TENSOR)
        tensors.append(leaf)
    tensors_only = all(isinstance(each, torch.Tensor) for each in arguments.args)
    plain = tensors_only and not arguments.kwargs and not arguments.defaults
    return Layout(_distinct(names), leaves, tree, plain), tuple(tensors)


def register(value: Any, role: str) -> None:
    """Tell torch how to flatten dataclasses and the caches of transformers that are in a value.

    torch and transformers have the functions for it and leave it to the user to call them.

    Raises:
        Unsupported: another object holds tensors.
    """
    kinds: dict[type, Any] = {}
    while True:
        try:
            kinds = {type(leaf): leaf for leaf in pytree.tree_leaves(value)}
        except Exception as error:  # a function of another package, or of the user
            raise Unsupported(f"flatten {role}s: {describe(error)}") from error
        if not any(_register(leaf) for leaf in kinds.values()):
            break
    for kind, leaf in kinds.items():
        held = vars(leaf) if hasattr(leaf, "__dict__") and not isinstance(leaf, type) else {}
        inside = pytree.tree_leaves({str(key): each for key, each in held.items()})
        tensor = isinstance(leaf, torch.Tensor) or issubclass(kind, torch.nn.Module)
        if not tensor and any(isinstance(each, torch.Tensor) for each in inside):
            raise Unsupported(
                f"flatten {role}s of {kind.__qualname__}, which holds tensors; "
                "tell torch how, with torch.utils._pytree.register_pytree_node"
            )


def _with_paths(value: Any) -> tuple[list[tuple[tuple[Any, ...], Any]], pytree.TreeSpec]:
    """The leaves with their paths, also where a package registered a container without its keys.

    diffusers does so with its outputs; `tree_flatten_with_path` raises for them.
    """
    leaves, tree = pytree.tree_flatten(value)
    return list(zip(_paths(value), leaves, strict=True)), tree


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    node = pytree.SUPPORTED_NODES.get(pytree._get_node_type(value))
    if node is None:
        yield path
        return
    children, _ = node.flatten_fn(value)
    keys: list[Any] = [pytree.SequenceKey(index) for index in range(len(children))]
    if node.flatten_with_keys_fn:
        keys = [key for key, _ in node.flatten_with_keys_fn(value)[0]]
    elif isinstance(value, Mapping) and len(value) == len(children):
        keys = [pytree.MappingKey(key) for key in value]
    for key, child in zip(keys, children, strict=True):
        yield from _paths(child, (*path, key))


def structured(result: Any) -> bool:
    """Whether a module's result has containers that the TorchScript exporter does not know."""
    tree = pytree.tree_structure(result)
    return any(
        not (issubclass(kind, tuple | list | dict))
        for kind in _containers(tree)
        if kind is not None
    )


def result_names(result: Any, inputs: Sequence[str]) -> list[str]:
    """The names of the tensors in a result that has keys: `logits`, `past_key_values_0_1`; else [].

    Names come from the keys of the outermost mapping or dataclass and all that is below them. A
    cache that is passed through would have the names of the inputs, which no file may have twice;
    these begin with `output_`.
    """
    found, tree = _with_paths(result)
    if tree.type in (None, tuple, list) or not found:
        return []
    tensors = [path for path, leaf in found if isinstance(leaf, torch.Tensor)]
    keys = ["_".join(map(_key, path)) for path in tensors]
    return _distinct([f"output_{key}" if key in inputs else key for key in keys])


def take_tensors(module: torch.nn.Module, layout: Layout) -> torch.nn.Module:
    """The same module, whose `forward` from now on takes tensors and returns a tuple of tensors.

    What it returns that is neither tensor nor None stays: an exporter that cannot give it refuses,
    as it would without this. The module gets a subclass of its class, of the same name, so that a
    copy's `forward` is the copy's and names in files stay as they are.
    """
    kind, own = type(module), vars(module).pop("forward", None)

    def forward(self: torch.nn.Module, *tensors: Any) -> tuple[Any, ...]:
        args, kwargs = layout.arguments(tensors)
        result = own(*args, **kwargs) if own else kind.forward(self, *args, **kwargs)
        register(result, "output")
        return tuple(leaf for leaf in pytree.tree_leaves(result) if leaf is not None)

    names = ["self", *_distinct([_identifier(name) for name in layout.names])]
    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_KINDS(name, _KINDS.POSITIONAL_OR_KEYWORD) for name in names]
    )
    module.__class__ = type(
        kind.__name__,
        (kind,),
        {"forward": forward, "__module__": kind.__module__, "__qualname__": kind.__qualname__},
    )
    return module


def _by_name(parameters: Mapping[str, _KINDS], made: dict[str, Any]) -> Arguments:
    open_ended = any(each.kind == _KINDS.VAR_KEYWORD for each in parameters.values())
    named = [n for n, p in parameters.items() if p.kind not in (_KINDS.VAR_POSITIONAL,)]
    unknown = [] if open_ended else [name for name in made if name not in named]
    if not unknown:
        return Arguments((), made, ())
    if len(unknown) == len(made):
        return Arguments(tuple(made.values()), {}, tuple(made))
    raise Misused(
        f"inputs: forward has no parameter {', '.join(unknown)}; there are: {', '.join(named)}"
    )


def _parameters(module: torch.nn.Module) -> Mapping[str, _KINDS]:
    try:
        return inspect.signature(module.forward).parameters
    except (TypeError, ValueError):  # not written in Python
        return {}


def _register(leaf: Any) -> bool:
    """Register the class of a leaf that is known to have parts; whether it was."""
    kind = type(leaf)
    if kind in pytree.SUPPORTED_NODES:
        return False
    if any(base.__module__ == _CACHES for base in kind.__mro__):
        return _register_cache(leaf)
    if dataclasses.is_dataclass(kind):
        torch.export.register_dataclass(kind)
        return True
    return False


def _register_cache(cache: Any) -> bool:
    """As transformers registers it: `DynamicCache` by itself, if its layers are plain ones.

    Every other cache goes by its attributes.
    """
    kind = type(cache)
    own = (kind.__module__, kind.__name__) == (_CACHES, "DynamicCache")
    place = "integrations.executorch", "register_dynamic_cache_export_support"
    if own and (function := _function(*place)):
        function()
        try:
            pytree.tree_leaves(cache)
            return True
        except RuntimeError:  # layers with a state of another form, as in Mamba
            pytree._deregister_pytree_node(kind)
    if function := _function("exporters.exporter_dynamo", "register_pytree_node"):
        function(kind)
        return True
    return False


def _function(module: str, name: str) -> Any:
    """A function of the installed transformers, which has not always had it; None without it."""
    try:
        return getattr(importlib.import_module(f"transformers.{module}"), name, None)
    except ImportError:
        return None


def _containers(tree: pytree.TreeSpec) -> Iterator[type | None]:
    if not tree.is_leaf():
        yield tree.type
    for child in tree.children():
        yield from _containers(child)


def _key(part: Any) -> str:
    """A step of a path as torch.export spells it in the name of an input."""
    for attribute in ("key", "idx", "name"):
        if hasattr(part, attribute):
            return re.sub(r"[^a-zA-Z0-9]", "_", str(getattr(part, attribute)))
    return re.sub(r"[^a-zA-Z0-9]", "_", str(part))


def _identifier(name: str) -> str:
    spelled = re.sub(r"\W", "_", name)
    usable = spelled.isidentifier() and not keyword.iskeyword(spelled)
    return spelled if usable else f"_{spelled}"


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that came before."""
    found: list[str] = []
    taken = set(names)
    for name in names:
        number, free = 0, name
        while free in found or (number and free in taken):
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def _text(tree: pytree.TreeSpec, leaves: Iterator[str]) -> str:
    if tree.is_leaf():
        return next(leaves)
    inside = [_text(child, leaves) for child in tree.children()]
    if tree.type is list:
        return f"[{', '.join(inside)}]"
    if tree.type is tuple:
        return f"({', '.join(inside)}{',' * (len(inside) == 1)})"
    if tree.type is dict:
        pairs = zip(tree.context, inside, strict=True)
        return f"{{{', '.join(f'{key!r}: {each}' for key, each in pairs)}}}"
    name = getattr(tree.type, "__name__", str(tree.type))
    return f"{name}({', '.join(inside)})"


def _short(leaf: Any) -> str:
    return clean(repr(leaf), 60)


def _same(one: Any, other: Any) -> bool:
    """Whether two constants are equal; of objects without an own equality, by their class."""
    if one is other or type(one) is not type(other):
        return one is other
    compares = any("__eq__" in vars(kind) for kind in type(one).__mro__[:-1])
    return bool(one == other) if compares else True
