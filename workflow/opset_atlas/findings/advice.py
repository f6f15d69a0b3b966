"""Which opset and exporter to use for models, which to avoid, and what silently went wrong.

The rule, which the report states too: a cell qualifies if the exporter delivered the requested
opset, onnx's checker accepts the file, and every runtime computes the model's function to within
float32's own noise, or within assert_close's tolerances if there is no float64 run to measure the
noise. Which of these is preferred is decided in `preference`. It is a valid answer that none
qualifies.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from opset_atlas.base.messages import shorten
from opset_atlas.findings.preference import (
    HOME,
    Aim,
    Choice,
    as_ranges,
    choose,
    exclusions,
    spans,
)
from opset_atlas.numerics.verdicts import RIGHT
from opset_atlas.records import CellVerdict, DefineRecord, Departure, DumpRecord

Row = Mapping[str, Any]
Key = tuple[str, str, int]

_MOST_OPERATORS = 100  # characters of the operators where a wrong result begins
# Operators as the dump counts them: with the schema version, and a prefix for other domains.
_COMPUTES_NOTHING = re.compile(r"(Constant|Identity)-\d+")
SEVERITY = {
    "silently-wrong": 1,
    "fixed-size": 1,
    "invalid": 2,
    "loads-nowhere": 3,
    "metric-moved": 3,
    "misdeclared": 4,
    "silently-moved": 5,
    "above-noise": 6,
    "off-text": 7,
}


# What a model's outcome means for its row if nothing was exported.
NOTHING_DONE = {
    "failed": "the model itself does not run",
    "unsupported": "the model may be sound",
    "internal-error": "the model may be sound",
}


def qualifying(cells: Iterable[Row], verdicts: Iterable[CellVerdict]) -> list[Row]:
    """The cells that may be recommended: delivered as asked, valid, and right in every runtime."""
    by_cell = _by_cell(verdicts)
    return [
        cell
        for cell in cells
        if cell["outcome"] == "ok" and (found := _verdicts(by_cell, cell)) and found <= RIGHT
    ]


def recommend(
    record: DefineRecord,
    cells: Iterable[Row],
    verdicts: Collection[CellVerdict],
    aim: Aim | None = None,
) -> dict[str, Any]:
    """A model's row in the table of models: what to use, what to avoid, and why.

    Args:
        cells, verdicts: only those of this model.
        aim: what the user wants it for.
    """
    row: dict[str, Any] = {
        "model": record["model"],
        "kind": record["kind"],
        "outcome": record["outcome"],
        "detail": record["detail"],
        "parameters": record["parameters"],
        "use_exporter": None,
        "use_opset": None,
        "use_range": "",
        "why": "",
        "also_right": "",
        "excluded": "",
        "avoid": "",
        "avoid_why": "",
    }
    if record["outcome"] != "ok":
        return {**row, "why": f"{NOTHING_DONE[record['outcome']]}: {record['detail']}"}
    own, aim = list(cells), aim or Aim()
    by_cell = _by_cell(verdicts)
    right = qualifying(own, verdicts)
    row["excluded"] = exclusions(own, aim)
    if choice := choose({record["model"]}, right, exporters_of(own), aim):
        best = choice.cells[record["model"]]
        read = [c for c in right if not aim.refusal(c["requested"], c.get("ir_version"))]
        same = [c["requested"] for c in read if c["exporter"] == choice.exporter]
        row |= {
            "use_exporter": choice.exporter,
            "use_opset": choice.opset,
            "use_range": as_ranges(same),
            "why": _why(choice, best, read, aim, _verdicts(by_cell, best)),
            "also_right": _alternatives(best, read, aim),
        }
    elif right:
        row["why"] = "no cell qualifies: none that is right is read by the targets"
    elif random := sorted({name for each in record["sets"] for name in each["random"]}):
        names = " and ".join(f"`{name}`" for name in random)
        row["why"] = f"the model is random: its output {names} changes from run to run in torch"
    else:
        row["why"] = "no cell qualifies: " + _tally(own, by_cell)
        if slight := [cell for cell in own if weight(by_cell, cell) == 1]:
            row["why"] += f"; wrong on degenerate inputs alone: {_spans(slight)}"
    return row | _avoid(own, by_cell)


def exporters_of(cells: Iterable[Row]) -> list[str]:
    """The exporters of these cells, in the order in which they first occur."""
    return list(dict.fromkeys(cell["exporter"] for cell in cells))


def computing_nodes(dumped: Iterable[DumpRecord]) -> dict[Key, int]:
    """Per cell, the number of nodes that compute something: all but Constant and Identity."""
    return {
        (record["model"], exporter, cell["requested"]): sum(
            count
            for operator, count in record["graphs"][cell["graph"]]["operators"].items()
            if not _COMPUTES_NOTHING.fullmatch(operator)
        )
        for record in dumped
        for exporter, cells in record["sweeps"].items()
        for cell in cells
        if cell["graph"]
    }


def surprises(
    cells: Iterable[Row],
    verdicts: Iterable[CellVerdict],
    located: Mapping[Key, Row] | None = None,
    departures: Mapping[Key, Sequence[Departure]] | None = None,
) -> list[dict[str, Any]]:
    """Exports reported as success that are not, worst first.

    Args:
        cells, located: rows of these tables; one of `located` per cell.
        departures: where the file of a cell departs from the text of the specification.
    """
    by_cell, begins, left = _by_cell(verdicts), located or {}, departures or {}
    found = [
        row
        for cell in cells
        for row in (
            *_surprises(cell, by_cell.get(_key(cell), []), begins.get(_key(cell))),
            *_off_text(cell, left.get(_key(cell), ())),
        )
    ]
    order = ("severity", "model", "exporter", "runtime", "requested")
    return sorted(found, key=lambda row: tuple(row[name] for name in order))


def _surprises(
    cell: Row, verdicts: Sequence[CellVerdict], located: Row | None
) -> Iterator[dict[str, Any]]:
    asked = f"{cell['exporter']} at opset {cell['requested']}"
    if cell["outcome"] == "moved":
        moved = f"opset {cell['delivered']}"
        why = (cell["detail"] or "").partition(f"; the file is {moved}")[2]
        yield _surprise(cell, "silently-moved", "", f"{asked} returned normally with {moved}{why}")
    if cell["outcome"] == "invalid":
        yield _surprise(cell, "invalid", "", f"{asked} returned normally; {cell['detail']}")
    for verdict in verdicts:
        runtime, detail = verdict["runtime"], verdict["detail"]
        if verdict["verdict"] == "mismatch":
            sentence = f"{asked}: {runtime} computes something else{_beginning(located)}: {detail}"
            yield _surprise(cell, "silently-wrong", runtime, sentence)
        if verdict["verdict"] == "fixed-size":
            yield _surprise(cell, "fixed-size", runtime, f"{asked}: {runtime}: {detail}")
        if verdict["verdict"] == "above-noise":
            sentence = f"{asked}: {runtime} is beyond float noise{_beginning(located)}: {detail}"
            yield _surprise(cell, "above-noise", runtime, sentence)
        if verdict["verdict"] == "metric-moved":
            yield _surprise(cell, "metric-moved", runtime, f"{asked}: {runtime}: {detail}")
    promises = [v for v in verdicts if v["verdict"] == "misdeclared"]
    if promises:  # a property of the file, so every runtime says the same
        sentence = f"{asked} declares something other than it returns: {promises[0]['detail']}"
        yield _surprise(cell, "misdeclared", "", sentence)
    failed = [v for v in verdicts if v["verdict"] in {"no-kernel", "rejected", "failed", "crashed"}]
    if failed and len(failed) == len(verdicts) and cell["outcome"] == "ok":
        sentence = f"{asked} is valid, but no runtime runs it: {failed[0]['detail']}"
        yield _surprise(cell, "loads-nowhere", "", sentence)


def _off_text(cell: Row, departures: Iterable[Departure]) -> Iterator[dict[str, Any]]:
    """A delivered file whose inputs have ranks that the schema's text excludes."""
    if cell["outcome"] not in {"ok", "moved"}:
        return
    for each in departures:
        where = f"`{each['parameter']}` of {each['operator']} has rank {each['rank']}"
        sentence = (
            f"{cell['exporter']} at opset {cell['requested']}: {where}, which onnx's checker lets"
            f" pass; the operator's text says: {each['says']}"
        )
        yield _surprise(cell, "off-text", "", sentence)


def _beginning(located: Row | None) -> str:
    """Where a wrong result begins: `, from Softmax-11(axis=1) on`."""
    operators = (located["operators"] or "") if located else ""
    return f", from {shorten(operators, _MOST_OPERATORS)} on" if operators else ""


def _surprise(cell: Row, kind: str, runtime: str, sentence: str) -> dict[str, Any]:
    names = ("model", "exporter", "requested")
    return {
        "severity": SEVERITY[kind],
        "kind": kind,
        **{name: cell[name] for name in names},
        "runtime": runtime,
        "sentence": sentence,
        **{name: cell.get(name) or "" for name in ("source", "way_out", "way_out_url")},
    }


def _by_cell(verdicts: Iterable[CellVerdict]) -> dict[Key, list[CellVerdict]]:
    grouped: dict[Key, list[CellVerdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict["verdict"] != "unavailable":  # a runtime that is not installed has no say
            grouped[verdict["model"], verdict["exporter"], verdict["requested"]].append(verdict)
    return grouped


def _key(cell: Row) -> Key:
    return cell["model"], cell["exporter"], cell["requested"]


def _verdicts(by_cell: Mapping[Key, Sequence[CellVerdict]], cell: Row) -> set[str]:
    return {verdict["verdict"] for verdict in by_cell.get(_key(cell), [])}


def weight(by_cell: Mapping[Key, Sequence[CellVerdict]], cell: Row) -> int:
    """How much a wrong result weighs: 2, or 1 where only degenerate inputs show it; 0 if none."""
    wrong = [each for each in by_cell.get(_key(cell), []) if each["verdict"] == "mismatch"]
    return max((1 if each.get("degenerate_only") else 2 for each in wrong), default=0)


def _why(choice: Choice, best: Row, right: Sequence[Row], aim: Aim, verdicts: set[str]) -> str:
    """One clause per rule that was decisive."""
    floor = ", judged without a noise floor" if "no-noise-floor" in verdicts else ""
    if len(right) == 1:
        return f"right in every runtime{floor}; the only such cell"
    exporter, opset = choice.exporter, choice.opset
    same = [cell["requested"] for cell in right if cell["exporter"] == exporter]
    clauses = [f"right in every runtime{floor}"]
    if aim.policy == "widest-reach":
        clauses.append("the lowest opset that is right, so the most runtimes read it")
    elif aim.policy == "fewest-nodes":
        nodes = best["computing_nodes"]
        most = max(cell["computing_nodes"] for cell in right)
        noun = "computing node" if nodes == 1 else "computing nodes"
        size = f" where others have up to {most}" if most > nodes else ", as all others have"
        clauses.append(f"{nodes} {noun}{size}")
    else:
        if exporter == aim.default_exporter:
            clauses.append("torch’s default exporter")
        elif any(aim.standing(c["exporter"]) > aim.standing(exporter) for c in right):
            clauses.append(f"{aim.default_exporter} is right nowhere")
        clauses[0] += f" at {as_ranges(same)}" if len(same) > 1 else ""
        run = next(span for span in spans(same) if span[0] <= opset <= span[1])
        whole = len(spans(same)) == 1
        which = "these" if whole else f"the longest run, {as_ranges(range(run[0], run[1] + 1))}"
        if opset == HOME and exporter == "dynamo":
            clauses.append(f"{HOME} is the lowest opset that torch writes without a conversion")
        elif len(same) > 1:
            clauses.append(f"of {which}, the nearest to {HOME}")
    return "; ".join(clauses)


def _alternatives(best: Row, right: Sequence[Row], aim: Aim) -> str:
    """The other exporters that are right, with their opsets and what they cost or save in nodes.

    `torchscript 9–20 (1 node more), converter 9–19`
    """
    parts = []
    names = [name for name in exporters_of(right) if name != best["exporter"]]
    for name in sorted(names, key=aim.standing):
        own = [cell for cell in right if cell["exporter"] == name]
        more = min(cell["computing_nodes"] for cell in own) - best["computing_nodes"]
        nodes = "node" if abs(more) == 1 else "nodes"
        cost = f" ({abs(more)} {nodes} {'more' if more > 0 else 'fewer'})" if more else ""
        parts.append(f"{name} {as_ranges(cell['requested'] for cell in own)}{cost}")
    return ", ".join(parts)


def _avoid(own: Sequence[Row], by_cell: Mapping[Key, Sequence[CellVerdict]]) -> dict[str, str]:
    """The cells to avoid for the worst reason, as ranges of opsets per exporter."""
    for reason, test in (
        ("computes something other than the model", lambda c: weight(by_cell, c) == 2),
        (
            "is right only at the size that it was traced at",
            lambda c: "fixed-size" in _verdicts(by_cell, c),
        ),
        (
            "is not a valid file although the exporter reports success",
            lambda c: c["outcome"] == "invalid",
        ),
        (
            "moves a metric of yours",
            lambda c: "metric-moved" in _verdicts(by_cell, c),
        ),
        (
            "declares other shapes or types than it returns",
            lambda c: "misdeclared" in _verdicts(by_cell, c),
        ),
        (
            "computes something other than the model on degenerate inputs alone",
            lambda c: weight(by_cell, c) == 1,
        ),
        ("has a different opset than requested", lambda c: c["outcome"] == "moved"),
    ):
        bad = [cell for cell in own if test(cell)]
        if bad:
            return {"avoid": _spans(bad), "avoid_why": reason}
    return {}


def _spans(cells: Sequence[Row]) -> str:
    """`dynamo 9–13, converter 20`"""
    parts = []
    for exporter, group in groupby(cells, key=lambda cell: cell["exporter"]):
        for first, last in spans([cell["requested"] for cell in group]):
            parts.append(f"{exporter} {first}" if first == last else f"{exporter} {first}–{last}")
    return ", ".join(parts)


def _tally(own: Sequence[Row], by_cell: Mapping[Key, Sequence[CellVerdict]]) -> str:
    counts: dict[str, int] = defaultdict(int)
    for cell in own:
        wrong = sorted(_verdicts(by_cell, cell) - RIGHT) if cell["outcome"] == "ok" else []
        counts[wrong[0] if wrong else cell["outcome"]] += 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
