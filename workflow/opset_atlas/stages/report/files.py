"""The files copied into a report, so that its folder is complete when sent to somebody.

Tables (a large one as CSV alone), the reproducers of wrong results and, per model, its graphs and
ONNX files: each content once, as cells of one model often share it. A text that is large is carried
as a zip archive. Large graphs in JSON and large ONNX files stay in the results, except the file
that is recommended; the model's page says where they are.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from opset_atlas.findings import columns
from opset_atlas.findings.audit_rows import rows
from opset_atlas.records import Cell
from opset_atlas.stages.report.data import Data

PLAIN = 50_000  # bytes of the largest file that is copied as it is
TEXT = 10_000  # bytes of the largest text that is not zipped; zipping takes nine tenths off it
RECOMMENDED = 200_000  # bytes of the largest recommended ONNX file that is copied
LARGE = 1_000_000  # bytes of the largest table in JSON that is copied
ZIP = ".zip"


Place = tuple[str, int]  # of a cell in its model: exporter and requested opset


class Link(NamedTuple):
    """A file in the report: its path there, and what the link says."""

    path: str
    text: str


def carry(data: Data, folder: Path) -> None:
    """Copy new or changed files into `folder`, and remove those that no longer belong to it."""
    wanted = {folder / name: source for name, source in _files(data)}
    for target, source in wanted.items():
        if not _same(source, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{target.name}.tmp")
            try:
                (_pack if target.suffix == ZIP else shutil.copyfile)(source, temporary)
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


def graph_links(data: Data, model: str, key: str) -> list[Link]:
    """The links to one graph of a model: its text, and its JSON if it is carried."""
    return [
        Link(place.as_posix(), f"{text} (zip)" if place.suffix == ZIP else text)
        for place, _, text in _graph(data, model, key)
    ]


def onnx_places(data: Data, model: str) -> dict[Place, str]:
    """Where in the report each carried ONNX file of a model is. Equal files have one place."""
    advice = data.rows("models", model)[0]
    recommended = advice["use_exporter"], advice["use_opset"]
    first: dict[tuple[object, ...], str] = {}
    places = {}
    cells = sorted(_cells(data, model), key=lambda each: each[0] != recommended)
    for place, cell in cells:
        content = cell["sha256"], *sorted(cell["tensors"])
        if carried(cell["size_bytes"], place == recommended):
            first.setdefault(content, f"files/{model}/{place[0]}/{cell['file']}")
        if content in first:
            places[place] = first[content]
    return places


def carried(size: int | None, recommended: bool = False) -> bool:
    """Whether an ONNX file of this size is copied into the report."""
    return size is not None and size <= (RECOMMENDED if recommended else PLAIN)


def left_out(data: Data, model: str) -> dict[str, int]:
    """The folders of the results that hold files of a model which are not in the report.

    Returns:
        Path below the results -> number of files there that are not carried.
    """
    places, found = onnx_places(data, model), {}
    for exporter in data.spec["sweeps"][model]:
        cells = [place for place, _ in _cells(data, model) if place[0] == exporter]
        found[f"export/{model}/{exporter}/cells"] = sum(place not in places for place in cells)
    graphs = data.dumps[model]["graphs"]
    carried_json = sum(
        place.suffix == ".json" for key in graphs for place, *_ in _graph(data, model, key)
    )
    found[f"dump/{model}/graphs"] = len(graphs) - carried_json
    return {folder: count for folder, count in found.items() if count}


def dictionary(data: Data) -> list[tuple[str, columns.Table, list[str]]]:
    """Every table of the run: its name, what its columns mean, and its files in the report."""
    tables = data.results / "tables"
    return [
        (name, columns.TABLES[name], [place.name for place, _ in _table(tables, name)])
        for name in data.table_names
    ]


def _table(folder: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """The files of a table that are carried, and what they are copies of."""
    for suffix in (".csv", ".json"):
        source = folder / (name + suffix)
        if suffix == ".csv" or name == "audit" or source.stat().st_size <= LARGE:
            yield Path("tables", source.name), source


def _files(data: Data) -> Iterator[tuple[Path, Path]]:
    """Each file of the report, and what it is a copy of."""
    for table in data.table_names:
        yield from _table(data.results / "tables", table)
    for model, dumped in data.dumps.items():
        for key in dumped["graphs"]:
            for place, source, _ in _graph(data, model, key):
                yield place, source
        places = onnx_places(data, model)
        for (exporter, opset), cell in _cells(data, model):
            own = f"files/{model}/{exporter}/{cell['file']}"
            if places.get((exporter, opset)) == own:
                cells = data.results / "export" / model / exporter / "cells"
                for name in (str(cell["file"]), *cell["tensors"]):
                    yield Path(own).with_name(name), cells / name
    located = {row["reproducer"] for row in data.tables["located"] if row["reproducer"]}
    if data.spec["audit"]:
        located |= {row["reproducer"] for row in rows(data.audits()) if row["reproducer"]}
    for name in sorted(located):
        for source in (data.results / name).iterdir():
            yield Path("reproducers", name, source.name), source


def _graph(data: Data, model: str, key: str) -> Iterator[tuple[Path, Path, str]]:
    """What is carried of a graph: place in the report, source, and the text of a link to it."""
    entry: Mapping[str, str] = data.dumps[model]["graphs"][key]  # type: ignore[assignment]
    for suffix, name, text in ((".txt", entry["text"], "text"), (".json", entry["json"], "JSON")):
        source, place = data.graph_folder(model) / name, Path("files", model, key + suffix)
        if source.stat().st_size <= (TEXT if suffix == ".txt" else PLAIN):
            yield place, source, text
        elif suffix == ".txt":
            yield place.with_name(place.name + ZIP), source, text


def _cells(data: Data, model: str) -> Iterator[tuple[Place, Cell]]:
    """The cells of a model that have a file."""
    for sweep in data.sweeps_of(model):
        for cell in sweep.export["cells"]:
            if cell["file"]:
                yield (sweep.exporter, cell["requested"]), cell


def _pack(source: Path, target: Path) -> None:
    """A zip archive that holds only this file; equal contents give equal archives."""
    entry = zipfile.ZipInfo(source.name)  # with the oldest date that the format knows
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, source.read_bytes())


def _same(source: Path, target: Path) -> bool:
    """Compare contents: a repeated run has other times but equal bytes."""
    if not target.is_file():
        return False
    if target.suffix == ZIP:
        try:
            with zipfile.ZipFile(target) as archive:
                (entry,) = archive.infolist()
        except (zipfile.BadZipFile, ValueError):
            return False
        content = source.read_bytes()
        return (entry.file_size, entry.CRC) == (len(content), zlib.crc32(content))
    if target.stat().st_size != source.stat().st_size:
        return False
    return target.read_bytes() == source.read_bytes()
