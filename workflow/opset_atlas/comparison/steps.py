"""Differences with their causes, for comparisons between opsets and between exporters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from opset_atlas.base.files import read_json
from opset_atlas.causes import Cause, Situation, explain
from opset_atlas.differences.between import body_differences, differences
from opset_atlas.differences.difference import Difference
from opset_atlas.differences.functions import inlined, local_functions, split, within
from opset_atlas.records import Change, DumpCell, ExportRecord, GraphFile, Node, Place

MOST_PLACES = 50


def compare(left: GraphFile, right: GraphFile, situation: Situation) -> list[Change]:
    """The changes between two graphs, with their causes."""
    return explained(found_between(left, right), situation)


def found_between(left: GraphFile, right: GraphFile) -> list[Difference]:
    """What differs between two files, after inlining functions that only one of them has."""
    shared, ours = split(left, right)
    partners, theirs = split(right, left)
    found = differences(inlined(left["graph"], ours), inlined(right["graph"], theirs))
    for name, function in shared.items():
        bodies = inlined(function["graph"], ours), inlined(partners[name]["graph"], theirs)
        found += [within(each, name) for each in body_differences(*bodies)]
    return (
        found + local_functions(left["graph"], ours) + local_functions(right["graph"], theirs, True)
    )


def explained(found: Iterable[Difference], situation: Situation) -> list[Change]:
    """Differences with their causes; equal statements about several nodes become one change."""
    changes: dict[str, Change] = {}
    for difference in found:
        cause = explain(difference, situation)
        if difference.kind == "semantics" and cause.cause == "unexplained":
            continue  # another schema version, with no known effect
        if difference.kind == "semantics" and _told(cause, changes.values()):
            continue
        change = _change(difference, cause)
        key = json.dumps({**change, "places": None}, sort_keys=True)
        if key in changes:
            changes[key]["places"] += change["places"]
        else:
            changes[key] = change
    return sorted(changes.values(), key=_importance)


def usable_graphs(dumped: Iterable[DumpCell], exported: ExportRecord) -> dict[int, str]:
    """Opset → digest of the graph, for the cells delivered at the requested opset."""
    usable = {cell["requested"] for cell in exported["cells"] if cell["outcome"] == "ok"}
    return {
        cell["requested"]: cell["graph"]
        for cell in dumped
        if cell["requested"] in usable and cell["graph"]
    }


def converted(exported: ExportRecord) -> bool:
    """Whether a sweep's files were converted from another file."""
    return any(cell["base"] for cell in exported["cells"])


def read_graph(dump: Path, key: str) -> GraphFile:
    """A graph that the dump stage wrote into a model's folder."""
    graph: GraphFile = read_json(dump / "graphs" / f"{key}.json")
    return graph


def _told(cause: Cause, changes: Iterable[Change]) -> bool:
    """Whether another change of the same node already gives the same reason."""
    words = cause.explanation.partition(": ")[2]
    return any(words in change["explanation"] for change in changes)


def _importance(change: Change) -> tuple[Any, ...]:
    """Sort key: changes that can affect the numbers first, changes of encoding last."""
    return (
        change["neutral"],
        not change["numeric"],
        change["kind"],
        change["op_type"],
        change["parameter"],
    )


def _change(difference: Difference, cause: Cause) -> Change:
    neutral = difference.neutral or cause.neutral
    return {
        "kind": difference.kind,
        "op_type": difference.op,
        "domain": difference.domain,
        "parameter": difference.parameter,
        "before": difference.before,
        "after": difference.after,
        "neutral": neutral,
        "cause": cause.cause,
        "schema_class": cause.schema_class,
        "from_version": cause.from_version,
        "to_version": cause.to_version,
        "explanation": cause.explanation,
        "numeric": cause.numeric and not neutral,
        "url": cause.url,
        "places": _places(difference)[:MOST_PLACES],
    }


def _places(difference: Difference) -> list[Place]:
    left, right = list(difference.left), list(difference.right)
    longest = max(len(left), len(right))
    padded = zip(
        [*left, *[None] * (longest - len(left))],
        [*right, *[None] * (longest - len(right))],
        strict=True,
    )
    return [_place(one, other) for one, other in padded]


def _place(one: Node | None, other: Node | None) -> Place:
    shown = one or other
    assert shown is not None
    return {
        "from_node": one.get("origin", one["index"]) if one else None,
        "to_node": other.get("origin", other["index"]) if other else None,
        "name": shown["name"],
        "scope": shown["scope"],
    }
