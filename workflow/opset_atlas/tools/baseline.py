"""What differs between two runs, for example before and after an upgrade.

It lists package versions that differ, cells with other outcomes or verdicts, and the changes
between graphs with their causes. What only the earlier run has matters; what only the later one has
does not. Exit status 0: nothing that matters differs, 1: something does, 2: an error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from opset_atlas.base.files import read_json
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import compare, converted, read_graph, usable_graphs
from opset_atlas.findings.advice import as_ranges
from opset_atlas.graph.spelling import visible
from opset_atlas.records import ExportRecord, JudgeRecord
from opset_atlas.tools import _command

Row = dict[str, Any]


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    example = "  opset-atlas baseline before/results after/results"
    parser = _command.parser("baseline", __doc__, example)
    parser.add_argument("baseline", type=Path, help="results of the earlier run")
    parser.add_argument("results", type=Path, help="results of the later run")
    parser.add_argument("--json", action="store_true", help="print the differences as data")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        rows = list(differences(options.baseline, options.results))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print("\n".join(visible(_spelled(row), 4000) for row in rows) or "no difference")
    return int(any(row["matters"] for row in rows))


def differences(baseline: Path, results: Path) -> Iterator[Row]:
    """What differs between two results folders, sweep by sweep, then verdict by verdict.

    Raises:
        OSError, ValueError: a record is missing or was written by another stage.
    """
    old, new = _sweeps(baseline), _sweeps(results)
    if not old or not new:
        raise ValueError(
            f"{baseline if not old else results}: no records of the export stage there"
        )
    for sweep in sorted(old | new):
        if sweep not in old or sweep not in new:
            where = "later" if sweep in new else "earlier"
            yield _row(sweep, [], "sweep", f"only in the {where} run", matters=sweep in old)
            continue
        before: ExportRecord = read_json(baseline / "export" / sweep / "record.json", "export")
        after: ExportRecord = read_json(results / "export" / sweep / "record.json", "export")
        yield from _versions(sweep, before, after)
        yield from _outcomes(sweep, before, after)
        yield from _graphs(sweep, (baseline, before), (results, after))
    yield from _verdicts(baseline, results)


def _sweeps(results: Path) -> set[str]:
    paths = (results / "export").glob("*/*/record.json")
    return {path.parent.relative_to(results / "export").as_posix() for path in paths}


def _versions(sweep: str, before: ExportRecord, after: ExportRecord) -> Iterator[Row]:
    for name in sorted(before["versions"].keys() | after["versions"].keys()):
        pair = [record["versions"].get(name, "none") for record in (before, after)]
        if pair[0] != pair[1]:
            yield _row(sweep, [], "version", f"{name} {pair[0]} → {pair[1]}", matters=False)


def _outcomes(sweep: str, before: ExportRecord, after: ExportRecord) -> Iterator[Row]:
    """Cells with different outcomes, grouped, and those that only one run has."""
    old = {cell["requested"]: cell for cell in before["cells"]}
    new = {cell["requested"] for cell in after["cells"]}
    if lost := sorted(old.keys() - new):
        yield _row(sweep, lost, "cells", "only in the earlier run", matters=True)
    if added := sorted(new - old.keys()):
        yield _row(sweep, added, "cells", "only in the later run", matters=False)
    found: dict[str, list[int]] = {}
    for cell in after["cells"]:
        one = old.get(cell["requested"])
        if one and (one["outcome"], one["delivered"]) != (cell["outcome"], cell["delivered"]):
            detail = f": {cell['detail']}" if cell["detail"] else ""
            text = f"{one['outcome']} → {cell['outcome']}{detail}"
            found.setdefault(text, []).append(cell["requested"])
    for text, opsets in found.items():
        yield _row(sweep, opsets, "outcome", text, matters=True)


def _graphs(
    sweep: str, earlier: tuple[Path, ExportRecord], later: tuple[Path, ExportRecord]
) -> Iterator[Row]:
    """Changes between the graphs of equal opsets; equal pairs of graphs are compared once."""
    model, _, exporter = sweep.partition("/")
    dumps = [results / "dump" / model for results, _ in (earlier, later)]
    old, new = (
        usable_graphs(read_json(dump / "record.json", "dump")["sweeps"].get(exporter, []), exported)
        for dump, (_, exported) in zip(dumps, (earlier, later), strict=True)
    )
    pairs: dict[tuple[str, str], list[int]] = {}
    for opset in sorted(old.keys() & new.keys()):
        if old[opset] != new[opset]:
            pairs.setdefault((old[opset], new[opset]), []).append(opset)
    for (one, other), opsets in pairs.items():
        files = read_graph(dumps[0], one), read_graph(dumps[1], other)
        made = Situation(opsets[0], opsets[0], exporter, converted=converted(later[1]))
        for change in compare(*files, made):
            name = " ".join(filter(None, [change["op_type"], change["parameter"]]))
            text = f"{name}: {change['before']} → {change['after']}. {change['explanation']}"
            yield {
                **_row(sweep, opsets, "graph", text, matters=not change["neutral"]),
                "change": change,
            }


def _verdicts(baseline: Path, results: Path) -> Iterator[Row]:
    """Verdicts of the earlier run that are different or missing in the later one."""
    old, new = (_judged(folder) for folder in (baseline, results))
    found: dict[tuple[str, str], list[int]] = {}
    for key in sorted(old):
        sweep, requested, runtime = key
        verdict = new.get(key, "none")
        if old[key] != verdict:
            found.setdefault((sweep, f"{runtime}: {old[key]} → {verdict}"), []).append(requested)
    for (sweep, text), opsets in found.items():
        yield _row(sweep, opsets, "verdict", text, matters=True)


def _judged(results: Path) -> dict[tuple[str, int, str], str]:
    record: JudgeRecord = read_json(results / "judge" / "verdicts.json", "judge")
    return {
        (f"{cell['model']}/{cell['exporter']}", cell["requested"], cell["runtime"]): cell["verdict"]
        for cell in record["cells"]
    }


def _row(sweep: str, opsets: Sequence[int], kind: str, text: str, matters: bool) -> Row:
    model, _, exporter = sweep.partition("/")
    return {
        "model": model,
        "exporter": exporter,
        "opsets": list(opsets),
        "kind": kind,
        "text": text,
        "matters": matters,
    }


def _spelled(row: Row) -> str:
    mark = "≠" if row["matters"] else "="
    where = f"{row['model']} × {row['exporter']}"
    if row["opsets"]:
        where += f" × {as_ranges(row['opsets'])}"
    return f"{mark} {where}: {row['kind']} {row['text']}"


if __name__ == "__main__":
    sys.exit(main())
