"""Stage 3, per sweep: what the files hold, once per distinct graph.

reads   results/export/{model}/{exporter}: record.json and cells/
writes  record.json (which cell has which graph), graphs/DIGEST.json, .txt and .svg

Graphs are distinct by what they hold: two opsets whose nodes, formal parameters and schema versions
are equal share one. The opset and IR version of a file belong to its cell.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from pathlib import Path

from atlas import picture
from atlas.graph import read, walk
from atlas.records import (
    VERSION,
    Cell,
    DumpCell,
    DumpRecord,
    ExportRecord,
    GraphEntry,
    GraphFile,
    digest,
    read_json,
    write_json,
    write_text,
)
from atlas.text import describe

DIGITS = 12


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m atlas.dump", description=__doc__)
    parser.add_argument("--export", type=Path, required=True, help="folder of the export stage")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    options = parser.parse_args(arguments)
    dump(options.export, options.output)


def dump(export: Path, folder: Path) -> DumpRecord:
    """Write every distinct graph of a sweep below `folder`, and the record, which is returned."""
    sweep: ExportRecord = read_json(export / "record.json", "export")
    graphs = folder / "graphs"
    shutil.rmtree(graphs, ignore_errors=True)
    graphs.mkdir(parents=True)
    entries: dict[str, GraphEntry] = {}
    cells = [_dump_cell(cell, export / "cells", graphs, entries) for cell in sweep["cells"]]
    record: DumpRecord = {
        "version": VERSION,
        "stage": "dump",
        "model": sweep["model"],
        "exporter": sweep["exporter"],
        "cells": cells,
        "graphs": dict(sorted(entries.items())),
    }
    write_json(folder / "record.json", record)
    return record


def _dump_cell(cell: Cell, files: Path, graphs: Path, entries: dict[str, GraphEntry]) -> DumpCell:
    dumped: DumpCell = {"requested": cell["requested"], "graph": None, "imports": {}, "detail": ""}
    if not cell["file"]:
        return dumped
    try:
        graph, imports = read(files / cell["file"])
    except Exception as error:  # an invalid file is a finding of the export stage already
        return {**dumped, "detail": describe(error)}
    key = digest(graph)[:DIGITS]
    if key not in entries:
        entries[key] = _write(graph, key, graphs)
    return {**dumped, "graph": key, "imports": imports}


def _write(graph: GraphFile, key: str, folder: Path) -> GraphEntry:
    write_json(folder / f"{key}.json", graph)
    write_text(folder / f"{key}.txt", picture.as_text(graph))
    svg, notice = picture.as_svg(graph)
    if svg:
        write_text(folder / f"{key}.svg", svg)
    bodies = [graph["graph"], *(function["graph"] for function in graph["functions"])]
    operators = Counter(picture.operator(node) for body in bodies for node in walk(body))
    return {
        "json": f"{key}.json",
        "text": f"{key}.txt",
        "picture": f"{key}.svg" if svg else "",
        "notice": notice,
        "nodes": sum(operators.values()),
        "operators": dict(sorted(operators.items())),
    }


if __name__ == "__main__":
    main()
