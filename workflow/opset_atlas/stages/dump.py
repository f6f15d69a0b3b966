"""Stage 3, per model: what the files hold, once per distinct graph.

reads   results/export/{model}/{exporter} of every exporter: record.json and cells/
writes  record.json (which cell has which graph), graphs/DIGEST.json, .txt and .svg

Graphs are distinct by what they hold: two opsets or exporters whose nodes, formal parameters and
schema versions are equal share one. The opset and IR version of a file belong to its cell.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from opset_atlas.base.files import digest, read_json, write_json, write_text
from opset_atlas.base.messages import describe
from opset_atlas.graph import picture
from opset_atlas.graph.as_text import as_text
from opset_atlas.graph.reading import read, walk
from opset_atlas.graph.spelling import operator
from opset_atlas.records import (
    VERSION,
    Cell,
    DumpCell,
    DumpRecord,
    ExportRecord,
    GraphEntry,
    GraphFile,
)

DIGITS = 12


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas dump", description=__doc__)
    parser.add_argument("--export", type=Path, required=True, help="folder of the model's exports")
    parser.add_argument("--exporters", nargs="+", required=True, help="names, in their order")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    options = parser.parse_args(arguments)
    dump(options.export, options.exporters, options.output)


def dump(export: Path, exporters: Sequence[str], folder: Path) -> DumpRecord:
    """Write every distinct graph of a model below `folder`, and the record, which is returned."""
    exported: list[ExportRecord] = [
        read_json(export / name / "record.json", "export") for name in exporters
    ]
    shutil.rmtree(folder / "graphs", ignore_errors=True)
    graphs = _Graphs(folder / "graphs")
    record: DumpRecord = {
        "version": VERSION,
        "stage": "dump",
        "model": exported[0]["model"],
        "sweeps": {
            name: [_cell(cell, export / name / "cells", graphs) for cell in sweep["cells"]]
            for name, sweep in zip(exporters, exported, strict=True)
        },
        "graphs": graphs.finished(),
    }
    write_json(folder / "record.json", record)
    return record


def _cell(cell: Cell, files: Path, graphs: _Graphs) -> DumpCell:
    dumped: DumpCell = {"requested": cell["requested"], "graph": None, "imports": {}, "detail": ""}
    if not cell["file"]:
        return dumped
    try:
        key, imports = graphs.of(files / cell["file"], str(cell["sha256"]))
    except Exception as error:  # an invalid file is a finding of the export stage already
        return {**dumped, "detail": describe(error)}
    return {**dumped, "graph": key, "imports": imports}


class _Graphs:
    """The distinct graphs of a model: written when first met, drawn together in the end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._known: dict[str, tuple[str, dict[str, int]]] = {}
        self._entries: dict[str, GraphEntry] = {}
        self._sources: dict[str, str] = {}

    def of(self, path: Path, content: str) -> tuple[str, dict[str, int]]:
        """Digest of a file's graph, and the file's opset imports; equal contents are read once.

        Raises:
            Whatever reading the file raises.
        """
        if content not in self._known:
            graph, imports = read(path)
            key = digest(graph)[:DIGITS]
            if key not in self._entries:
                self._entries[key] = self._write(graph, key)
            self._known[content] = key, imports
        return self._known[content]

    def finished(self) -> dict[str, GraphEntry]:
        """Draw what there is; an entry for every graph."""
        pictures = picture.draw(list(self._sources.values()))
        for key, (svg, notice) in zip(self._sources, pictures, strict=True):
            self._entries[key]["notice"] = notice
            if svg:
                self._entries[key]["picture"] = f"{key}.svg"
                write_text(self._folder / f"{key}.svg", svg)
        return dict(sorted(self._entries.items()))

    def _write(self, graph: GraphFile, key: str) -> GraphEntry:
        # On one line: with indents it takes ten times as long, and for people there is the text.
        write_json(self._folder / f"{key}.json", graph, indent=None)
        write_text(self._folder / f"{key}.txt", as_text(graph))
        source, notice = picture.source(graph)
        if source:
            self._sources[key] = source
        bodies = [graph["graph"], *(function["graph"] for function in graph["functions"])]
        operators = Counter(operator(node) for body in bodies for node in walk(body))
        return {
            "json": f"{key}.json",
            "text": f"{key}.txt",
            "picture": "",
            "notice": notice,
            "nodes": sum(operators.values()),
            "operators": dict(sorted(operators.items())),
        }


if __name__ == "__main__":
    main()
