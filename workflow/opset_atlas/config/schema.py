"""Uses of the configuration's JSON schema: problems in words, defaults, documentation.

All three are derived from `schemas/config.schema.json`. Names of exporters and runtimes
are not in it: they are the modules found in the package's folders.
"""

from __future__ import annotations

import copy
import difflib
import functools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from opset_atlas import plugins

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.json"

Schema = dict[str, Any]
KeyPath = tuple[str | int, ...]


@functools.cache
def schema(package: Path) -> Schema:
    """The schema, with the exporters and runtimes that `package` has."""
    loaded: Schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # What delivers a model's own file is not chosen: having the file chooses it.
    loaded["$defs"]["exporter"]["enum"] = [
        name
        for name in plugins.names("exporters", package)
        if not plugins.constants("exporters", name, package).get("DELIVERS_FILE")
    ]
    loaded["$defs"]["runtime"]["enum"] = plugins.names("runtimes", package)
    return loaded


def schema_problems(config: Any, package: Path) -> list[tuple[KeyPath, str]]:
    """Where and how `config` departs from the schema, in the order of its keys."""
    checker = _validator_class()(schema(package))
    errors = (leaf for error in checker.iter_errors(config) for leaf in _leaves(error))
    found = [
        ((*error.absolute_path, *extra), text)
        for error in errors
        for extra, text in _describe(error, schema(package))
    ]
    return sorted(dict.fromkeys(found), key=lambda item: _sort_key(item[0]))


def _sort_key(path: KeyPath) -> list[str]:
    return [f"{part:09}" if isinstance(part, int) else part for part in path]


def fill(value: dict[str, Any], part: Schema, root: Schema) -> dict[str, Any]:
    """`value` with the schema's defaults filled in, at every depth."""
    result = dict(value)
    part = _resolved(part, root)
    if "if" in part and _validator_class()(part["if"]).is_valid(result):
        result = fill(result, part["then"], root)
    for key, child in part.get("properties", {}).items():
        if result.get(key) is None and "default" in child:
            result[key] = copy.deepcopy(child["default"])
        if key in result:
            result[key] = _fill_below(result[key], child, root)
    return result


def show(value: Any) -> str:
    """A value of the configuration in a message: short, and harmless in a terminal."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:50]}... ({len(text)} characters)"


def key_path(path: Sequence[str | int]) -> str:
    """`models.a.inputs[0].shape`, with quotes around keys that are not plain words."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", part):
            text += f".{part}" if text else part
        else:
            text += f"[{show(part)}]"
    return text


def suggestion(given: str, known: Sequence[str]) -> str:
    """`did you mean 'x'?`, or all that is known."""
    near = difflib.get_close_matches(given, known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"expected one of {', '.join(known)}" if known else "there are none"


def document(package: Path) -> str:
    """Tables in Markdown of every key, with its default and meaning."""
    root = schema(package)
    parts = [("Top level", root), ("A model: `models.<id>`", root["$defs"]["model"])]
    parts.append(("An input: an item of `models.<id>.inputs`", root["$defs"]["input"]))
    parts.append(("A metric: an item of `models.<id>.metric`", root["$defs"]["metric"]))
    return "\n".join(
        f"### {title}\n\n| key | default | meaning |\n|---|---|---|\n"
        + "".join(f"{row}\n" for row in _rows(part, root, ""))
        for title, part in parts
    ).rstrip()


@functools.cache
def _validator_class() -> Any:
    """JSON Schema 2020-12, except that 13.0 is not an integer and NaN is not a number."""
    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: _is_number(value),
        }
    )
    return jsonschema.validators.extend(base, type_checker=types)  # type: ignore[no-untyped-call]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _leaves(error: Any) -> Iterator[Any]:
    """For an `anyOf`: what is wrong with the branch that was meant, if that is clear."""
    if error.validator != "anyOf":
        yield error
        return
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [
        errors
        for errors in branches.values()
        if not any(e.validator == "type" and not e.path for e in errors)
    ]
    if len(meant) != 1:
        yield error
        return
    for inner in meant[0]:
        yield from _leaves(inner)


def _describe(error: Any, root: Schema) -> Iterator[tuple[KeyPath, str]]:
    """Keys below the error's own path, and what to say about them."""
    value, part = error.instance, error.schema
    if error.validator == "additionalProperties":
        known = list(part["properties"])
        for key in value:
            if key not in known:
                yield (key,), f"unknown key; {_elsewhere(key, known, root)}"
    elif error.validator == "required":
        for key in part["required"]:
            if key not in value:
                yield (key,), f"is missing; expected {_expected(part['properties'][key], root)}"
    elif error.validator == "anyOf" and all("required" in each for each in error.validator_value):
        keys = " or ".join(repr(key) for each in error.validator_value for key in each["required"])
        yield (), f"expected {keys}, or both, got neither"
    elif error.validator == "uniqueItems":
        twice = [item for i, item in enumerate(value) if item in value[:i]]
        yield (), f"{show(twice[0])} is listed twice"
    else:
        is_key = "propertyNames" in list(error.relative_schema_path)[-3:]
        what = show(value) + ("" if is_key else _kind(value))
        near = _near(value, part["enum"]) if error.validator == "enum" else ""
        yield (value,) if is_key else (), f"expected {_expected(part, root)}, got {what}{near}"


def _near(value: Any, known: list[Any]) -> str:
    texts = [item for item in known if isinstance(item, str)]
    matches = difflib.get_close_matches(value, texts, 1) if isinstance(value, str) else []
    return f"; did you mean {matches[0]!r}?" if matches else ""


def _elsewhere(key: str, known: list[str], root: Schema) -> str:
    """Help for an unknown key: the nearest one, or the level at which it is known."""
    top, model = root["properties"], root["$defs"]["model"]["properties"]
    if "factory" in known and key in top:
        return "it belongs at the top level"
    if "models" in known and key in model:
        return "it belongs to a model, under models.<id>"
    return suggestion(key, known)


def _expected(part: Schema, root: Schema) -> str:
    """What this part of the schema expects, in words."""
    part = {**root["$defs"][part["$ref"].rpartition("/")[2]], **part} if "$ref" in part else part
    if "title" in part:
        return str(part["title"])
    if "anyOf" in part:
        return " or ".join(_expected(p, root) for p in part["anyOf"] if p != {"type": "null"})
    if "enum" in part:
        return "one of " + ", ".join(str(item) for item in part["enum"] if item is not None)
    kinds = {"integer": "a whole number", "number": "a number", "string": "text", "array": "a list"}
    if part["type"] == "object":
        keys = ", ".join(part.get("properties", {}))
        return "a mapping" + (f" with keys of {keys}" if keys else "")
    return kinds[part["type"]] + _bounds(part)


def _bounds(part: Schema) -> str:
    if "exclusiveMinimum" in part:
        return f" above {part['exclusiveMinimum']}"
    if "maximum" in part:
        return f" from {part['minimum']} to {part['maximum']}"
    return f" of at least {part['minimum']}" if "minimum" in part else ""


def _kind(value: Any) -> str:
    """What YAML made of a value, where that is easily mistaken, and what to write instead."""
    if isinstance(value, bool):
        return " (a boolean)"
    if value is None:
        return " (nothing)"
    if isinstance(value, float):
        return " (a decimal number)"
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return " (text)"
        plain = value.strip("+-").isdecimal()
        return " (text: remove the quotes)" if plain else " (text; in YAML write 1.0e-5, not 1e-5)"
    return ""


def _resolved(part: Schema, root: Schema) -> Schema:
    if "$ref" not in part:
        return part
    below = root["$defs"][part["$ref"].rpartition("/")[2]]
    return {**below, **{key: value for key, value in part.items() if key != "$ref"}}


def _fill_below(value: Any, part: Schema, root: Schema) -> Any:
    """Fill inside of mappings and lists; in an `anyOf`, by the branch of the value's type."""
    part = _resolved(part, root)
    kind = "object" if isinstance(value, Mapping) else "array" if isinstance(value, list) else ""
    for branch in (_resolved(choice, root) for choice in part.get("anyOf", [])):
        if kind and branch.get("type") == kind:
            part = branch
    if kind == "array" and "items" in part:
        return [_fill_below(item, part["items"], root) for item in value]
    if kind == "object" and "properties" in part:
        return fill(dict(value), part, root)
    if kind == "object" and isinstance(part.get("additionalProperties"), Mapping):
        each = part["additionalProperties"]
        return {key: _fill_below(item, each, root) for key, item in value.items()}
    return value


def _rows(part: Schema, root: Schema, prefix: str) -> Iterator[str]:
    """A row per key; for a key that contains documented keys, a row for each of those."""
    for key, child in _resolved(part, root)["properties"].items():
        below = _resolved(child, root)
        nested = any("description" in leaf for leaf in below.get("properties", {}).values())
        default = "" if nested else _default_cell(child, key in part.get("required", []))
        meaning = child["description"].replace("|", "\\|")
        yield f"| `{prefix}{key}` | {default} | {meaning} |"
        if nested:
            yield from _rows(below, root, f"{prefix}{key}.")


def _default_cell(part: Schema, required: bool) -> str:
    if required:
        return "required"
    default = part.get("default")
    return "–" if default in (None, "") else f"`{json.dumps(default)}`"
