"""Operator schemas as the installed onnx defines them, in plain frozen types.

`onnx.defs` is the only source. The other modules of the schema history build on `history` and the
types below; the public interface is `operators.definitions`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import onnx.defs
import onnx.helper

Option = Literal["single", "optional", "variadic"]


@dataclass(frozen=True)
class FormalParameter:
    """An input or output, as declared in a schema.

    `types` are the allowed type strings (`tensor(float)`), expanded from the type constraint and
    sorted; `type_variable` is that constraint's name ("" if the type is fixed): parameters with the
    same variable must have the same type. `min_arity` applies to variadic parameters.
    """

    name: str
    option: Option
    types: tuple[str, ...]
    index: int
    description: str
    type_variable: str = ""
    min_arity: int = 1
    homogeneous: bool = True


@dataclass(frozen=True)
class AttributeParameter:
    """An attribute, as declared in a schema.

    `type` is lower case, as in `float`, `ints`, `graph`. `default` is None if there is none;
    otherwise int, float (float32 precision, as protobuf stores it), str, or a tuple of these.
    """

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True)
class Schema:
    """One version of an operator. `function` is the serialized body ("" if there is none).

    `context_function`: the body depends on the node, so there is no single text to compare.
    """

    op: str
    domain: str
    since: int
    doc: str
    deprecated: bool
    inputs: tuple[FormalParameter, ...]
    outputs: tuple[FormalParameter, ...]
    attributes: Mapping[str, AttributeParameter]
    function: bytes
    context_function: bool


def canonical_domain(domain: str) -> str:
    """The default domain's long name `ai.onnx` stands for the empty one (ONNX IR specification)."""
    return "" if domain == "ai.onnx" else domain


@functools.cache
def history() -> Mapping[str, Mapping[str, tuple[int, ...]]]:
    """Domain → operator → its versions (`since_version`), ascending."""
    found: dict[str, dict[str, list[int]]] = {}
    for domain, op, since in sorted(_raw()):
        found.setdefault(domain, {}).setdefault(op, []).append(since)
    return {
        domain: {op: tuple(versions) for op, versions in operators.items()}
        for domain, operators in found.items()
    }


@functools.cache
def last_opset(domain: str) -> int:
    """The newest opset of a domain that the installed onnx knows; 0 for an unknown domain."""
    versions: Mapping[str, tuple[int, int]] = onnx.defs.C.schema_version_map()
    return versions.get(domain, (0, 0))[1]


@functools.cache
def load(op: str, since: int, domain: str) -> Schema:
    """The schema introduced at exactly opset `since`.

    Raises:
        ValueError: the installed onnx has no such version of the operator.
    """
    domain = canonical_domain(domain)
    raw = _raw().get((domain, op, since))
    if raw is None:
        known = history().get(domain, {}).get(op, ())
        raise ValueError(
            f"no version {since} of operator {op!r} in domain {domain or 'ai.onnx'!r}; "
            f"onnx {onnx.__version__} knows {list(known) or 'no such operator'}"
        )
    return Schema(
        op=op,
        domain=domain,
        since=since,
        doc=raw.doc or "",
        deprecated=raw.deprecated,
        inputs=_formal(raw.inputs),
        outputs=_formal(raw.outputs),
        attributes=MappingProxyType(
            {name: _attribute(raw.attributes[name]) for name in sorted(raw.attributes)}
        ),
        function=_function_body(raw),
        context_function=raw.has_context_dependent_function,
    )


@functools.cache
def _raw() -> Mapping[tuple[str, str, int], Any]:
    return {
        (schema.domain, schema.name, schema.since_version): schema
        for schema in onnx.defs.get_all_schemas_with_history()
    }


def _formal(raw: Sequence[Any]) -> tuple[FormalParameter, ...]:
    return tuple(
        FormalParameter(
            name=parameter.name,
            option=parameter.option.name.lower(),
            types=tuple(sorted(parameter.types)),
            index=index,
            description=parameter.description,
            type_variable="" if "(" in parameter.type_str else parameter.type_str,
            min_arity=parameter.min_arity,
            homogeneous=parameter.is_homogeneous,
        )
        for index, parameter in enumerate(raw)
    )


def _attribute(raw: Any) -> AttributeParameter:
    # An absent default reads as an AttributeProto without a name.
    proto = raw.default_value
    default = _plain(onnx.helper.get_attribute_value(proto)) if proto.name else None
    return AttributeParameter(
        name=raw.name,
        type=raw.type.name.lower(),
        required=raw.required,
        default=default,
        description=raw.description,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    return value


def _function_body(raw: Any) -> bytes:
    """The body without its opset imports and doc strings, which differ in every version anyway."""
    if not raw.has_function:
        return b""
    body = raw.function_body
    body.ClearField("opset_import")
    body.ClearField("doc_string")
    content: bytes = body.SerializeToString(deterministic=True)
    return content
