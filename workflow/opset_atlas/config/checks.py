"""All checks of a configuration, made before anything starts.

The JSON schema checks its shape. The rest of this module checks, in the parts that have the right
shape, what a schema cannot express.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from opset_atlas import exporters, plugins
from opset_atlas.base import dimensions
from opset_atlas.config import input_files, metrics, named_sizes, objects, targets
from opset_atlas.config.reading import NUMBERED, ConfigError
from opset_atlas.config.references import callable_problem, file_problem, version
from opset_atlas.config.schema import KeyPath, key_path, schema_problems, show, suggestion
from opset_atlas.onnx_files import external_data

Problem = tuple[KeyPath, str]

INTEGERS = {
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
# Keys that do not apply to a model that is an ONNX file.
NOT_FOR_ONNX = ("kwargs", "outputs", "dynamic_shapes", "dtype", "weights", "packages", "options")
# Keys of an item of `inputs` that say something about a tensor.
_OF_TENSORS = ("shape", "dtype", "range", "values")
STATE_DICTS = (".safetensors", ".pt", ".pth")


def check(config: Mapping[str, Any], root: Path, package: Path) -> tuple[dict[str, Any], list[str]]:
    """The configuration as plain data, and notices about what could not be checked.

    Raises:
        ConfigError: with everything that is wrong.
    """
    problems: list[Problem] = []
    if incomplete := list(_incomplete_exporters(package)):
        raise ConfigError(incomplete)
    if not isinstance(config, Mapping):
        raise ConfigError([f"expected a mapping with 'models', got {show(config)}"])
    plain = _plain(config, (), problems)
    plain = named_sizes.replaced(plain, problems)
    known = {path for path, _ in problems}
    problems += [found for found in schema_problems(plain, package) if found[0] not in known]
    problems += _beyond_schema(plain, problems, root, package)
    if problems:
        raise ConfigError(f"{key_path(path)}: {text}" for path, text in problems)
    return plain, _notices(plain, package)


def _incomplete_exporters(package: Path) -> Iterator[str]:
    """Constants that an exporter's file must assign and does not."""
    for name in plugins.names("exporters", package):
        found = plugins.constants("exporters", name, package)
        for key, kind in exporters.CONSTANTS.items():
            if not isinstance(found.get(key), kind):
                yield f"exporters/{name}.py: expected {key}, a {kind.__name__} written as a literal"


def _plain(value: Any, path: KeyPath, problems: list[Problem]) -> Any:
    """`value` in JSON's types."""
    if isinstance(value, Mapping):
        return {
            _key(key, path, problems): _plain(item, (*path, str(key)), problems)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, i), problems) for i, item in enumerate(value)]
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            problems.append((path, f"expected text, got half of a surrogate pair: {show(value)}"))
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        problems.append((path, f"expected a finite number, got {show(value)}"))
    elif value is not None and not isinstance(value, bool | int | float):
        problems.append((path, f"expected plain data, got {type(value).__name__}: {show(value)}"))
    return value


def _key(key: Any, path: KeyPath, problems: list[Problem]) -> str:
    numbered = isinstance(key, int) and not isinstance(key, bool) and NUMBERED in path
    if not isinstance(key, str) and not numbered:
        text = f"the key {show(key)} is {type(key).__name__} and not text; write it in quotes"
        problems.append((path, text))
    return str(key)


def _beyond_schema(
    config: Any, problems: list[Problem], root: Path, package: Path
) -> list[Problem]:
    """Problems that a schema cannot express, in the parts that have none so far."""
    sound = _sound(config, problems)
    models = sound.get("models", {})
    found = [
        *_same_but_for_case(models),
        *_converter_problems(sound.get("converter", {}), package),
        *_options_problems(sound.get("options", {}), ("options",), package),
        *targets.problems(sound.get("targets", [])),
    ]
    for name, model in models.items():
        path = ("models", name)
        if model.get("factory") and config["models"][name].get("inputs") is None:
            text = "is missing; a factory needs a list of inputs, or a callable that makes them"
            found.append(((*path, "inputs"), text))
        if model.get("onnx") and not model.get("factory"):
            found += _onnx_problems(model, path, package)
        found += _file_problems(model, path, root)
        found += objects.problems(model.get("kwargs") or {}, root, (*path, "kwargs"))
        if isinstance(model.get("inputs"), Mapping):
            wrong = input_files.problems(model["inputs"], root)
            found += [((*path, "inputs", *key), text) for key, text in wrong]
        found += _input_problems(model, path, sound.get("input_sets"))
        listed = model.get("inputs")
        for place, item in input_items(listed if isinstance(listed, list) else []):
            where = (*path, "inputs", *place, "value")
            found += objects.problems(item.get("value"), root, where)
        found += _shape_problems(model, path)
        found += _index_problems(model, path)
        found += metrics.problems(model, path, root, sound.get("input_sets"))
        found += _options_problems(model.get("options") or {}, (*path, "options"), package)
    return found


def _sound(config: Any, problems: list[Problem]) -> dict[str, Any]:
    """The configuration without the keys that have a problem in or below them."""
    sound: Any = copy.deepcopy(config) if problems else config
    for path, _ in problems:
        depth = {"models": 3, "options": 2}.get(str(path[0]), 1)
        *above, key = path[: 4 if path[2:3] == ("options",) else depth]
        parent = sound
        for part in above:
            parent = parent.get(part) if isinstance(parent, dict) else None
        if isinstance(parent, dict):
            parent.pop(key, None)
    return dict(sound)


def _same_but_for_case(models: Mapping[str, Any]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name in models:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            yield (
                ("models", name),
                f"differs from {other!r} only in case; some file systems are case-insensitive",
            )


def _converter_problems(converter: Mapping[str, Any], package: Path) -> Iterator[Problem]:
    exporter = converter.get("exporter")
    if exporter and needs_base(exporter, package):
        yield (
            ("converter", "exporter"),
            f"expected an exporter that exports the model itself, got {exporter!r}",
        )


def _options_problems(
    options: Mapping[str, Any], path: KeyPath, package: Path
) -> Iterator[Problem]:
    for exporter, given in options.items():
        if not given:
            continue
        problems_of = getattr(plugins.load("exporters", exporter, package), "option_problems", None)
        if problems_of is None:
            yield (*path, exporter), f"{exporter} takes no options"
        else:
            found = problems_of(given)
            yield from (((*path, exporter, name), text) for name, text in found.items())


def needs_base(exporter: str, package: Path) -> bool:
    """Whether an exporter converts a file instead of exporting a module."""
    return bool(plugins.constants("exporters", exporter, package)["NEEDS_BASE"])


def delivers_file(exporter: str, package: Path) -> bool:
    """Whether an exporter delivers the file that a model has beside its factory."""
    return bool(plugins.constants("exporters", exporter, package).get("DELIVERS_FILE"))


def _onnx_problems(model: Mapping[str, Any], path: KeyPath, package: Path) -> Iterator[Problem]:
    for key in NOT_FOR_ONNX:
        if key in model:
            yield (*path, key), "does not apply to a model that is an ONNX file; remove it"
    for i, exporter in enumerate(model.get("exporters") or []):
        if not needs_base(exporter, package):
            text = f"{exporter} exports modules; expected one that converts ONNX files"
            yield (*path, "exporters", i), text
    inputs = model.get("inputs")
    if isinstance(inputs, str):
        yield (*path, "inputs"), "expected a list or files: an ONNX file needs no code of yours"
    if isinstance(inputs, Mapping):
        yield from (((*path, "inputs", *key), text) for key, text in input_files.for_onnx(inputs))
    for i, item in enumerate(inputs if isinstance(inputs, list) else []):
        if item.get("dtype"):
            yield (*path, "inputs", i, "dtype"), "the ONNX file already defines it; remove it"
        for key in ("keyword", "value", "items"):
            if key in item:
                yield (*path, "inputs", i, key), "an ONNX file takes tensors by name; remove it"


def _file_problems(model: Mapping[str, Any], path: KeyPath, root: Path) -> Iterator[Problem]:
    inputs = model.get("inputs")
    named: list[tuple[KeyPath, str | None, Callable[[str], str]]] = [
        (("factory",), model.get("factory"), lambda name: callable_problem(name, root)),
        (
            ("inputs",),
            inputs if isinstance(inputs, str) else None,
            lambda name: callable_problem(name, root),
        ),
        (("onnx",), model.get("onnx"), lambda name: _onnx_problem(name, root, model)),
        (("weights",), model.get("weights"), lambda name: _weights_problem(name, root)),
    ]
    for i, source in enumerate(model.get("sources") or []):
        named.append((("sources", i), source, lambda name: file_problem(name, root)))
    for key, name, problem_of in named:
        if name and (problem := problem_of(name)):
            yield (*path, *key), problem


def _onnx_problem(name: str, root: Path, model: Mapping[str, Any]) -> str:
    """A file beside a factory is asked for at its own opset, so it must say one."""
    problem = file_problem(name, root, "ONNX file")
    if problem or not model.get("factory") or external_data.default_opset(root / name):
        return problem
    return f"is no ONNX file with an opset of the default domain: {show(name)}"


def _weights_problem(name: str, root: Path) -> str:
    if PurePath(name).suffix not in STATE_DICTS:
        return f"expected a file that ends in {', '.join(STATE_DICTS)}, got {show(name)}"
    return file_problem(name, root, "weights file")


def _input_problems(
    model: Mapping[str, Any], path: KeyPath, sets: list[str] | None
) -> Iterator[Problem]:
    inputs = model.get("inputs")
    if inputs is None:
        return
    if isinstance(inputs, str):
        if sets is not None and not any(name.startswith("random-") for name in sets):
            text = "a callable makes random input sets only; expected at least one in input_sets"
            yield (*path, "inputs"), text
        return
    if isinstance(inputs, Mapping):
        return
    seen = set(model.get("outputs") or [])
    outputs = set(seen)
    for place, item in input_items(inputs):
        where = (*path, "inputs", *place)
        yield from ((where + key, text) for key, text in _form_problems(item, len(place) > 1))
        if "shape" not in item:
            continue
        name = item["name"]
        if name in seen:
            role = "an output" if name in outputs else "another input"
            yield (*where, "name"), f"{show(name)} is also the name of {role}"
        seen.add(name)
        if item.get("range") and (text := _range_problem(item)):
            yield (*where, "range"), text
        if item.get("values") is not None:
            found = _values_problems(item, inputs, not model.get("factory"))
            yield from ((where + key, text) for key, text in found)
    yield from _keyword_problems(inputs, path)


def input_items(items: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Every item of a list of inputs with its place, those of a nest after the nest itself."""
    for place, item in items.items() if isinstance(items, Mapping) else enumerate(items):
        yield (*path, place), item
        if "items" in item:
            yield from input_items(item["items"], (*path, place, "items"))


def _form_problems(item: Mapping[str, Any], nested: bool) -> Iterator[Problem]:
    """An item is a tensor, a constant (`value`) or a nest (`items`), and each has its own keys."""
    kind = next((key for key in ("value", "items") if key in item), "")
    others = {"": (), "value": ("items", *_OF_TENSORS), "items": _OF_TENSORS}[kind]
    for key in others:
        if item.get(key) is not None:
            yield (key,), f"does not go with `{kind}`; remove one of the two"
    if nested and "keyword" in item:
        yield ("keyword",), "only an item at the top of the list is an argument; remove it"


def _values_problems(item: Mapping[str, Any], inputs: Any, of_file: bool) -> Iterator[Problem]:
    """`values` must suit the shape, the type and the range of its input.

    `of_file`: the model is an ONNX file, which knows the type.
    """
    values, shape = item["values"], item["shape"]
    dtype = item.get("dtype") or "float32"
    name = next(iter(values)) if isinstance(values, Mapping) else ""
    options = values[name] if name else None
    where: KeyPath = ("values", name)
    if name in ("padding_mask", "tokens", "one_hot", "sorted", "positions") and not shape:
        yield where, "needs a shape with at least one axis, got []"
    if name == "boxes" and (not shape or shape[-1] != 4):
        yield where, f"makes [x1, y1, x2, y2]; expected a shape that ends in 4, got {show(shape)}"
    if name == "tokens":
        if ("int" not in dtype and not of_file) or not item.get("range"):
            yield where, "expected an integer `dtype` and a `range` of ids"
        mask = (options or {}).get("mask")
        shapes = {one["name"]: one["shape"] for _, one in input_items(inputs) if "shape" in one}
        if mask is not None and mask not in shapes:
            yield (*where, "mask"), f"no such input; {suggestion(mask, list(shapes))}"
        elif mask is not None and (shapes[mask] != shape or mask == item["name"]):
            text = f"expected another input of shape {show(shape)}, got {show(shapes[mask])}"
            yield (*where, "mask"), text
    if name in ("", "choice") and (
        text := _numbers_problem(values if not name else options, dtype)
    ):
        yield where if name else ("values",), text
    if not name and isinstance(values, list) and (text := _nest_problem(values, shape)):
        yield ("values",), text


def _numbers_problem(values: Any, dtype: str) -> str:
    """Why values are not of a type, or ""."""
    numbers = list(_flat(values))
    if dtype == "bool":
        return "" if all(isinstance(each, bool) for each in numbers) else "expected true or false"
    if dtype in INTEGERS:
        low, high = INTEGERS[dtype]
        for each in numbers:
            if type(each) is not int or not low <= each <= high:
                return f"expected whole numbers from {low} to {high} for {dtype}, got {show(each)}"
    return ""


def _flat(values: Any) -> Iterator[Any]:
    for each in values if isinstance(values, list) else [values]:
        yield from _flat(each) if isinstance(each, list) else [each]


def _nest_problem(values: list[Any], shape: list[int]) -> str:
    """Why nested lists cannot fill a shape, or ""; shorter ones are repeated."""
    depth, level = 0, [values]
    while level:
        sizes = {len(each) for each in level}
        if len(sizes) > 1 or 0 in sizes:
            return f"expected lists of one length at each level, got {show(values)}"
        lists = [[x for x in each if isinstance(x, list)] for each in level]
        if any(lists) and any(len(a) != len(b) for a, b in zip(lists, level, strict=True)):
            return f"expected lists of one length at each level, got {show(values)}"
        level, depth = [x for each in lists for x in each], depth + 1
    if depth > len(shape):
        return f"expected at most {len(shape)} levels for the shape {show(shape)}, got {depth}"
    return ""


def _keyword_problems(items: list[dict[str, Any]], path: KeyPath) -> Iterator[Problem]:
    keywords: set[str] = set()
    for i, item in enumerate(items):
        key = item.get("keyword")
        if key is None and keywords:
            text = "an argument by position follows one by keyword; give it a keyword, or move it"
            yield (*path, "inputs", i), text
        elif key in keywords:
            yield (*path, "inputs", i, "keyword"), f"{show(key)} is given twice"
        elif key:
            keywords.add(key)


def _range_problem(item: Mapping[str, Any]) -> str:
    (low, high), dtype = item["range"], item.get("dtype") or "float32"
    got = show(item["range"])
    if dtype == "bool":
        return f"a bool input takes no range, got {got}"
    if low > high:
        return f"expected [low, high] with low not above high, got {got}"
    if dtype in INTEGERS:
        least, most = INTEGERS[dtype]
        whole = isinstance(low, int) and isinstance(high, int)
        if not whole or low < least or high > most:
            return f"expected whole numbers from {least} to {most} for {dtype}, got {got}"
    return ""


def _index_problems(model: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    """Index outputs, and the values that they rank, must be named outputs."""
    outputs = list(model.get("outputs") or [])
    for name, item in (model.get("index_outputs") or {}).items():
        for key, given in ((name, name), ("values", (item or {}).get("values"))):
            if given is not None and given not in outputs:
                text = f"{show(given)} is not one of this model's `outputs`: {', '.join(outputs)}"
                yield (*path, "index_outputs", key), text.rstrip(": ")


def _shape_problems(model: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    """`dynamic_shapes` must name existing inputs and axes, `dynamic_sizes` dimensions of these."""
    inputs = model.get("inputs")
    declared = model.get("dynamic_shapes") or {}
    if isinstance(declared, list):
        text = "expected {input: {axis: name}}: only the shapes of a list of inputs have names"
        yield (*path, "dynamic_shapes"), text
        return
    if model.get("factory"):
        named = {name for axes in declared.values() for name in axes.values()}
        known = sorted(name for name in named if not dimensions.is_sum(name))
        for name in model.get("dynamic_sizes") or {}:
            if name not in known:
                text = f"no dimension of `dynamic_shapes` has this name; {suggestion(name, known)}"
                yield (*path, "dynamic_sizes", name), text
    if not isinstance(inputs, list):
        return
    shapes = {item["name"]: item["shape"] for _, item in input_items(inputs) if "shape" in item}
    sizes: dict[str, int] = {}
    sums: list[tuple[str, str, str, int]] = []
    for name, axes in declared.items():
        if name not in shapes:
            text = f"no such input; expected one of {', '.join(shapes)}"
            yield (*path, "dynamic_shapes", name), text
            continue
        for axis, dimension in axes.items():
            if int(axis) >= len(shapes[name]):
                rank = len(shapes[name])
                text = f"expected an axis below {rank}, the rank of {name!r}, got {axis}"
                yield (*path, "dynamic_shapes", name, axis), text
                continue
            size = shapes[name][int(axis)]
            if dimensions.is_sum(dimension):
                sums.append((name, axis, dimension, size))
                continue
            if (other := sizes.setdefault(dimension, size)) != size:
                text = f"{show(dimension)} is {size} here and {other} above; a name has one size"
                yield (*path, "dynamic_shapes", name, axis), text
    for name, axis, dimension, size in sums:
        if text := dimensions.problem(dimension, sizes, size):
            yield (*path, "dynamic_shapes", name, axis), text


def _notices(config: Mapping[str, Any], package: Path) -> list[str]:
    models = config["models"]
    given = [config.get("options"), *(model.get("options") for model in models.values())]
    used = {name for options in given for name, own in (options or {}).items() if own}
    modules = [plugins.load("exporters", name, package) for name in sorted(used)]
    said = [module.options_notice() for module in modules if hasattr(module, "options_notice")]
    found = [f"options: not checked: {text}" for text in dict.fromkeys(said) if text]
    wanted = [package for model in models.values() for package in model.get("packages") or []]
    for package, count in Counter(wanted).items():
        if version(package) is None:
            found.append(f"{package} is not installed: {count} models will not be available")
    return found
