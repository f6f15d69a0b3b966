"""Stage 5, per model: what changes from opset to opset and between exporters, and why.

reads   results/dump/{model}: record.json and graphs; the export record of every exporter
writes  record.json: per exporter the steps between neighbouring opsets, with their changes and
        causes, and the ranges without any; per pair of exporters what differs at one opset

Between two exporters at one opset the operators' schemas are the same, so what differs is their
choice, or a mistake of one of them, which parity tells.

Also a tool of its own: `python -m atlas.compare A.onnx B.onnx` prints what differs between any two
files. Exit status 0: equal in meaning, 1: different, 2: an error.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path

from atlas.causes import Situation
from atlas.changes import compare, explained, found_between, read_graph, usable_graphs
from atlas.difference_types import Difference
from atlas.files import read_json, write_json, write_text
from atlas.picture import visible
from atlas.records import (
    VERSION,
    Change,
    Compared,
    CompareRecord,
    Contrast,
    DumpRecord,
    GraphFile,
    Range,
    Step,
)
from atlas.text import describe

HELD = 32  # graphs, and pairs of them, in memory at a time: a model seldom has more


def main(arguments: list[str] | None = None) -> int:
    """Command line of the stage, and of the comparison of two files."""
    parser = argparse.ArgumentParser(prog="python -m atlas.compare", description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE.onnx", help="two files")
    parser.add_argument("--json", action="store_true", help="print the changes as data")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write them as a page, too")
    parser.add_argument("--dump", type=Path, help="folder of the model's dump")
    parser.add_argument("--export", type=Path, help="folder of the model's exports")
    parser.add_argument("--output", type=Path, help="record to write")
    options = parser.parse_args(arguments)
    if options.output and options.dump and options.export and not options.files:
        write_json(options.output, compare_model(options.dump, options.export))
        return 0
    if len(options.files) != 2:
        parser.error("expected two ONNX files")
    left, right = options.files
    return _compare_files(left, right, options.json, options.html)


def compare_model(dump: Path, export: Path) -> CompareRecord:
    """The record of a model; only cells that were delivered as asked are compared."""
    dumped: DumpRecord = read_json(dump / "record.json", "dump")
    usable = {
        name: usable_graphs(cells, read_json(export / name / "record.json", "export"))
        for name, cells in dumped["sweeps"].items()
    }
    graphs = _Graphs(dump)
    return {
        "version": VERSION,
        "stage": "compare",
        "model": dumped["model"],
        "sweeps": {name: _sweep(name, cells, graphs) for name, cells in usable.items()},
        "pairs": list(_contrasts(usable, graphs)),
    }


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


def _sweep(exporter: str, usable: Mapping[int, str], graphs: _Graphs) -> Compared:
    """Steps between neighbouring opsets."""
    steps: list[Step] = [
        {
            "from_opset": one,
            "to_opset": other,
            "from_graph": left,
            "to_graph": right,
            "changes": graphs.changes(left, right, Situation(one, other, exporter)),
        }
        for (one, left), (other, right) in pairwise(usable.items())
    ]
    return {"steps": steps, "ranges": _ranges(next(iter(usable.items()), None), steps)}


def _contrasts(usable: Mapping[str, Mapping[int, str]], graphs: _Graphs) -> Iterator[Contrast]:
    """Every pair of exporters over the opsets that both delivered as asked."""
    for left, right in combinations(usable, 2):
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


def _compare_files(left: Path, right: Path, as_json: bool, html: Path | None) -> int:
    from atlas.graph import read

    try:
        one, old = read(left)
        other, new = read(right)
    except Exception as error:
        print(f"{left}, {right}: {describe(error)}", file=sys.stderr)
        return 2
    changes = compare(one, other, Situation(_opset(old), _opset(new)))
    if as_json:
        print(json.dumps(changes, indent=1, ensure_ascii=False))
    else:
        print(f"{left}: opset {_opset(old)}\n{right}: opset {_opset(new)}")
        print("\n".join(_spelled(change) for change in changes) or "no difference")
    if html:
        # By name, so that the stage is not rebuilt for a change to how pages look.
        pair = importlib.import_module("atlas.report_pair")
        files = pair.File(left.name, _opset(old), one), pair.File(right.name, _opset(new), other)
        write_text(html, pair.page(*files, changes))
    return int(any(not change["neutral"] for change in changes))


def _opset(imports: Mapping[str, int]) -> int:
    return imports.get("", 0)


def _spelled(change: Change) -> str:
    mark = "=" if change["neutral"] else "≠"
    where = f" ({len(change['places'])} places)" if len(change["places"]) > 1 else ""
    name = " ".join(filter(None, [change["op_type"], change["parameter"]]))
    lines = [
        f"{mark} {name}{where}: {change['before']} → {change['after']}",
        f"  {change['explanation']}",
    ]
    lines += [f"  {change['url']}"] if change["url"] else []
    return "\n" + "\n".join(visible(line, 4000) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
