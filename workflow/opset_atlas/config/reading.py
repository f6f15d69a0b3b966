"""Reads configuration files strictly: what YAML would ignore or change silently is an error.

Duplicate keys (the first would be lost), keys that are not text (`no` is a boolean to YAML, `1.0` a
number) and everything that does not parse are reported with file, line and column.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from opset_atlas.config.places import located

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML built without libyaml: the same, slower
    from yaml import SafeLoader  # type: ignore[assignment]

_TAG = "tag:yaml.org,2002:"
_KINDS = {"bool": "a boolean", "int": "a whole number", "float": "a number", "null": "nothing"}
# Everybody writes axes as numbers, so below this key they need no quotes.
NUMBERED = "dynamic_shapes"
# Top-level keys for whatever the user wants to write once: YAML's anchors.
FREE = "x-"


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` has one line for everything that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"config: {problem}" for problem in self.problems))


def load(
    paths: str | Path | Iterable[str | Path],
    overrides: Mapping[str, Any] | None = None,
    root: Path = Path(),
) -> dict[str, Any]:
    """The content of YAML files, later ones merged over earlier ones as Snakemake does it.

    Args:
        paths: the files.
        overrides: `--config` of Snakemake's command line, merged over them. Snakemake hands list
            items and nested values over as text; they are read by YAML's rules here.
        root: the folder in which relative paths are looked for first.

    Raises:
        ConfigError: with every problem of every file.
    """
    result: dict[str, Any] = {}
    problems: list[str] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        try:
            result = merge(result, located(_read(Path(path)), Path(path).parent, root))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    whole = merge(result, located(_typed(overrides or {}), root, root))
    return {key: value for key, value in whole.items() if not str(key).startswith(FREE)}


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key; everything else, lists too, is replaced."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if both else value
    return result


class _Loader(SafeLoader):
    """YAML 1.1 as PyYAML reads it, but dates stay text and `1e-5` is a number."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != f"{_TAG}timestamp"]
    for first, pairs in SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+\Z"), list("-+0123456789")
)


def _read(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise ConfigError([f"{path}: the file is empty; expected at least 'models'"])
            if problems := list(_node_problems(node, str(path), frozenset(), False)):
                raise ConfigError(problems)
            value = loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([_describe(error, path, text)]) from None
    if not isinstance(value, dict):
        kind = {"list": "a list", "str": "text"}.get(type(value).__name__, repr(value))
        raise ConfigError(
            [f"{path}: expected a mapping with 'models' at the top level, got {kind}"]
        )
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text: {error.reason}"]) from None
    except (OSError, ValueError) as error:
        raise ConfigError([f"{str(path)!r}: cannot be read: {error}"]) from None


def _describe(error: Exception, path: Path, text: str) -> str:
    """`path:line:column: problem`, as far as the parser says where."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return f"{path}:{line}:{column}: not valid YAML: {error.reason}"
    if isinstance(error, yaml.MarkedYAMLError) and mark:
        what = ", ".join(part for part in (error.context, error.problem) if part)
        return f"{path}:{mark.line + 1}:{mark.column + 1}: not valid YAML: {what}"
    if isinstance(error, RecursionError):
        return f"{path}: nested too deeply"
    return f"{path}: not valid YAML: {error}"


def _node_problems(
    node: yaml.Node, path: str, parents: frozenset[int], numbered: bool
) -> Iterator[str]:
    """What is wrong with the keys of `node` and below; `numbered`: whole numbers may be keys."""
    if id(node) in parents:
        yield f"{_where(path, node)}: the alias contains itself"
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _node_problems(item, path, parents | {id(node)}, numbered)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, yaml.Node] = {}
        for key, value in node.value:
            yield from _key_problems(key, path, numbered)
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                first = seen.setdefault((key.tag, key.value), key)
                if first is not key:
                    line = first.start_mark.line + 1
                    yield f"{_where(path, key)}: duplicate key {key.value!r}, first in line {line}"
            below = numbered or key.value == NUMBERED
            yield from _node_problems(value, path, parents | {id(node)}, below)


def _key_problems(key: yaml.Node, path: str, numbered: bool) -> Iterator[str]:
    kind = key.tag.removeprefix(_TAG)
    if not isinstance(key, yaml.ScalarNode):
        yield f"{_where(path, key)}: a key must be text, got a list or mapping"
    elif kind in _KINDS and not (numbered and kind == "int"):
        shown = key.value or "(empty)"
        yield (
            f"{_where(path, key)}: YAML reads the key {shown} as {_KINDS[kind]}; "
            f'write it in quotes: "{key.value}"'
        )


def _where(path: str, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def value(text: str) -> Any:
    """A value of a command line as YAML reads it, or the text where it reads none."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError):
        return text


def _typed(value: Any) -> Any:
    """A value of the command line, its texts read as YAML scalars."""
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        read = yaml.load(value, Loader=_Loader)
    except (yaml.YAMLError, ValueError):
        return value
    return read if read is None or isinstance(read, bool | int | float) else value
