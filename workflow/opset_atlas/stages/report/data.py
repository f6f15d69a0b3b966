"""What the report reads: tables and records, keyed by model and sweep."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from opset_atlas.base.files import read_json
from opset_atlas.findings import columns
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.records import (
    AuditRecord,
    CellVerdict,
    Compared,
    CompareRecord,
    DefineRecord,
    DumpCell,
    DumpRecord,
    ExportRecord,
    GraphEntry,
    GraphFile,
)

K = TypeVar("K")
V = TypeVar("V")

GRAPHS = 32  # kept in memory: about as many as a model has, each of which is in several pairs

Row = dict[str, Any]
Key = tuple[str, str, int]
_DEFAULTS: dict[str, Any] = {
    "title": "opset-atlas",
    "command": "snakemake --cores 4",
    "audit": False,
    "descriptions": {},
    "versions": {},
    "tolerances": {},
    "models": {},
}


@dataclass(frozen=True)
class Sweep:
    """The records of one model in one exporter; `graphs` are all graphs of the model."""

    model: str
    exporter: str
    export: ExportRecord
    dump: list[DumpCell]
    graphs: dict[str, GraphEntry]
    compare: Compared


class Records(Mapping[K, V]):
    """Records, read on demand; only a few are kept, since a run may have thousands."""

    def __init__(self, keys: Iterable[K], read: Callable[[K], V], held: int = 256) -> None:
        self._keys = dict.fromkeys(keys)
        self._read = lru_cache(held)(read)

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._read(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True)
class Data:
    """Everything of a run that the report shows. `tables` holds rows, with `None` if empty."""

    spec: dict[str, Any]
    results: Path
    tables: dict[str, list[Row]]
    definitions: Mapping[str, DefineRecord]
    dumps: Mapping[str, DumpRecord]
    comparisons: Mapping[str, CompareRecord]
    sweeps: Mapping[tuple[str, str], Sweep]
    verdicts: list[CellVerdict]

    @property
    def models(self) -> list[str]:
        """Ids in the order of the configuration."""
        return list(self.spec["sweeps"])

    def only(self, models: Collection[str]) -> Data:
        """The same run as if it had these models alone; tables over all models are as they are."""
        if len(models) == len(self.models):
            return self
        sweeps = {model: names for model, names in self.spec["sweeps"].items() if model in models}
        keys = [(model, name) for model, names in sweeps.items() for name in names]
        about = columns.about_models()
        return replace(
            self,
            spec=self.spec | {"sweeps": sweeps},
            tables={
                name: [row for row in rows if name not in about or row["model"] in models]
                for name, rows in self.tables.items()
            },
            definitions=Records(sweeps, self.definitions.__getitem__),
            dumps=Records(sweeps, self.dumps.__getitem__),
            comparisons=Records(sweeps, self.comparisons.__getitem__),
            sweeps=Records(keys, self.sweeps.__getitem__),
            verdicts=[verdict for verdict in self.verdicts if verdict["model"] in models],
        )

    def of(self, model: str) -> Data:
        """The part that the pages of a model are made from: nothing about another model.

        Without the table over all models that changes with each of them.
        """
        names = self.spec["sweeps"][model]
        about = columns.about_models()
        own: dict[str, Any] = {
            name: {key: each for key, each in self.spec[name].items() if key == model}
            for name in ("sweeps", "descriptions", "models", "metrics")
            if name in self.spec
        }
        return replace(
            self,
            spec={**self.spec, "order": [model], **own},
            tables={
                name: self.rows(name, model) if name in about else rows
                for name, rows in self.tables.items()
                if name != "choices"
            },
            definitions=Records([model], self.definitions.__getitem__),
            dumps=Records([model], self.dumps.__getitem__),
            comparisons=Records([model], self.comparisons.__getitem__),
            sweeps=Records([(model, name) for name in names], self.sweeps.__getitem__),
            verdicts=self._verdicts_by_model.get(model, []),
        )

    @cached_property
    def _verdicts_by_model(self) -> dict[str, list[CellVerdict]]:
        found: dict[str, list[CellVerdict]] = {}
        for verdict in self.verdicts:
            found.setdefault(verdict["model"], []).append(verdict)
        return found

    def sweeps_of(self, model: str) -> Iterator[Sweep]:
        """The sweeps of a model in the order of the configuration."""
        for exporter in self.spec["sweeps"][model]:
            yield self.sweeps[model, exporter]

    def rows(self, table: str, model: str, exporter: str = "") -> list[Row]:
        """The rows of a table about a model, or about one of its sweeps."""
        return self._index[table].get((model, exporter) if exporter else (model,), [])

    @cached_property
    def _index(self) -> dict[str, dict[tuple[str, ...], list[Row]]]:
        index: dict[str, dict[tuple[str, ...], list[Row]]] = {name: {} for name in self.tables}
        for name in columns.about_models():
            for row in self.tables[name]:
                index[name].setdefault((row["model"],), []).append(row)
                if "exporter" in row:
                    index[name].setdefault((row["model"], row["exporter"]), []).append(row)
        return index

    @cached_property
    def verdicts_of(self) -> dict[Key, list[CellVerdict]]:
        """The verdicts on a cell, one per runtime."""
        found: dict[Key, list[CellVerdict]] = {}
        for verdict in self.verdicts:
            key = (verdict["model"], verdict["exporter"], verdict["requested"])
            found.setdefault(key, []).append(verdict)
        return found

    @property
    def table_names(self) -> list[str]:
        """The tables of the run, including those that are not about models."""
        return columns.names(self.spec["audit"])

    def audits(self) -> list[AuditRecord]:
        """What the audit of the version converter found, if it was requested."""
        folders = [self.results / "audit" / model for model in self.models]
        return [read_json(folder / "record.json", "audit") for folder in folders]

    def tolerances(self, model: str = "") -> Tolerances:
        """The tolerances of the verdicts, for all models or for one."""
        common = Tolerances().updated(self.spec["tolerances"])
        return common.updated(self.spec["models"].get(model, {}))

    def graph_folder(self, model: str) -> Path:
        """The folder of a model's graphs."""
        return self.results / "dump" / model / "graphs"

    def graph(self, model: str, digest: str) -> GraphFile:
        """One distinct graph of a model as data; the last few stay in memory."""
        return self._graphs(model, digest)

    @cached_property
    def _graphs(self) -> Callable[[str, str], GraphFile]:
        return lru_cache(GRAPHS)(self._read_graph)

    def _read_graph(self, model: str, digest: str) -> GraphFile:
        path = self.graph_folder(model) / self.dumps[model]["graphs"][digest]["json"]
        graph: GraphFile = json.loads(path.read_text(encoding="utf-8"))
        return graph


def load(spec: dict[str, Any], results: Path) -> Data:
    """Read what the earlier stages wrote below `results`.

    Args:
        spec: `sweeps` (model -> exporters) and the models' `order`, since canonical JSON sorts
            its keys; optionally `title`, `command`, `descriptions`, `versions` and, as for
            judging, `tolerances` with exceptions under `models`.
        results: the folder of the stages' folders.

    Raises:
        OSError, ValueError: a table or record is missing or was written by another stage.
    """
    order = spec.get("order", list(spec["sweeps"]))
    spec = _DEFAULTS | spec | {"sweeps": {model: spec["sweeps"][model] for model in order}}
    sweeps = [(model, name) for model, names in spec["sweeps"].items() for name in names]
    dumps: Mapping[str, DumpRecord] = _records(spec, results, "dump")
    comparisons: Mapping[str, CompareRecord] = _records(spec, results, "compare")
    return Data(
        spec=spec,
        results=results,
        tables={name: _table(results / "tables" / f"{name}.json") for name in columns.shown()},
        definitions=_records(spec, results, "define"),
        dumps=dumps,
        comparisons=comparisons,
        sweeps=Records(sweeps, lambda key: _sweep(results, dumps, comparisons, *key)),
        verdicts=read_json(results / "judge" / "verdicts.json", "judge")["cells"],
    )


def _records(spec: Mapping[str, Any], results: Path, stage: str) -> Records[str, Any]:
    """A stage's record of every model."""
    return Records(
        spec["sweeps"], lambda model: read_json(results / stage / model / "record.json", stage)
    )


def _sweep(
    results: Path,
    dumps: Mapping[str, DumpRecord],
    comparisons: Mapping[str, CompareRecord],
    model: str,
    exporter: str,
) -> Sweep:
    return Sweep(
        model,
        exporter,
        read_json(results / "export" / model / exporter / "record.json", "export"),
        dumps[model]["sweeps"][exporter],
        dumps[model]["graphs"],
        comparisons[model]["sweeps"][exporter],
    )


def _table(path: Path) -> list[Row]:
    """Rows of a table, from JSON because CSV cannot distinguish an empty text from null."""
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return rows
