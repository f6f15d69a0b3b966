"""What the rules ask about a job: its files and the memory it needs, by the job's wildcards.

The methods are input functions and parameters of Snakemake, which tells arguments by their names:
`wildcards`, `input`, `output`. Paths begin with the path variable `<results>`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from opset_atlas import plugins
from opset_atlas.config.asked import asked_per_job
from opset_atlas.config.settings import Settings
from opset_atlas.execution import levels
from opset_atlas.findings import columns


def sweep(exporter: str, toolchain: str = "") -> str:
    """The folder of a sweep: its exporter, and its toolchain unless that is the default."""
    return f"{exporter}@{toolchain}" if toolchain else exporter


class Jobs:
    """The jobs of a run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @asked_per_job
    def sources(self, wildcards: Any) -> list[str]:
        """The user's files that a model is made from; of a sweep, also what it delivers."""
        own = self._settings.models[wildcards.model]
        exporter = getattr(wildcards, "exporter", "")
        delivered = own.given_files if self._settings.delivers_file(exporter) else []
        return [*own.source_files(), *delivered]

    @asked_per_job
    def metrics(self, wildcards: Any) -> list[str]:
        """The user's files that a model's metrics are made from."""
        return self._settings.models[wildcards.model].metric_files

    @asked_per_job
    def exporters(self, wildcards: Any) -> list[str]:
        """The exporters of a model, in their order."""
        return self._settings.exporters_of(wildcards.model)

    @asked_per_job
    def exports(self, wildcards: Any) -> list[str]:
        """The records of all sweeps of a model."""
        return _sweeps(wildcards.model, self.exporters(wildcards), "record.json")

    @asked_per_job
    def cells(self, wildcards: Any) -> list[str]:
        """The folders of all files of a model."""
        return _sweeps(wildcards.model, self.exporters(wildcards), "cells")

    @asked_per_job
    def base(self, wildcards: Any) -> list[str]:
        """The record of the sweep that a conversion starts from."""
        return _sweeps(wildcards.model, self._base_exporter(wildcards), "record.json")

    @asked_per_job
    def base_cells(self, wildcards: Any) -> list[str]:
        """Its files."""
        return _sweeps(wildcards.model, self._base_exporter(wildcards), "cells")

    @asked_per_job
    def parity(self, wildcards: Any) -> list[str]:
        """What every runtime measured of a model's files."""
        names = self._settings.runtimes
        return [f"<results>/parity/{wildcards.model}/{name}.json" for name in names]

    def per_model(self, path: str) -> list[str]:
        """A file of every model of this run; `{model}` in its path."""
        return [path.format(model=model) for model in self._settings.models]

    def per_sweep(self, name: str) -> list[str]:
        """A file of every sweep of this run."""
        models = self._settings.models.items()
        return [path for model, own in models for path in _sweeps(model, own.exporters, name)]

    def audits(self) -> list[str]:
        """The records of the audit, where it was asked for."""
        return self.per_model("<results>/audit/{model}/record.json") if self._settings.audit else []

    def tables(self) -> list[str]:
        """The names of this run's tables."""
        return columns.names(self._settings.audit)

    def exporters_that(self, convert: bool) -> str:
        """A wildcard's pattern: exporters that convert files, or those that export modules."""
        names = self._settings.known_exporters()
        return "|".join(name for name in names if self._settings.needs_base(name) == convert)

    def memory(self, base: int, times: float) -> Callable[[Any, Any], int]:
        """MB: `base`, and so many times the model's weights (docs/large.md, and a fifth more)."""

        def needed(wildcards: Any, input: Any) -> int:
            record = Path(input.define)
            record.stat()  # FileNotFoundError means to Snakemake: not known yet
            files = [str(record.with_name("weights.safetensors"))]
            if self._settings.models[wildcards.model].kind == "onnx":
                files += self.sources(wildcards)
            return base + _megabytes(files, times)

        return asked_per_job(needed)

    @asked_per_job
    def memory_of_definition(self, wildcards: Any, input: Any) -> int:
        """MB. Weights that a factory makes up are not known before it ran; those in files count."""
        return 1000 + _megabytes(input.sources, 4)

    def memory_of_report(self) -> int:
        """MB: the tables of all models, about a third of a MB each (docs/report.md)."""
        return 500 + len(self._settings.models) // 2

    def speed_notices(self, jobs: Iterable[Any]) -> list[str]:
        """What the exporters of these jobs of Snakemake say about their speed."""
        names = {job.wildcards_dict.get("exporter", "") for job in jobs} - {""}
        package = Path(self._settings.package)
        modules = [plugins.load("exporters", name, package) for name in sorted(names)]
        said = [module.speed_notice() for module in modules if hasattr(module, "speed_notice")]
        return [text for text in dict.fromkeys(said) if text]

    def _base_exporter(self, wildcards: Any) -> list[str]:
        """None where the model is a file itself."""
        is_file = self._settings.models[wildcards.model].kind == "onnx"
        return [] if is_file else [self._settings.converter["exporter"]]


@asked_per_job
def level(wildcards: Any) -> str:
    """The level of the warm worker that a sweep needs."""
    return levels.of_exporter(wildcards.exporter)


@asked_per_job
def base_option(wildcards: Any, input: Any) -> str:
    """An option of a conversion: the folder that it starts from, where there is one."""
    return f"--base {Path(input.base[0]).parent}" if input.base else ""


@asked_per_job
def folder_of_sweeps(wildcards: Any, input: Any) -> str:
    """Where the sweeps of a model are."""
    return str(Path(input.export[0]).parents[1])


@asked_per_job
def folders_of_sweeps(wildcards: Any, input: Any) -> list[str]:
    """The sweeps of a model."""
    return [str(Path(path).parent) for path in input.export]


@asked_per_job
def folder_of_parity(wildcards: Any, input: Any) -> str:
    """Where the records of a model's runtimes are."""
    return str(Path(input.parity[0]).parent)


def folder_of_tables(wildcards: Any, output: Any) -> str:
    """Where the tables go."""
    return str(Path(output.csv[0]).parent)


def _sweeps(model: str, exporters: Sequence[str], name: str) -> list[str]:
    return [f"<results>/export/{model}/{sweep(each)}/{name}" for each in exporters]


def _megabytes(files: Iterable[str], times: float) -> int:
    return int(times * sum(map(os.path.getsize, files)) / 1_000_000)
