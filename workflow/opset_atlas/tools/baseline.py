"""What differs between two runs, for example before and after an upgrade.

It lists package versions and models that differ, cells with other outcomes or verdicts, and the
changes between graphs with their causes. What only the earlier run has matters; what only the later
one has does not, nor does a cell that became better. Exit status 0: nothing that matters differs,
1: something does, 2: an error.
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
from opset_atlas.findings.preference import as_ranges
from opset_atlas.graph.spelling import visible
from opset_atlas.numerics.verdicts import RIGHT
from opset_atlas.records import Cell, CellVerdict, DefineRecord, ExportRecord, JudgeRecord
from opset_atlas.tools import _command

Row = dict[str, Any]

# Outcomes of a cell that delivered a file which loads.
_DELIVERED = {"ok", "moved"}


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
        print("\n".join(spelled(row) for row in rows) or "no difference")
    return int(any(row["matters"] for row in rows))


def differences(baseline: Path, results: Path) -> Iterator[Row]:
    """What differs between two results folders, sweep by sweep, then verdict by verdict.

    Raises:
        OSError, ValueError: a record is missing or was written by another stage.
    """
    old, new = sweeps(baseline), sweeps(results)
    if not old or not new:
        raise ValueError(
            f"{baseline if not old else results}: no records of the export stage there"
        )
    explained: set[tuple[str, int]] = set()
    for model in sorted({sweep.partition("/")[0] for sweep in old & new}):
        yield from _definition(model, baseline, results)
    for sweep in sorted(old | new):
        if sweep not in old:
            yield row(sweep, [], "sweep", "only in the later run", matters=False)
            continue
        before = exported(baseline, sweep)
        if sweep not in new:
            lost = [cell["requested"] for cell in before["cells"]]
            explained |= {(sweep, opset) for opset in lost}
            yield row(sweep, lost, "sweep", "only in the earlier run", matters=True)
            continue
        after = exported(results, sweep)
        yield from _versions(sweep, before, after)
        for one in _outcomes(sweep, before, after):
            explained |= {(sweep, opset) for opset in one["opsets"] if one["matters"]}
            yield one
        yield from _graphs(sweep, (baseline, before), (results, after))
    yield from _verdicts(baseline, results, explained)


def sweeps(results: Path) -> set[str]:
    """`model/exporter` of every sweep; of a run, only what that run was about.

    The records of a model stay in the results after it was taken out of the configuration.
    """
    folder = results / "export"
    found = {path.parent.relative_to(folder) for path in folder.glob("*/*/record.json")}
    run = results / "run.json"
    models = set(read_json(run)["order"]) if run.is_file() else {path.parts[0] for path in found}
    return {path.as_posix() for path in found if path.parts[0] in models}


def exported(results: Path, sweep: str) -> ExportRecord:
    """The record of a sweep."""
    record: ExportRecord = read_json(results / "export" / sweep / "record.json", "export")
    return record


def _definition(model: str, baseline: Path, results: Path) -> Iterator[Row]:
    """Whether the model itself is another one: that explains what follows."""
    paths = [folder / "define" / model / "record.json" for folder in (baseline, results)]
    if not all(path.is_file() for path in paths):
        return
    before, after = (_defined(path) for path in paths)
    files = [
        {source["path"]: source["sha256"] for source in record["sources"]}
        for record in (before, after)
    ]
    names = sorted(files[0].keys() | files[1].keys())
    changed = [name for name in names if files[0].get(name) != files[1].get(name)]
    changed += [
        name
        for name in ("weights", "inputs")
        if before[f"{name}_sha256"] != after[f"{name}_sha256"]  # type: ignore[literal-required]
    ]
    if changed:
        text = f"the model itself is another one: {', '.join(changed)}"
        yield row(f"{model}/", [], "model", text, matters=False)


def _defined(path: Path) -> DefineRecord:
    record: DefineRecord = read_json(path, "define")
    return record


def _versions(sweep: str, before: ExportRecord, after: ExportRecord) -> Iterator[Row]:
    for name in sorted(before["versions"].keys() | after["versions"].keys()):
        pair = [record["versions"].get(name, "none") for record in (before, after)]
        if pair[0] != pair[1]:
            yield row(sweep, [], "version", f"{name} {pair[0]} → {pair[1]}", matters=False)


def _outcomes(sweep: str, before: ExportRecord, after: ExportRecord) -> Iterator[Row]:
    """Cells with different outcomes, grouped, and those that only one run has."""
    old = {cell["requested"]: cell for cell in before["cells"]}
    new = {cell["requested"] for cell in after["cells"]}
    if lost := sorted(old.keys() - new):
        yield row(sweep, lost, "cells", "only in the earlier run", matters=True)
    if added := sorted(new - old.keys()):
        yield row(sweep, added, "cells", "only in the later run", matters=False)
    found: dict[tuple[str, bool], list[int]] = {}
    for cell in after["cells"]:
        one = old.get(cell["requested"])
        if one and (one["outcome"], one["delivered"]) != (cell["outcome"], cell["delivered"]):
            key = _other_outcome(one, cell), one["outcome"] in _DELIVERED
            found.setdefault(key, []).append(cell["requested"])
    for (text, matters), opsets in found.items():
        yield row(sweep, opsets, "outcome", text, matters=matters)


def _other_outcome(before: Cell, after: Cell) -> str:
    """`ok → moved, delivered opset 13 → 18: why`."""
    words = [f"{before['outcome']} → {after['outcome']}"] * (before["outcome"] != after["outcome"])
    if before["delivered"] != after["delivered"]:
        pair = [cell["delivered"] or "none" for cell in (before, after)]
        words.append(f"delivered opset {pair[0]} → {pair[1]}")
    return ", ".join(words) + (f": {after['detail']}" if after["detail"] else "")


def _graphs(
    sweep: str, earlier: tuple[Path, ExportRecord], later: tuple[Path, ExportRecord]
) -> Iterator[Row]:
    """Changes between the graphs of equal opsets; equal pairs of graphs are compared once.

    A change that several opsets have is one row.
    """
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
    found: dict[str, Row] = {}
    for (one, other), opsets in pairs.items():
        files = read_graph(dumps[0], one), read_graph(dumps[1], other)
        made = Situation(opsets[0], opsets[0], exporter, converted=converted(later[1]))
        for change in compare(*files, made):
            name = " ".join(filter(None, [change["op_type"], change["parameter"]]))
            text = f"{name}: {change['before']} → {change['after']}. {change['explanation']}"
            one_row = row(sweep, [], "graph", text, matters=not change["neutral"])
            same = found.setdefault(text, {**one_row, "change": change})
            same["opsets"] = sorted({*same["opsets"], *opsets})
    yield from found.values()


def _verdicts(baseline: Path, results: Path, explained: set[tuple[str, int]]) -> Iterator[Row]:
    """Verdicts of the earlier run that are different or missing in the later one.

    Args:
        explained: sweep and opset of cells whose verdict is missing for a reason that was said.
    """
    old, new = (_judged(folder) for folder in (baseline, results))
    found: dict[tuple[str, str, bool], list[int]] = {}
    why: dict[tuple[str, str, bool], str] = {}
    for key in sorted(old):
        sweep, requested, runtime = key
        before, after = old[key]["verdict"], new[key]["verdict"] if key in new else "none"
        if before == after or (after == "none" and (sweep, requested) in explained):
            continue
        group = sweep, f"{runtime}: {before} → {after}", before in RIGHT and after not in RIGHT
        found.setdefault(group, []).append(requested)
        why.setdefault(group, new[key]["detail"] if key in new else "")
    for (sweep, text, matters), opsets in found.items():
        detail = why[sweep, text, matters]
        yield row(sweep, opsets, "verdict", text + f" ({detail})" * bool(detail), matters=matters)


def _judged(results: Path) -> dict[tuple[str, int, str], CellVerdict]:
    record: JudgeRecord = read_json(results / "judge" / "verdicts.json", "judge")
    return {
        (f"{cell['model']}/{cell['exporter']}", cell["requested"], cell["runtime"]): cell
        for cell in record["cells"]
    }


def row(sweep: str, opsets: Sequence[int], kind: str, text: str, matters: bool) -> Row:
    """A difference; `sweep` is `model/exporter`, with nothing after the slash: the model."""
    model, _, exporter = sweep.partition("/")
    return {
        "model": model,
        "exporter": exporter,
        "opsets": list(opsets),
        "kind": kind,
        "text": text,
        "matters": matters,
    }


def place(row: Row) -> str:
    """`model × exporter × opsets`."""
    parts = [row["model"], row["exporter"], as_ranges(row["opsets"]) if row["opsets"] else ""]
    return " × ".join(filter(None, parts))


def spelled(row: Row) -> str:
    """A difference as a line."""
    line = f"{'≠' if row['matters'] else '='} {place(row)}: {row['kind']} {row['text']}"
    return visible(line, 4000)


if __name__ == "__main__":
    sys.exit(main())
