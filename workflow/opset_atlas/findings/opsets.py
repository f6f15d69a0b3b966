"""Which opset, for each model and exporter: the table of opsets, a row per sweep.

The lowest opset that exports at all, the lowest and the highest that are right, the ranges over
which nothing changes, what each step brings and costs, and what a version converter lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import onnx.helper

from opset_atlas.findings.advice import spans
from opset_atlas.numerics.verdicts import RIGHT
from opset_atlas.operators import definitions
from opset_atlas.operators.changes import FUNCTION, TEXT, TYPES
from opset_atlas.operators.definitions import Kind, SchemaChange, Summary
from opset_atlas.records import CellVerdict, Compared, DumpCell, Graph, Node, Step

Row = Mapping[str, Any]

# As onnx calls them in a schema's types; what a model's own tensors may be turned into.
_FLOATS = re.compile(r"tensor\((double|float\w*|bfloat16)\)")
_STEP = re.compile(r"No Adapter (From|To) Version (?:[\w.]*\$)?(\d+) for (\w+)")
_NEW = re.compile(r"No Previous Version of (\w+) exists")
_NONE = re.compile(r"No Adapter For (\w+)")
_ADAPTER = re.compile(r"/version_converter/.*? failed: (.+)", re.DOTALL)
_MOST_TOLD = 4


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
        cells: rows of the cells table, this sweep's.
        verdicts: on this sweep's cells, any number of runtimes.
        compared, dumped: what the records say of this sweep.
        types: gives `float_types` of the graph of a digest in `dumped`.
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
    """What a version converter lacked where it refused, with what that step would have to do.

    `9–10: no step for TopK 11 → 10: TopK-11 changes …`; "" where nothing like it was refused.
    """
    cells = list(cells)
    usable = [cell["requested"] for cell in cells if cell["outcome"] == "ok"]
    told: dict[str, list[int]] = {}
    for cell in cells:
        if cell["outcome"] == "refused":
            text = refusal(cell["detail"] or "", cell["requested"], usable)
            if text:
                told.setdefault(text, []).append(cell["requested"])
    return "; ".join(
        f"{', '.join(_span(*span) for span in spans(opsets))}: {text}"
        for text, opsets in told.items()
    )


def refusal(message: str, requested: int, usable: Sequence[int] = ()) -> str:
    """A refusal of `onnx.version_converter` in words; "" for a message of anything else.

    The texts are those of `onnx/version_converter/BaseConverter.h` (`adapter_lookup`), which goes
    one opset at a time, and of `adapters/no_previous_version.h`. `usable` are opsets of the same
    sweep that were delivered; the one that all are converted from is among them.
    """
    if step := _STEP.search(message):
        opset = int(step[2])
        return _missing(step[1], opset, step[3], _direction(opset, requested, usable))
    if new := _NEW.search(message):
        known = definitions.versions(new[1])
        return f"{new[1]} exists only since opset {known[0]}" if known else ""
    if none := _NONE.search(message):
        return f"the converter has no step for any version of {none[1]}"
    if adapter := _ADAPTER.search(message):
        return f"the converter gives up: {adapter[1].strip()}"
    return ""


def named_operator(message: str) -> str:
    """The operator that a refusal of `onnx.version_converter` names; "" where it names none."""
    found = _STEP.search(message)
    if found:
        return found[3]
    found = _NEW.search(message) or _NONE.search(message)
    return found[1] if found else ""


def _missing(which: str, opset: int, op: str, step: int) -> str:
    """`From` names the opset before the step, `To` the one after it, in either direction."""
    source, target = (opset, opset + step) if which == "From" else (opset - step, opset)
    old, new = definitions.in_force(op, source), definitions.in_force(op, target)
    if old is None or new is None or old == new:  # no direction is known, or no such operator
        return f"no step {which.lower()} version {opset} for {op}"
    return f"no step for {op} {old} → {new}: {what_lies_between(op, old, new)}"


def _direction(opset: int, requested: int, usable: Sequence[int]) -> int:
    """1 up, -1 down, 0 where nothing tells. What is asked for lies ahead, the base behind."""
    if requested != opset:
        return 1 if requested > opset else -1
    if usable and (min(usable) > requested or max(usable) < requested):
        return 1 if max(usable) < requested else -1
    return 0


def what_lies_between(op: str, old: int, new: int) -> str:
    """The schema change that a converter step from `old` to `new` has to bridge, in a clause.

    Told upwards whichever way the step goes: `Relu-14 only adds types (int8, …), so …`.
    """
    low, high = sorted((old, new))
    upward = definitions.transition(op, low, high)
    if definitions.down_is_types_only(op, high, low):
        types = _added_types(upward.changes)
        return (
            f"{op}-{high} only adds types ({types}),"
            f" so a node of the older types means the same in {op}-{low}"
        )
    told = {
        Summary.NONE: "nothing",
        Summary.TEXT_ONLY: "its text only",
        Summary.FUNCTION_ONLY: "its function body only",
    }
    what = told.get(upward.summary) or f"more than types ({_told(upward.changes)})"
    numeric = any(note.numeric for note in definitions.notes(op, low, high))
    return f"{op}-{high} changes {what}" + (", and results can differ" if numeric else "")


def _added_types(changes: Iterable[SchemaChange]) -> str:
    added = {
        name
        for change in changes
        if change.kind is Kind.TYPES_WIDENED
        for name in change.detail.removeprefix("adds ").split(", ")
    }
    return ", ".join(sorted(added))


def _told(changes: Iterable[SchemaChange]) -> str:
    """The weightier changes, a clause each."""
    clauses = list(
        dict.fromkeys(
            _clause(change) for change in changes if change.kind not in TEXT | FUNCTION | TYPES
        )
    )
    more = len(clauses) - _MOST_TOLD
    return ", ".join(clauses[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


def _clause(change: SchemaChange) -> str:
    """`input roi added`, `axis default changed`."""
    kind = change.kind.value
    if kind.startswith(f"{change.role} ") and " to " not in kind:
        return f"{change.role} {change.parameter} {kind.removeprefix(f'{change.role} ')}"
    return f"{change.parameter} {kind}".strip()


def _steps(
    usable: Sequence[Row],
    changed: Mapping[int, Step],
    verdicts: Mapping[int, Mapping[str, str]],
    types: Mapping[int, frozenset[str]],
) -> tuple[str, str]:
    """What each opset brings and costs against the one before it, as texts."""
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
    """New operators that took the place of several nodes."""
    found = []
    for change in step["changes"]:
        gone = sum(place["from_node"] is not None for place in change["places"])
        if change["cause"] == "replacement" and gone > 1:
            found.append(f"{change['op_type']} in place of {gone} nodes")
    return found


def _needs(before: Row, after: Row) -> str:
    """What a runtime has to read from here on; onnx releases as `onnx.helper` lists them."""
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
    """The floating point types that every operator takes where this graph computes with floats.

    That is, what the model's tensors could be turned into under the schemas in force. Constants
    do not count: they may keep their type (Resize's `scales`). Empty without floats, and where an
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
    """The allowed types of each input and output of a node that holds a computed float tensor."""
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
