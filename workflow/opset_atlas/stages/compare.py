"""Stage 5, per model: what changes from opset to opset and between exporters, and why.

reads   results/dump/{model}: record.json and graphs; the export record of every exporter
writes  record.json: per exporter the steps between neighbouring opsets, with their changes and
        causes, and the ranges without any; per pair of exporters what differs at one opset

Between two exporters at one opset the operators' schemas are the same, so what differs is their
choice, or a mistake of one of them, which parity tells.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from opset_atlas.base import failures, stopped
from opset_atlas.base.files import read_json, write_json
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import (
    converted,
    explained,
    found_between,
    read_graph,
    usable_graphs,
)
from opset_atlas.differences.difference import Difference
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.records import (
    VERSION,
    Change,
    Compared,
    CompareRecord,
    Contrast,
    DumpRecord,
    ExportRecord,
    Failure,
    GraphFile,
    Range,
    Step,
)

HELD = 32  # graphs, and pairs of them, in memory at a time: a model seldom has more


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas compare", description=__doc__)
    parser.add_argument("--dump", type=Path, required=True, help="folder of the model's dump")
    parser.add_argument("--export", type=Path, required=True, help="folder of the model's exports")
    parser.add_argument("--output", type=Path, required=True, help="record to write")
    stopped.add_options(parser)
    options = parser.parse_args(arguments)

    def work() -> None:
        record = compare_model(options.dump, options.export, options.limits)
        write_json(options.output, record)
        details = [failure["detail"] for failure in record.get("failures", [])]
        lost = any(stopped.is_at_limit(text.partition(":")[0], text) for text in details)
        stopped.note(options.output, options.limits, options.again, lost)

    failures.guard(
        work, lambda failure: write_json(options.output, _stand_in(options.dump, failure))
    )


def warm_up() -> None:
    """Read what is the same for every model: onnx's schemas, the notes on them, the causes."""
    from opset_atlas import causes
    from opset_atlas.operators import definitions, notes

    definitions.operators()
    notes.all_notes()
    causes.modules()


def _stand_in(dump: Path, failure: Failure) -> CompareRecord:
    """The record of a model that this stage failed at: nothing is compared."""
    dumped: DumpRecord = read_json(dump / "record.json", "dump")
    return {
        "version": VERSION,
        "stage": "compare",
        "model": dumped["model"],
        "sweeps": {name: _nothing() for name in dumped["sweeps"]},
        "pairs": [],
        "failures": [failure],
    }


def _nothing() -> Compared:
    return {"steps": [], "ranges": []}


def compare_model(
    dump: Path, export: Path, limits: Mapping[str, Any] | None = None
) -> CompareRecord:
    """The record of a model; only cells that were delivered as asked are compared.

    In a child process. What it does not finish is nobody's fault but ours: the record says so.

    Args:
        limits: `cell_seconds` and `memory_mb`, of what a sweep or a pair of exporters may take.
    """
    dumped: DumpRecord = read_json(dump / "record.json", "dump")
    exported: dict[str, ExportRecord] = {
        name: read_json(export / name / "record.json", "export") for name in dumped["sweeps"]
    }
    usable = {name: usable_graphs(dumped["sweeps"][name], exported[name]) for name in exported}
    graphs = _Graphs(dump)

    def work(names: tuple[str, ...]) -> Any:
        if len(names) == 1:
            return _sweep(exported[names[0]], usable[names[0]], graphs)
        left, right = names
        return list(_contrasts(left, right, usable, graphs))

    record: CompareRecord = {
        "version": VERSION,
        "stage": "compare",
        "model": dumped["model"],
        "sweeps": {},
        "pairs": [],
    }
    most = limits or {}
    seconds, memory = float(most.get("cell_seconds", 300)), most.get("memory_mb")
    items = [*((name,) for name in usable), *combinations(usable, 2)]
    for names, result in run_isolated(items, work, seconds, memory):
        if result.status != "done":
            record.setdefault("failures", []).append(result.failure(" and ".join(names)))
        if len(names) == 1:
            record["sweeps"][names[0]] = result.value or _nothing()
        else:
            record["pairs"] += result.value or []
    return record


class _Graphs:
    """The graphs of a model: each is read once, and the nodes of equal pairs are aligned once.

    Their causes are not kept: those depend on the opsets and on who made the files.
    """

    def __init__(self, dump: Path) -> None:
        self._read = lru_cache(HELD)(lambda key: read_graph(dump, key))
        self._found = lru_cache(HELD)(self._between)

    def changes(self, left: str, right: str, situation: Situation) -> list[Change]:
        return explained(self._found(left, right), situation) if left != right else []

    def _between(self, left: str, right: str) -> list[Difference]:
        one: GraphFile = self._read(left)
        return found_between(one, self._read(right))


def _sweep(exported: ExportRecord, usable: Mapping[int, str], graphs: _Graphs) -> Compared:
    """Steps between neighbouring opsets."""
    situation = partial(Situation, exporter=exported["exporter"], converted=converted(exported))
    steps: list[Step] = [
        {
            "from_opset": one,
            "to_opset": other,
            "from_graph": left,
            "to_graph": right,
            "changes": graphs.changes(left, right, situation(one, other)),
        }
        for (one, left), (other, right) in pairwise(usable.items())
    ]
    return {"steps": steps, "ranges": _ranges(next(iter(usable.items()), None), steps)}


def _contrasts(
    left: str, right: str, usable: Mapping[str, Mapping[int, str]], graphs: _Graphs
) -> Iterator[Contrast]:
    """Two exporters over the opsets that both delivered as asked."""
    opsets: dict[tuple[str, str], list[int]] = {}
    for opset in sorted(usable[left].keys() & usable[right].keys()):
        opsets.setdefault((usable[left][opset], usable[right][opset]), []).append(opset)
    for (one, other), shared in opsets.items():
        yield {
            "left": left,
            "right": right,
            "opsets": shared,
            "left_graph": one,
            "right_graph": other,
            "changes": graphs.changes(one, other, Situation(shared[0], shared[0], left, right)),
        }


def _ranges(first: tuple[int, str] | None, steps: Iterable[Step]) -> list[Range]:
    """Opsets between which nothing changes. A gap in the opsets does not end a range by itself."""
    if first is None:
        return []
    ranges: list[Range] = [{"first": first[0], "last": first[0], "graph": first[1]}]
    for step in steps:
        if step["changes"]:
            opset = step["to_opset"]
            ranges.append({"first": opset, "last": opset, "graph": step["to_graph"]})
        else:
            ranges[-1]["last"] = step["to_opset"]
    return ranges


if __name__ == "__main__":
    main()
