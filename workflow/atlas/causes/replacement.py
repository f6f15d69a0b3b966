"""An operator that came, or went, between the two opsets took the place of a subgraph."""

from __future__ import annotations

from collections.abc import Iterable

import onnx.defs

from atlas import schema
from atlas.causes import Cause, Situation
from atlas.differences import Difference, spelled
from atlas.records import Node

ORDER = 20


def explain(difference: Difference, situation: Situation) -> Cause | None:
    """A new operator on the newer side, or one that is deprecated there."""
    if difference.kind != "operators" or not difference.left or not difference.right:
        return None
    forward = situation.from_opset <= situation.to_opset
    older, newer = (
        (difference.left, difference.right) if forward else (difference.right, difference.left)
    )
    low, high = sorted((situation.from_opset, situation.to_opset))
    return _new(older, newer, low, high) or _deprecated(older, newer, low, high)


def _new(older: Iterable[Node], newer: Iterable[Node], low: int, high: int) -> Cause | None:
    older, newer = tuple(older), tuple(newer)
    for node in newer:
        versions = schema.versions(node["op"], node["domain"])
        if versions and low < versions[0] <= high:
            body = _body(node, versions[0], older)
            sentence = (
                f"{node['op']} exists since opset {versions[0]}; "
                f"it takes the place of {_count(older)} ({spelled(older)}).{body}"
            )
            return Cause(
                cause="replacement",
                explanation=sentence,
                schema_class="new operator",
                to_version=versions[0],
                url=schema.operator_url(node["op"], node["domain"]) or "",
                numeric=True,
            )
    return None


def _body(node: Node, since: int, older: tuple[Node, ...]) -> str:
    """Whether the operator's function body is made of what it replaced; "" where it has none."""
    body = _body_operators(node, since)
    if not body:
        return ""
    replaced = {n["op"] for n in older}
    shared = sorted(replaced & set(body))
    if not shared:
        return " Its function body shares no operator with them."
    return f" Its function body computes the same with {', '.join(shared)}."


def _deprecated(older: Iterable[Node], newer: Iterable[Node], low: int, high: int) -> Cause | None:
    older, newer = tuple(older), tuple(newer)
    for node in older:
        since = _deprecation(node)
        if since is not None and low < since <= high:
            sentence = (
                f"{node['op']} is deprecated since opset {since}; {spelled(newer)} takes its place."
            )
            return Cause(
                cause="replacement",
                explanation=sentence,
                schema_class="deprecated",
                from_version=node["since"],
                to_version=since,
                url=schema.operator_url(node["op"], node["domain"]) or "",
                numeric=True,
            )
    return None


def _deprecation(node: Node) -> int | None:
    op, domain = node["op"], node["domain"]
    gone = (v for v in schema.versions(op, domain) if schema.deprecated(op, v, domain))
    return next(gone, None)


def _body_operators(node: Node, since: int) -> set[str]:
    """The operators of the schema's function body; empty where it has no fixed one."""
    if not onnx.defs.has(node["op"], since, node["domain"]):
        return set()
    definition = onnx.defs.get_schema(node["op"], since, node["domain"])
    body = definition.function_body
    return {inner.op_type for inner in body.node} if definition.has_function else set()


def _count(nodes: tuple[Node, ...]) -> str:
    return "one node" if len(nodes) == 1 else f"{len(nodes)} nodes"
