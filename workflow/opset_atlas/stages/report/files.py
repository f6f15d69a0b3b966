"""The files copied into a report, so that its folder is complete when sent to somebody.

Tables and, per model, the graphs as text and JSON, the ONNX files and the reproducers of wrong
results. Large ONNX files stay in the results, so that a report is small enough to be mailed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from opset_atlas.findings.audit_rows import rows
from opset_atlas.stages.report.data import Data

LARGEST = 1_000_000  # bytes of the largest ONNX file that is copied


def carried(size: int | None) -> bool:
    """Whether an ONNX file of this size is copied into the report."""
    return size is not None and size <= LARGEST


def carry(data: Data, folder: Path) -> None:
    """Copy new or changed files into `folder`, and remove those that no longer belong to it."""
    wanted = {folder / name: source for name, source in _files(data)}
    for target, source in wanted.items():
        if not _same(source, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{target.name}.tmp")
            try:
                shutil.copyfile(source, temporary)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
    for part in ("files", "tables", "reproducers"):
        for path in sorted((folder / part).rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path not in wanted:
                path.unlink()


def _files(data: Data) -> Iterator[tuple[Path, Path]]:
    for table in data.table_names:
        for suffix in (".csv", ".json"):
            yield Path("tables", table + suffix), data.results / "tables" / (table + suffix)
    for model, dumped in data.dumps.items():
        for key, entry in dumped["graphs"].items():
            for suffix, name in ((".txt", entry["text"]), (".json", entry["json"])):
                yield Path("files", model, key + suffix), data.graph_folder(model) / name
    for sweep in data.sweeps.values():
        place = Path("files", sweep.model, sweep.exporter)
        cells = data.results / "export" / sweep.model / sweep.exporter / "cells"
        for cell in sweep.export["cells"]:
            if cell["file"] and carried(cell["size_bytes"]):
                for name in (cell["file"], *cell["tensors"]):
                    yield place / name, cells / name
    places = {row["reproducer"] for row in data.tables["located"] if row["reproducer"]}
    if data.spec["audit"]:
        places |= {row["reproducer"] for row in rows(data.audits()) if row["reproducer"]}
    for name in sorted(places):
        for source in (data.results / name).iterdir():
            yield Path("reproducers", name, source.name), source


def _same(source: Path, target: Path) -> bool:
    """Compare contents: a repeated run has other times but equal bytes."""
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        return False
    return target.read_bytes() == source.read_bytes()
