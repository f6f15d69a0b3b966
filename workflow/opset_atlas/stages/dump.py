"""Stage 3, per model: the content of the files, once per distinct graph.

reads   results/export/{model}/{exporter} of every exporter: record.json and cells/
writes  record.json (which cell has which graph), graphs/DIGEST.json, .txt and .svg

Graphs are identified by content: opsets or exporters with equal nodes, formal parameters and schema
versions share one graph. The opset and IR version of a file belong to its cell.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opset_atlas.base import failures, stopped
from opset_atlas.base.files import digest, read_json, write_json, write_text
from opset_atlas.base.messages import describe
from opset_atlas.drawing.picture import picture
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.graph.as_text import as_text
from opset_atlas.graph.departures import departures
from opset_atlas.graph.reading import aten_names, load, read_model, walk
from opset_atlas.graph.spelling import operator
from opset_atlas.onnx_files.facts import says_of_file
from opset_atlas.records import (
    VERSION,
    Cell,
    DumpCell,
    DumpRecord,
    ExportRecord,
    Failure,
    GraphEntry,
    GraphFile,
)

DIGITS = 12


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas dump", description=__doc__)
    parser.add_argument("--export", type=Path, required=True, help="folder of the model's exports")
    parser.add_argument("--exporters", nargs="+", required=True, help="names, in their order")
    stopped.add_options(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    options = parser.parse_args(arguments)
    given = options.export, options.exporters, options.output

    def work() -> None:
        sweeps = dump(*given, options.limits)["sweeps"].values()
        details = [cell["detail"] for cells in sweeps for cell in cells]
        lost = any(stopped.is_at_limit(text.partition(":")[0], text) for text in details)
        stopped.note(options.output / "record.json", options.limits, options.again, lost)

    failures.guard(work, lambda failure: _stand_in(*given, failure))


def dump(
    export: Path, exporters: Sequence[str], folder: Path, limits: Mapping[str, Any] | None = None
) -> DumpRecord:
    """Write every distinct graph of a model below `folder`, and the record, which is returned.

    Args:
        limits: `cell_seconds` and `memory_mb`, for reading one file.
    """
    sweeps = _exported(export, exporters)
    paths: dict[str, Path] = {}
    for name, sweep in sweeps.items():
        for cell in sweep["cells"]:
            if cell["file"]:
                paths.setdefault(str(cell["sha256"]), export / name / "cells" / cell["file"])
    shutil.rmtree(folder / "graphs", ignore_errors=True)
    graphs = _Graphs(folder / "graphs")
    failed = graphs.read(paths, limits or {})
    record: DumpRecord = {
        "version": VERSION,
        "stage": "dump",
        "model": sweeps[exporters[0]]["model"],
        "sweeps": {
            name: [_cell(cell, graphs) for cell in sweep["cells"]] for name, sweep in sweeps.items()
        },
        "graphs": graphs.entries(),
    }
    if failed:
        record["failures"] = failed
    write_json(folder / "record.json", record)
    return record


def _exported(export: Path, exporters: Sequence[str]) -> dict[str, ExportRecord]:
    return {name: read_json(export / name / "record.json", "export") for name in exporters}


def _stand_in(export: Path, exporters: Sequence[str], folder: Path, failure: Failure) -> None:
    """Write the record of a model on which this stage failed: no cell has a graph."""
    shutil.rmtree(folder / "graphs", ignore_errors=True)
    graphs = _Graphs(folder / "graphs")
    sweeps = _exported(export, exporters)
    detail = failures.named(failure)
    record: DumpRecord = {
        "version": VERSION,
        "stage": "dump",
        "model": sweeps[exporters[0]]["model"],
        "sweeps": {
            name: [{**_cell(cell, graphs), "detail": detail} for cell in sweep["cells"]]
            for name, sweep in sweeps.items()
        },
        "graphs": {},
        "failures": [failure],
    }
    write_json(folder / "record.json", record)


def _cell(cell: Cell, graphs: _Graphs) -> DumpCell:
    key, imports, detail = graphs.of(str(cell["sha256"]))
    return {"requested": cell["requested"], "graph": key, "imports": imports, "detail": detail}


class _Graphs:
    """The distinct graphs of a model: written when first found."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._known: dict[str, tuple[str | None, dict[str, int], str]] = {}
        self._entries: dict[str, GraphEntry] = {}

    def of(self, content: str) -> tuple[str | None, dict[str, int], str]:
        """The graph digest and opset imports of a file that was read; else None and the reason.

        Where there is no file, the reason is "".
        """
        return self._known.get(content, (None, {}, ""))

    def read(self, files: Mapping[str, Path], limits: Mapping[str, Any]) -> list[Failure]:
        """Read files, given by the hashes of their contents; returns our own defects.

        This happens in a child process, since a file can take any amount of time and memory.
        """
        failed = []
        seconds, memory = float(limits.get("cell_seconds", 300)), limits.get("memory_mb")
        items = list(files.items())
        for (content, path), result in run_isolated(items, self._read, seconds, memory):
            name = f"{path.parents[1].name}/{path.name}"
            if result.status == "internal-error":
                failed.append(result.failure(name))
                detail = failures.named(failed[-1])
                self._known[content] = None, {}, detail
            elif result.status != "done":  # whatever the child has written is not referenced
                self._known[content] = None, {}, f"{result.status}: {result.detail}"
            else:
                self._take(content, result.value)
        for path in self._folder.glob(".*.tmp"):
            path.unlink()
        return failed

    def _read(self, item: tuple[str, Path]) -> dict[str, Any]:
        """In the child: read a file, and write its graph if it is a new one."""
        try:
            model = load(item[1])
            names = aten_names(model)  # before reading, which changes the model
            graph, imports = read_model(model, item[1].parent)
        except Exception as error:
            if not says_of_file(error):
                raise
            return {"detail": describe(error)}  # already a finding of the export stage
        key = digest(graph)[:DIGITS]
        if key in self._entries:
            return {"key": key, "imports": imports, "aten": names}
        self._entries[key] = self._write(graph, key)
        return {"key": key, "imports": imports, "aten": names, "entry": self._entries[key]}

    def _take(self, content: str, found: Mapping[str, Any]) -> None:
        """What the child returned for a file."""
        if "key" not in found:
            self._known[content] = None, {}, found["detail"]
            return
        self._known[content] = found["key"], found["imports"], ""
        if "entry" in found:
            self._entries[found["key"]] = found["entry"]
        if found["aten"]:  # files of one graph may differ in what they keep of torch
            self._entries[found["key"]].setdefault("aten", found["aten"])

    def entries(self) -> dict[str, GraphEntry]:
        """Every graph by its digest."""
        return dict(sorted(self._entries.items()))

    def _write(self, graph: GraphFile, key: str) -> GraphEntry:
        # On one line: indentation takes ten times as long, and people can read the text file.
        write_json(self._folder / f"{key}.json", graph, indent=None)
        write_text(self._folder / f"{key}.txt", as_text(graph))
        svg, notice = picture(graph)
        if svg:
            write_text(self._folder / f"{key}.svg", svg)
        bodies = [graph["graph"], *(function["graph"] for function in graph["functions"])]
        operators = Counter(operator(node) for body in bodies for node in walk(body))
        entry: GraphEntry = {
            "json": f"{key}.json",
            "text": f"{key}.txt",
            "picture": f"{key}.svg" if svg else "",
            "notice": notice,
            "nodes": sum(operators.values()),
            "operators": dict(sorted(operators.items())),
        }
        if found := departures(graph):
            entry["departures"] = found
        return entry


if __name__ == "__main__":
    main()
