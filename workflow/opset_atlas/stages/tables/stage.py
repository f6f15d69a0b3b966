"""Stage 7: every table of the report, as CSV and JSON, for use by other programs.

reads   the records of every stage, the graphs and the verdicts, below results/
writes  the tables of `findings.columns`, each as .csv and .json, and the answer of the run
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from opset_atlas.base import failures
from opset_atlas.base.failures import NAMED
from opset_atlas.base.files import json_argument, read_json, write_json
from opset_atlas.base.source_lines import listed, with_nodes
from opset_atlas.findings import audit_rows, choices, coverage, opsets, ways_out
from opset_atlas.findings.advice import (
    NOTHING_DONE,
    computing_nodes,
    recommend,
    surprises,
)
from opset_atlas.findings.answer import answer
from opset_atlas.findings.columns import columns
from opset_atlas.findings.preference import Aim, as_ranges, of_spec
from opset_atlas.numerics.verdicts import WRONG, outcome_in_runtimes
from opset_atlas.records import (
    BlamedInput,
    Cell,
    CellVerdict,
    CompareRecord,
    Departure,
    DumpRecord,
    ExportRecord,
    Failure,
    JudgeRecord,
    LocateRecord,
    Message,
)
from opset_atlas.stages.tables.writing import write_table

Row = dict[str, Any]
Key = tuple[str, str, int]  # model, exporter, requested opset


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas tables", description=__doc__)
    parser.add_argument("--spec", type=json_argument, required=True, help="the run: JSON or @FILE")
    parser.add_argument("--results", type=Path, required=True, help="folder of the stages' folders")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    parser.add_argument("--answer", type=Path, help="file to write the run's answer into")
    options = parser.parse_args(arguments)
    sweeps = {model: options.spec["sweeps"][model] for model in options.spec["order"]}
    audited = bool(options.spec.get("audit"))
    judged: JudgeRecord = read_json(options.results / "judge" / "verdicts.json", "judge")
    aim = of_spec(options.spec)
    found = sound_tables(sweeps, options.results, judged, audited, aim)
    for name, rows in found.items():
        write_table(options.output / name, rows, columns(name))
    if options.answer:
        models, cells, surprising, failed = (
            found[name] for name in ("models", "cells", "surprises", "failures")
        )
        said = answer(judged["cells"], models, cells, surprising, failed, aim)
        write_json(options.answer, said)


def sound_tables(
    sweeps: Mapping[str, Sequence[str]],
    results: Path,
    judged: JudgeRecord,
    audited: bool = False,
    aim: Aim | None = None,
) -> dict[str, list[Row]]:
    """All tables; a model whose rows cannot be made has none but its failure."""

    def made(models: Sequence[str]) -> dict[str, list[Row]]:
        given = {model: sweeps[model] for model in models}
        audit = {"audit": _audit(given, results)} if audited else {}
        return tables(given, results, judged, audited, aim) | audit

    found, failed = failures.apart(list(sweeps), made)
    for model, failure in failed.items():
        found["failures"].append({"model": model, "stage": "tables", **failure})
        found["models"].append(_lost(model, failure))
    return found


def _lost(model: str, failure: Failure) -> Row:
    """The row of a model whose rows could not be made."""
    detail = failures.named(failure)
    row = dict.fromkeys(columns("models")) | {"model": model, "outcome": "internal-error"}
    why = f"{NOTHING_DONE['internal-error']}: {detail}"
    texts = dict.fromkeys(("kind", "use_range", "also_right", "excluded", "avoid", "avoid_why"), "")
    return row | {**texts, "detail": detail, "why": why}


def tables(
    sweeps: Mapping[str, Sequence[str]],
    results: Path,
    judged: JudgeRecord,
    audited: bool = False,
    aim: Aim | None = None,
) -> dict[str, list[Row]]:
    """The rows of all tables except that of the audit.

    Args:
        sweeps: each model's exporters.
        judged: the verdicts on all cells.
        audited: whether there are records of the audit, whose failures count too.
        aim: what settings are wanted for.
    """
    exports = [_export(results, model, exporter) for model in sweeps for exporter in sweeps[model]]
    definitions, dumped, compared = (
        [read_json(results / stage / model / "record.json", stage) for model in sweeps]
        for stage in ("define", "dump", "compare")
    )
    verdicts_of = _by_cell(judged["cells"])
    located = [row for model in sweeps for row in _located(results / "locate" / model)]
    found_in = {(row["model"], row["exporter"], row["requested"]): row for row in reversed(located)}
    traced = {
        (record["model"], record["exporter"], cell["requested"]): _traced(cell, record)
        for record, _ in exports
        for cell in record["cells"]
    }
    messages = {
        (record["model"], record["exporter"], cell["requested"]): cell["messages"]
        for record, _ in exports
        for cell in record["cells"]
    }
    cells = [
        row
        for record, seconds in exports
        for row in _cells(record, seconds, verdicts_of, found_in, traced, messages)
    ]
    computing = computing_nodes(dumped)
    for row in cells:
        key = (row["model"], row["exporter"], row["requested"])
        row["computing_nodes"] = computing.get(key, row["nodes"])
    verdicts = [row for cell in judged["cells"] for row in _parity(cell)]
    contrasts = [row for record in compared for row in _contrasts(record)]
    failed = list(_failures(results, sweeps, judged, audited))
    own_cells, own_verdicts = _by_model(cells), _by_model(judged["cells"])
    sizes = {(row["model"], row["exporter"], row["requested"]): row["nodes"] for row in cells}
    return {
        "cells": cells,
        "parity": verdicts,
        "metrics": [row for cell in judged["cells"] for row in _metrics(cell)],
        "changes": [row for record in compared for row in _changes(record)],
        "ranges": [row for record in compared for row in _ranges(record, sizes)],
        "opsets": list(_opsets(results, dumped, compared, cells, judged["cells"])),
        "contrasts": contrasts,
        "choices": choices.rows(contrasts),
        "models": [
            _named(
                recommend(record, own_cells[record["model"]], own_verdicts[record["model"]], aim),
                failed,
                own_verdicts[record["model"]],
            )
            for record in definitions
        ],
        "failures": failed,
        "coverage": coverage.rows(dumped),
        "surprises": surprises(cells, judged["cells"], found_in, _departures(dumped)),
        "located": located,
    }


def _failures(
    results: Path, sweeps: Mapping[str, Sequence[str]], judged: JudgeRecord, audited: bool
) -> Iterator[Row]:
    """Where this program itself failed, by model and in the order of the stages."""
    judging: Mapping[str, list[Any]] = _by_model(judged.get("failures", []))
    stages = ["define", "export", "dump", "parity", "compare", "locate", *["audit"] * audited]
    for model, exporters in sweeps.items():
        for stage in stages:
            if stage == "parity":
                yield from judging.get(model, [])
                continue
            for name in exporters if stage == "export" else [""]:
                record = read_json(results / stage / model / name / "record.json", stage)
                for failure in record.get("failures", []):
                    what = " × ".join(filter(None, [name, failure["what"]]))
                    yield {"model": model, "stage": stage, **failure, "what": what}


def _named(row: Row, failed: Iterable[Row], verdicts: Iterable[CellVerdict]) -> Row:
    """The row of a model, with metrics that fail on torch's own outputs, and with this program's
    failures after the model was defined.
    """
    own = [e for e in failed if e["model"] == row["model"] and e["stage"] != "define"]
    metrics = [metric for verdict in verdicts for metric in verdict.get("metrics", [])]
    lost = [each for each in metrics if each["reference"] is None]
    told = [f"{each['stage']}: {each['detail']}" for each in own]
    vain = [f"metric {each['metric']} has no value: {each['detail']}" for each in lost]
    said = [f"{NAMED} in {'; '.join(dict.fromkeys(told))}"] if told else []
    return {**row, "detail": "; ".join(filter(None, [row["detail"], *dict.fromkeys(vain), *said]))}


def _departures(
    dumped: Iterable[DumpRecord],
) -> dict[tuple[str, str, int], Sequence[Departure]]:
    """Where the file of a cell departs from the text of the specification."""
    return {
        (record["model"], exporter, cell["requested"]): found
        for record in dumped
        for exporter, cells in record["sweeps"].items()
        for cell in cells
        if cell["graph"] and (found := record["graphs"][cell["graph"]].get("departures"))
    }


def _by_model(rows: Iterable[Any]) -> Mapping[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row["model"]].append(row)
    return grouped


def _export(results: Path, model: str, exporter: str) -> tuple[ExportRecord, Mapping[str, float]]:
    folder = results / "export" / model / exporter
    return read_json(folder / "record.json", "export"), read_json(folder / "timing.json")


def _by_cell(verdicts: Iterable[CellVerdict]) -> Mapping[Key, list[CellVerdict]]:
    grouped: dict[Key, list[CellVerdict]] = defaultdict(list)
    for verdict in verdicts:
        grouped[verdict["model"], verdict["exporter"], verdict["requested"]].append(verdict)
    return grouped


def _cells(
    record: ExportRecord,
    seconds: Mapping[str, float],
    verdicts: Mapping[Key, list[CellVerdict]],
    located: Mapping[Key, Row],
    traced: Mapping[Key, str],
    messages: Mapping[Key, Sequence[Message]],
) -> Iterator[Row]:
    for cell in record["cells"]:
        key = (record["model"], record["exporter"], cell["requested"])
        spoken = verdicts.get(key, [])
        outcome, detail = outcome_in_runtimes(cell, spoken)
        detail = "; ".join(filter(None, [detail, _beside(cell["beside"])]))
        source = cell["source"] or (located[key]["source"] if key in located else "")
        if not source and WRONG.intersection(verdict["verdict"] for verdict in spoken):
            source = traced[key] or traced.get(_base(record["model"], cell), "")
        wrong = bool(WRONG.intersection(verdict["verdict"] for verdict in spoken))
        said = [*cell["messages"], *messages.get(_base(record["model"], cell), ())]
        way = ways_out.of(cell, wrong, said)
        row = _cell(record, cell, seconds)
        told = {"outcome": outcome, "detail": detail, "source": way.line or source}
        yield {**row, **told, "way_out": way.advice, "way_out_url": way.url}


def _traced(cell: Cell, record: ExportRecord) -> str:
    """The lines that a tracer warned about: values fixed there are wrong for other inputs."""
    places = [m["place"] for m in cell["messages"] if m["source"] == "TracerWarning"]
    return listed(with_nodes(place, record.get("lines", {})) for place in places)


def _base(model: str, cell: Cell) -> Key:
    """The cell that this one was converted from, whose faults it has: `torchscript at opset 13`."""
    exporter, _, opset = cell["base"].partition(" at opset ")
    return model, exporter, int(opset) if opset.isdigit() else 0


def _beside(count: int) -> str:
    """The location of tensors that the exporter did not write into the ONNX file."""
    if not count:
        return ""
    return f"its tensors are in {'a file' if count == 1 else f'{count} files'} beside it"


def _cell(record: ExportRecord, cell: Cell, seconds: Mapping[str, float]) -> Row:
    return {
        "model": record["model"],
        "exporter": record["exporter"],
        **{name: cell.get(name) for name in columns("cells")[2:]},
        "export_seconds": seconds.get(str(cell["requested"])),
    }


def _parity(cell: CellVerdict) -> Iterator[Row]:
    names = ("model", "exporter", "requested", "runtime")
    shared = {name: cell[name] for name in names}  # type: ignore[literal-required]
    if not cell["outputs"]:
        yield {**shared, "output": "", "verdict": cell["verdict"], "detail": cell["detail"]}
    for output in cell["outputs"]:
        measures = ("verdict", "max_abs", "max_rel", "n_torch", "n_runtime", "detail")
        yield {
            **shared,
            "output": output["output"],
            **{name: output[name] for name in measures},  # type: ignore[literal-required]
        }


def _metrics(cell: CellVerdict) -> Iterator[Row]:
    """A row per metric; numbers only in the columns of numbers, NaN and infinities in `detail`."""
    names = ("model", "exporter", "requested", "runtime")
    shared = {name: cell[name] for name in names}  # type: ignore[literal-required]
    for each in cell.get("metrics", []):
        both = {"torch": each["reference"], "the file": each["value"]}
        told = [f"{value} for {who}" for who, value in both.items() if isinstance(value, str)]
        numbers = {"reference": _finite(each["reference"]), "value": _finite(each["value"])}
        detail = "; ".join(filter(None, [*told, each["detail"]]))
        yield {**shared, **each, **numbers, "detail": detail}


def _finite(value: float | str | None) -> float | None:
    return None if isinstance(value, str) else value


def _changes(record: CompareRecord) -> Iterator[Row]:
    for exporter, sweep in record["sweeps"].items():
        for step in sweep["steps"]:
            for change in step["changes"]:
                yield {
                    "model": record["model"],
                    "exporter": exporter,
                    "from_opset": step["from_opset"],
                    "to_opset": step["to_opset"],
                    **{name: change.get(name) for name in columns("changes")[4:-1]},
                    "nodes": len(change["places"]),
                }


def _ranges(record: CompareRecord, sizes: Mapping[tuple[str, str, int], int]) -> Iterator[Row]:
    for exporter, sweep in record["sweeps"].items():
        for part in sweep["ranges"]:
            key = (record["model"], exporter, part["first"])
            yield {"model": key[0], "exporter": key[1], **part, "nodes": sizes.get(key)}


def _opsets(
    results: Path,
    dumped: Iterable[DumpRecord],
    compared: Iterable[CompareRecord],
    cells: Iterable[Row],
    verdicts: Iterable[CellVerdict],
) -> Iterator[Row]:
    cells_of, verdicts_of = _by_sweep(cells), _by_sweep(verdicts)
    for dump, record in zip(dumped, compared, strict=True):
        # Opsets and exporters share graphs; each graph is read once.
        types = cache(partial(_types, results / "dump" / record["model"] / "graphs"))
        for exporter, changes in record["sweeps"].items():
            sweep = record["model"], exporter
            yield opsets.opset_row(
                sweep=sweep,
                cells=cells_of.get(sweep, []),
                verdicts=verdicts_of.get(sweep, []),
                compared=changes,
                dumped=dump["sweeps"][exporter],
                types=types,
            )


def _types(graphs: Path, digest: str) -> frozenset[str]:
    return opsets.float_types(read_json(graphs / f"{digest}.json")["graph"])


def _by_sweep(rows: Iterable[Any]) -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((row["model"], row["exporter"]), []).append(row)
    return found


def _contrasts(record: CompareRecord) -> Iterator[Row]:
    for pair in record["pairs"]:
        for change in pair["changes"]:
            yield {
                "model": record["model"],
                "left": pair["left"],
                "right": pair["right"],
                "opsets": as_ranges(pair["opsets"]),
                **{name: change.get(name) for name in columns("contrasts")[4:-1]},
                "nodes": len(change["places"]),
            }


def _audit(models: Iterable[str], results: Path) -> list[Row]:
    folders = [results / "audit" / model for model in models]
    return audit_rows.rows(read_json(folder / "record.json", "audit") for folder in folders)


def _located(folder: Path) -> Iterator[Row]:
    """A row per cell, runtime and finding; `reproducer` is a path below results."""
    record: LocateRecord = read_json(folder / "record.json", "locate")
    for found in record["located"]:
        operators = ", ".join(node["text"] for node in found["nodes"])
        nodes = ", ".join(node["name"] or f"#{node['index']}" for node in found["nodes"])
        place = f"locate/{record['model']}/{found['reproducer']}" if found["reproducer"] else ""
        for requested in found["requested"]:
            for runtime in found["runtimes"]:
                yield {
                    **{name: found.get(name) for name in columns("located")},
                    "model": record["model"],
                    "requested": requested,
                    "runtime": runtime,
                    "operators": operators,
                    "nodes": nodes,
                    "inputs": "; ".join(_range(given) for given in found["inputs"]),
                    "reproducer": place,
                }


def _range(given: BlamedInput) -> str:
    """`updates float32[3,4] -1.5 to 1.7`"""
    shape = ",".join(map(str, given["shape"]))
    text = f"{given['parameter']} {given['dtype']}[{shape}]"
    if given["minimum"] is None or given["maximum"] is None:
        return text
    return f"{text} {given['minimum']:.6g} to {given['maximum']:.6g}"


if __name__ == "__main__":
    main()
