"""Which opset, for each model and exporter: the table of opsets, a row per sweep.

The lowest opset that exports at all, the lowest and highest that are right, the ranges in which
nothing changes, what each step brings and costs, and what the version converter lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import onnx.helper

from opset_atlas.findings.preference import spans
from opset_atlas.numerics.verdicts import RIGHT
from opset_atlas.operators import definitions
from opset_atlas.operators.conversions import FAILED
from opset_atlas.records import CellVerdict, Compared, DumpCell, Graph, Node, Step

Row = Mapping[str, Any]

# The types that a model's tensors may be converted to, as named in onnx's schemas.
_FLOATS = re.compile(r"tensor\((double|float\w*|bfloat16)\)")


def opset_row(
    sweep: tuple[str, str],
    cells: Sequence[Row],
    verdicts: Iterable[CellVerdict],
    compared: Compared,
    dumped: Iterable[DumpCell],
    types: Callable[[str], frozenset[str]],
) -> dict[str, Any]:
    """The row of one sweep.

    Args:
        sweep: model and exporter.
        cells: this sweep's rows of the cells table.
        verdicts: on this sweep's cells, from any number of runtimes.
        compared, dumped: this sweep's part of the records.
        types: returns `float_types` of the graph with a digest in `dumped`.
    """
    found: dict[int, dict[str, str]] = {}
    for verdict in verdicts:
        if verdict["verdict"] != "unavailable":
            found.setdefault(verdict["requested"], {})[verdict["runtime"]] = verdict["verdict"]
    usable = sorted(
        (cell for cell in cells if cell["outcome"] == "ok"), key=lambda cell: cell["requested"]
    )
    right = [cell["requested"] for cell in usable if _right(found.get(cell["requested"], {}))]
    changed = {step["to_opset"]: step for step in compared["steps"] if step["changes"]}
    brings, costs = _steps(usable, changed, found, _types_by_opset(usable, dumped, types))
    return {
        "model": sweep[0],
        "exporter": sweep[1],
        "lowest_exporting": usable[0]["requested"] if usable else None,
        "lowest_right": min(right, default=None),
        "highest_right": max(right, default=None),
        "ranges": ", ".join(_span(part["first"], part["last"]) for part in compared["ranges"]),
        "steps": len(changed),
        "brings": brings,
        "costs": costs,
        "missing_steps": missing_steps(cells),
    }


def missing_steps(cells: Iterable[Row]) -> str:
    """What failed version conversions lacked, with what the missing step would have to do.

    `9–10: no adapter for TopK 11 → 10: TopK-11 changes …`; "" where no conversion failed.
    """
    told: dict[str, list[int]] = {}
    for cell in cells:
        if cell["outcome"] in {"refused", "moved"}:
            text = (cell["detail"] or "").partition(FAILED)[2]
            if text:
                told.setdefault(text, []).append(cell["requested"])
    return "; ".join(
        f"{', '.join(_span(*span) for span in spans(opsets))}: {text}"
        for text, opsets in told.items()
    )


def _steps(
    usable: Sequence[Row],
    changed: Mapping[int, Step],
    verdicts: Mapping[int, Mapping[str, str]],
    types: Mapping[int, frozenset[str]],
) -> tuple[str, str]:
    """What each opset brings and costs compared with the one before it, as texts."""
    brings, costs = [], []
    for before, after in pairwise(usable):
        opset = after["requested"]
        gains: list[str] = []
        losses: list[str] = []
        if opset in changed:
            _count_nodes(before, after, gains, losses)
            gains += _fused(changed[opset])
            losses.append(_needs(before, after))
        _compare_results(verdicts, before["requested"], opset, gains, losses)
        _compare_types(types, before["requested"], opset, gains, losses)
        brings += [f"{opset}: {', '.join(gains)}"] * bool(gains)
        costs += [f"{opset}: {', '.join(losses)}"] * bool(losses)
    return "; ".join(brings), "; ".join(costs)


def _count_nodes(before: Row, after: Row, gains: list[str], losses: list[str]) -> None:
    if before["nodes"] != after["nodes"]:
        fewer = after["nodes"] < before["nodes"]
        text = f"{'fewer' if fewer else 'more'} nodes: {before['nodes']} → {after['nodes']}"
        (gains if fewer else losses).append(text)


def _fused(step: Step) -> list[str]:
    """New operators that replace several nodes."""
    found = []
    for change in step["changes"]:
        gone = sum(place["from_node"] is not None for place in change["places"])
        if change["cause"] == "replacement" and gone > 1:
            found.append(f"{change['op_type']} in place of {gone} nodes")
    return found


def _needs(before: Row, after: Row) -> str:
    """What a runtime has to support from here on; onnx releases as listed in `onnx.helper`."""
    opset, release = after["requested"], _release(after["requested"])
    ir = after["ir_version"]
    also = f" and IR {ir}" if ir is not None and ir != before["ir_version"] else ""
    return f"a runtime that reads opset {opset}{also}" + (f" (onnx {release})" if release else "")


def _release(opset: int) -> str:
    """The first onnx release with an opset: `1.8`."""
    found = [row[0] for row in onnx.helper.VERSION_TABLE if row[2] == opset]
    return ".".join(found[0].split(".")[:2]) if found else ""


def _right(verdicts: Mapping[str, str]) -> bool:
    return bool(verdicts) and set(verdicts.values()) <= RIGHT


def _compare_results(
    verdicts: Mapping[int, Mapping[str, str]],
    before: int,
    after: int,
    gains: list[str],
    losses: list[str],
) -> None:
    old, new = verdicts.get(before, {}), verdicts.get(after, {})
    if not old or not new or _right(old) == _right(new):
        return
    wrong: dict[str, list[str]] = {}
    for runtime, verdict in (new if _right(old) else old).items():
        if verdict not in RIGHT:
            wrong.setdefault(verdict.replace("-", " "), []).append(runtime)
    why = ", ".join(f"{verdict} in {' and '.join(names)}" for verdict, names in wrong.items())
    if _right(new):
        gains.append(f"right results (before: {why})")
    else:
        losses.append(f"no longer right: {why}")


def _compare_types(
    types: Mapping[int, frozenset[str]],
    before: int,
    after: int,
    gains: list[str],
    losses: list[str],
) -> None:
    old, new = types.get(before), types.get(after)
    if not old or not new:
        return
    if came := sorted(new - old):
        gains.append(f"every operator allows {' and '.join(came)}")
    if gone := sorted(old - new):
        losses.append(f"not every operator allows {' and '.join(gone)} any more")


def _types_by_opset(
    usable: Iterable[Row], dumped: Iterable[DumpCell], types: Callable[[str], frozenset[str]]
) -> dict[int, frozenset[str]]:
    graphs = {cell["requested"]: cell["graph"] for cell in dumped}
    found = ((cell["requested"], graphs.get(cell["requested"])) for cell in usable)
    return {opset: types(key) for opset, key in found if key}


def float_types(graph: Graph) -> frozenset[str]:
    """The floating-point types that every operator takes where this graph computes with floats.

    That is, the types that the model could be converted to under the schemas in force. Constants
    do not count: they may keep their type (Resize's `scales`). Empty if there are no floats or an
    operator has no schema.
    """
    allowed: set[str] | None = None
    for node in _nodes(graph):
        if node["op"] == "Constant" and not node["domain"]:
            continue
        for types in _computed(node):
            floats = {match[1] for text in types if (match := _FLOATS.fullmatch(text))}
            allowed = floats if allowed is None else allowed & floats
    return frozenset(allowed or ())


def _nodes(graph: Graph) -> Iterator[Node]:
    for node in graph["nodes"]:
        yield node
        for inner in node["subgraphs"].values():
            yield from _nodes(inner)


def _computed(node: Node) -> Iterator[tuple[str, ...]]:
    """The allowed types of each input and output of a node that is a computed float tensor."""
    sides = ((node["inputs"], definitions.inputs), (node["outputs"], definitions.outputs))
    for ports, formal in sides:
        for port in ports:
            if port["given"] not in {"value", "input", "outer"}:
                continue
            if not _FLOATS.fullmatch(f"tensor({port.get('dtype', '')})"):
                continue
            name = port["parameter"].partition("[")[0]
            since = node["since"]
            known = [] if since is None else formal(node["op"], since, node["domain"])
            yield next((each.types for each in known if each.name == name), ())


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
