"""What each job depends on, in one place: a text that changes when the job's result may.

Snakemake runs a job again when its parameters change. So every rule has two of them from here:
`Specs.text` (the configuration and the versions of packages, as JSON) and `code` (the files of this
package that the stage is made of). What else a job depends on are its input files, in its rule.

Limits of time and memory are in no text: a result that was reached within one limit is the same
within another. What was stopped at its limit is tried again when the limit changes (`again`).
"""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from opset_atlas import plugins, sources
from opset_atlas.base import stopped
from opset_atlas.base.files import canonical_json, file_sha256
from opset_atlas.config import targets
from opset_atlas.config.asked import asked_per_job
from opset_atlas.config.settings import ModelSpec, Settings
from opset_atlas.execution import address, environments

# Packages whose versions decide what a stage computes. Exporters and runtimes name theirs.
_DEFINE = {
    "torch": ("torch", "numpy", "safetensors"),
    "onnx": ("onnx", "onnx-ir", "onnxruntime", "numpy", "safetensors"),
}
_LOCATE = ("torch", "onnx", "onnx-ir", "numpy")
_DUMP = ("onnx", "onnx-ir")
_COMPARE = ("onnx",)
_AUDIT = ("onnx", "onnxruntime", "numpy")
_REPORT = ("jinja2", "pandas")
# What a stage runs besides its own imports: all plug-ins of a kind, whatever the configuration.
_PLUGINS = {"locate": "runtimes", "compare": "causes"}


def code(stage: str, exporter: str = "", runtime: str = "", **_: str) -> str:
    """A hash of the files of this package that a stage is made of, and the plug-in that it runs.

    Or those of a tool that a rule calls.
    """
    modules = [{**sources.programs("tools"), **sources.programs("stages")}[stage]]
    modules += [f"exporters.{exporter}"] * bool(exporter) + [f"runtimes.{runtime}"] * bool(runtime)
    if kind := _PLUGINS.get(stage):
        modules += [f"{kind}.{name}" for name in plugins.names(kind)]
    return sources.digest(*modules)


def code_of(stage: str) -> Callable[[Any], str]:
    """A parameter of Snakemake: the code of a job that runs the plug-in in its wildcards."""

    def of(wildcards: Any) -> str:
        return code(stage, **wildcards)

    return asked_per_job(of)


def command(files: Iterable[str], config: Mapping[str, Any]) -> str:
    """The command line that starts a run with these files and this `--config` again."""
    given = [f"--configfile {shlex.quote(path)}" for path in files]
    if config:
        values = (f"{key}={_spelled(value)}" for key, value in config.items())
        given.append(f"--config {' '.join(map(shlex.quote, values))}")
    return " ".join(["snakemake --cores 4", *given])


def _spelled(value: Any) -> str:
    """A value as Snakemake reads it from `--config`: text as it is, the rest as YAML in a line."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str | bool) else json.dumps(value, ensure_ascii=False)


class Specs:
    """The specifications of a run's jobs.

    Args:
        prefix: of the environment that the jobs run in, whose versions count.
    """

    def __init__(self, settings: Settings, prefix: str = address.HERE) -> None:
        self._settings = settings
        self._prefix = prefix

    @functools.cached_property
    def limits(self) -> str:
        """Canonical JSON of the limits of every job."""
        return canonical_json(self._settings.limits)

    def again(self, record: str) -> Callable[[Any], str]:
        """A parameter that changes when what was stopped at other limits is to be tried again.

        Args:
            record: the path of the job's record, with its wildcards. Snakemake does not compare a
                parameter that is made from the job's output, so it is not asked for that.
        """

        def again(wildcards: Any) -> str:
            return stopped.again(Path(record.format(**wildcards)), self._settings.limits)

        return asked_per_job(again)

    def define_again(self, record: str) -> Callable[[Any], str]:
        """The same for a definition, which is made again too when what the model imported changed.

        Those files are known from its record alone; what the configuration names is among the
        rule's inputs.
        """

        def again(wildcards: Any) -> str:
            path = Path(record.format(**wildcards))
            changed = _imports_changed(path, self._settings.models[wildcards["model"]].files)
            return stopped.again(path, self._settings.limits, changed)

        return asked_per_job(again)

    def of(self, stage: str) -> Callable[[Any], str]:
        """A parameter of Snakemake: the specification of a job, by its wildcards."""

        def of(wildcards: Any) -> str:
            return self.text(stage, **wildcards)

        return asked_per_job(of)

    def job(self, stage: str, **who: str) -> dict[str, Any]:
        """What a stage is told that is run without Snakemake: a specification with the limits."""
        spec: dict[str, Any] = getattr(self, stage)(**who)
        return {**spec, "limits": self._settings.limits}

    @asked_per_job
    def locate_but_tolerances(self, wildcards: Any) -> str:
        """A parameter of Snakemake: what locate depends on where nothing is wrong.

        Whether the tolerances matter is for `again_located` in the rules.
        """
        spec = self.locate(wildcards.model)
        del spec["tolerances"]
        return canonical_json(spec)

    def text(self, stage: str, **who: str) -> str:
        """Canonical JSON of what a job depends on: the stage's method below.

        Args:
            who: the job's wildcards: `model`, and `exporter` or `runtime` where there is one.
        """
        spec: dict[str, Any] = getattr(self, stage)(**who)
        return canonical_json(spec)

    def define(self, model: str) -> dict[str, Any]:
        """Everything that the model is made from."""
        spec = self._settings.models[model]
        shared = {
            "model": model,
            "inputs": spec.inputs,
            "seed": spec.seed,
            "input_sets": self._settings.input_sets,
            "dynamic_sizes": spec.dynamic_sizes,
            "source_files": spec.files,
            "versions": self._versions(_DEFINE[spec.kind]),
        }
        if spec.kind == "onnx":
            return {**shared, "onnx": spec.onnx}
        own = {
            "weights": spec.weights,
            "outputs": spec.outputs,
            "dynamic_shapes": spec.dynamic_shapes,
        }
        return {**shared, **_construction(spec), **own}

    def export(self, model: str, exporter: str) -> dict[str, Any]:
        """A sweep, besides the files of the define stage.

        Of the inputs the names alone: the tensors are those that the define stage froze, and so are
        the weights.
        """
        spec = self._settings.models[model]
        shared: dict[str, Any] = {
            "model": model,
            "exporter": exporter,
            "opsets": spec.opsets,
            "versions": self._versions(self._packages("exporters", exporter)),
        }
        if self._settings.constants("exporters", exporter).get("MEMOIZES"):
            shared["memoize"] = self._settings.memoize
        if self._settings.delivers_file(exporter):
            files = {"onnx": spec.onnx, "files": spec.given_files}
            return {**shared, **files, "opsets": [spec.given_opset]}
        if spec.kind == "onnx":
            return {**shared, "onnx": spec.onnx}
        if self._settings.needs_base(exporter):
            return {**shared, "base": self._settings.converter}
        own = {
            "inputs": _structure(spec.inputs),
            "outputs": spec.outputs,
            "dynamic_shapes": spec.dynamic_shapes,
            "options": spec.options.get(exporter, {}),
        }
        return {**shared, **_construction(spec), **own}

    def dump(self, model: str) -> dict[str, Any]:
        """Reading and drawing the graphs of a model."""
        return self._graphs(model, _DUMP)

    def parity(self, model: str, runtime: str) -> dict[str, Any]:
        """A model's files in a runtime. How far a metric may move is for `judge`."""
        own = self._settings.models[model]
        shared: dict[str, Any] = {
            "model": model,
            "runtime": runtime,
            "memoize": self._settings.memoize,
            "index_outputs": own.index_outputs,
            "versions": self._versions(("numpy", *self._packages("runtimes", runtime))),
        }
        if not own.metric:
            return shared
        names = ("name", "callable", "labels")
        metrics = [{name: each[name] for name in names} for each in own.metric]
        return {**shared, "metrics": metrics, "metric_files": own.metric_files}

    def locate(self, model: str) -> dict[str, Any]:
        """Looking for the origin of wrong results."""
        spec = self._settings.models[model]
        own = {"onnx": spec.onnx}
        if spec.kind == "torch":
            own = {**_construction(spec), "inputs": _structure(spec.inputs)}
        return {
            **own,
            "model": model,
            "exporters": spec.exporters,
            "runtimes": self._settings.runtimes,
            "tolerances": spec.tolerances,
            "versions": self._versions((*_LOCATE, *self._of_runtimes())),
        }

    def compare(self, model: str) -> dict[str, Any]:
        """Comparing the graphs of a model."""
        return self._graphs(model, _COMPARE)

    def audit(self, model: str) -> dict[str, Any]:
        """The audit of the converter on a model's files."""
        own = self._settings.models[model]
        return {
            "model": model,
            "exporters": own.exporters,
            "runtimes": self._settings.runtimes,
            "index_outputs": own.index_outputs,
            "tolerances": own.tolerances,
            "versions": self._versions(_AUDIT),
        }

    def judge(self) -> dict[str, Any]:
        """The tolerances, under `models` those of models that have others, and the metrics'."""
        models = {
            name: spec.tolerances
            for name, spec in self._settings.models.items()
            if spec.tolerances != self._settings.tolerances
        }
        metrics = {
            name: {each["name"]: each["tolerance"] for each in spec.metric}
            for name, spec in self._settings.models.items()
            if spec.metric
        }
        return {"tolerances": self._settings.tolerances, "models": models, "metrics": metrics}

    def report(self, command: str) -> dict[str, Any]:
        """What tables and report show beyond the records.

        `sweeps` maps a model to its exporters; `order` is that of the models in the configuration;
        `command` is how the run was started.
        """
        models = self._settings.models
        return {
            **self.judge(),
            "command": command,
            "audit": self._settings.audit,
            "advice": self._advice(),
            "sweeps": {name: spec.exporters for name, spec in models.items()},
            "order": list(models),
            "descriptions": {name: spec.description for name, spec in models.items()},
            "runtimes": self._settings.runtimes,
            "versions": self._versions((*_REPORT, *self._of_runtimes())),
        }

    def _advice(self) -> dict[str, Any]:
        """What settings are wanted for, as `findings.preference.of_spec` reads it."""
        torch = self._versions(("torch",))["torch"]
        return {
            "policy": self._settings.policy,
            "limits": [targets.limit(text) for text in self._settings.targets],
            "default_exporter": targets.default_exporter(torch),
        }

    def _graphs(self, model: str, packages: Iterable[str]) -> dict[str, Any]:
        """Of all exporters in their order: the first of two goes to the left."""
        exporters = self._settings.exporters_of(model)
        return {"model": model, "exporters": exporters, "versions": self._versions(packages)}

    def _versions(self, packages: Iterable[str]) -> dict[str, str | None]:
        return environments.versions(packages, self._prefix)

    def _of_runtimes(self) -> list[str]:
        names = self._settings.runtimes
        return [package for name in names for package in self._packages("runtimes", name)]

    def _packages(self, kind: str, name: str) -> tuple[str, ...]:
        declared = self._settings.constants(kind, name)["PACKAGES"]
        assert isinstance(declared, tuple)
        return declared


def _imports_changed(record: Path, declared: Iterable[str]) -> bool:
    """Whether a file that took part in a definition, and is not declared, is another one now."""
    try:
        sources = json.loads(record.read_text(encoding="utf-8"))["sources"]
        others = {each["path"]: each["sha256"] for each in sources}
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no definition yet, or one that is made again anyway
    for path in declared:
        others.pop(Path(path).as_posix(), None)
    return any(not Path(p).is_file() or file_sha256(Path(p)) != sha for p, sha in others.items())


def _structure(items: Any) -> Any:
    """What is given to a module, without what decides the values of its tensors alone."""
    if isinstance(items, Mapping) and "transform" in items:
        return {**items, "files": items["files"][:1]}
    if isinstance(items, list):
        return [_structure_of(item) for item in items]
    return items


def _structure_of(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: item[key] for key in ("name", "keyword", "value") if key in item}
    if "items" not in item:
        return kept
    below = item["items"]
    if isinstance(below, Mapping):
        return {**kept, "items": {key: _structure_of(each) for key, each in below.items()}}
    return {**kept, "items": [_structure_of(each) for each in below]}


def _construction(spec: ModelSpec) -> dict[str, Any]:
    """What building the module takes; the define and export stages both do it."""
    return {
        "factory": spec.factory,
        "kwargs": spec.kwargs,
        "dtype": spec.dtype,
        "seed": spec.seed,
        "distributions": spec.distributions,
    }
