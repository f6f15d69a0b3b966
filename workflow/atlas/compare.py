"""Stage 5, per sweep: what changes from opset to opset, and why.

reads   results/dump/{model}/{exporter}: record.json and graphs; the sweep's export record
writes  record.json: per step the changes with their causes, and the ranges without any

Also a tool of its own: `python -m atlas.compare A.onnx B.onnx` prints what differs between any two
files. Exit status 0: equal in meaning, 1: different, 2: an error.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from atlas.causes import Situation
from atlas.changes import compare, read_graph, usable_graphs
from atlas.picture import visible
from atlas.records import (
    VERSION,
    Change,
    CompareRecord,
    DumpRecord,
    Range,
    Step,
    read_json,
    write_json,
    write_text,
)
from atlas.text import describe


def main(arguments: list[str] | None = None) -> int:
    """Command line of the stage, and of the comparison of two files."""
    parser = argparse.ArgumentParser(prog="python -m atlas.compare", description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE.onnx", help="two files")
    parser.add_argument("--json", action="store_true", help="print the changes as data")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write them as a page, too")
    parser.add_argument("--dump", type=Path, help="folder of the dump stage")
    parser.add_argument("--export", type=Path, help="folder of the export stage")
    parser.add_argument("--output", type=Path, help="record to write")
    options = parser.parse_args(arguments)
    if options.output and options.dump and options.export and not options.files:
        write_json(options.output, compare_sweep(options.dump, options.export))
        return 0
    if len(options.files) != 2:
        parser.error("expected two ONNX files")
    left, right = options.files
    return _compare_files(left, right, options.json, options.html)


def compare_sweep(dump: Path, export: Path) -> CompareRecord:
    """The record of a sweep: steps between neighbouring opsets that were delivered as asked."""
    dumped: DumpRecord = read_json(dump / "record.json", "dump")
    cells = list(usable_graphs(dump, export).items())
    graphs = {key: read_graph(dump, key) for _, key in cells}
    steps: list[Step] = []
    for (one, left), (other, right) in pairwise(cells):
        situation = Situation(one, other, dumped["exporter"])
        steps.append(
            {
                "from_opset": situation.from_opset,
                "to_opset": situation.to_opset,
                "from_graph": left,
                "to_graph": right,
                "changes": compare(graphs[left], graphs[right], situation) if left != right else [],
            }
        )
    return {
        "version": VERSION,
        "stage": "compare",
        "model": dumped["model"],
        "exporter": dumped["exporter"],
        "steps": steps,
        "ranges": _ranges(cells[0] if cells else None, steps),
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
