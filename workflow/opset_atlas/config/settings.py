"""The configuration: read strictly, checked before anything starts, handed to each stage in part.

`load` reads YAML, `resolve` checks and completes it. What a stage depends on is one canonical JSON
text per job (`Settings.define_spec` and so on): Snakemake re-runs a job when its text changes, so a
text holds everything that the stage depends on and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from opset_atlas import plugins
from opset_atlas.base.files import canonical_json
from opset_atlas.config.checks import NOT_FOR_ONNX, check, needs_base
from opset_atlas.config.reading import ConfigError, load, merge
from opset_atlas.config.references import distribution, source_file, version
from opset_atlas.config.schema import fill, schema

__all__ = ["ConfigError", "ModelSpec", "Settings", "load", "resolve"]

PACKAGE = Path(__file__).parents[1]

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

_INHERITED = ("opsets", "exporters", "options", "tolerances")


@dataclass(frozen=True)
class ModelSpec:
    """One model, complete: top-level settings are merged in, defaults filled in."""

    id: str
    kind: Literal["torch", "onnx"]
    factory: str | None
    onnx: str | None
    description: str
    kwargs: dict[str, Any]
    inputs: list[dict[str, Any]] | str | None
    outputs: list[str] | None
    index_outputs: dict[str, dict[str, Any]]
    dynamic_shapes: dict[str, dict[str, str]] | None
    dynamic_sizes: dict[str, list[int]]
    dtype: str
    seed: int
    weights: str | None
    sources: list[str]
    packages: list[str]
    opsets: list[int]
    exporters: list[str]
    options: dict[str, dict[str, Any]]
    tolerances: dict[str, Any]
    files: list[str]
    distributions: dict[str, str | None]

    def source_files(self) -> list[str]:
        """The files that the model is made from, as far as they can be found without importing."""
        return list(self.files)


@dataclass(frozen=True)
class Settings:
    """A configuration that was found to be usable.

    `notices` are remarks for the user: what could not be checked here.
    """

    models: dict[str, ModelSpec]
    opsets: list[int]
    exporters: list[str]
    runtimes: list[str]
    converter: dict[str, Any]
    options: dict[str, dict[str, Any]]
    memoize: bool
    worker: bool
    audit: bool
    input_sets: list[str]
    tolerances: dict[str, Any]
    limits: dict[str, Any]
    notices: list[str]
    package: str

    def exporters_of(self, model: str) -> list[str]:
        """The exporters that a model goes through."""
        return list(self.models[model].exporters)

    def opsets_of(self, model: str) -> list[int]:
        """The opsets requested for a model, ascending."""
        return list(self.models[model].opsets)

    def needs_base(self, exporter: str) -> bool:
        """Whether an exporter starts from another exporter's file."""
        return needs_base(exporter, Path(self.package))

    def define_spec(self, model: str) -> str:
        """Canonical JSON of what the define stage depends on."""
        spec = self.models[model]
        shared = {
            "model": model,
            "inputs": spec.inputs,
            "seed": spec.seed,
            "input_sets": self.input_sets,
            "dynamic_sizes": spec.dynamic_sizes,
            "limits": self.limits,
            "source_files": spec.files,
            "versions": _versions(_DEFINE[spec.kind]),
        }
        if spec.kind == "onnx":
            return canonical_json({**shared, "onnx": spec.onnx})
        own = {
            "weights": spec.weights,
            "outputs": spec.outputs,
            "dynamic_shapes": spec.dynamic_shapes,
        }
        return canonical_json({**shared, **_construction(spec), **own})

    def export_spec(self, model: str, exporter: str) -> str:
        """Canonical JSON of what a sweep depends on, besides the files of the define stage.

        Of the inputs the names alone: the tensors are those that the define stage froze, and so are
        the weights.
        """
        spec = self.models[model]
        packages = self._packages("exporters", exporter)
        shared: dict[str, Any] = {
            "model": model,
            "exporter": exporter,
            "opsets": spec.opsets,
            "limits": self.limits,
            "versions": _versions(packages),
        }
        if self._constants("exporters", exporter).get("MEMOIZES"):
            shared["memoize"] = self.memoize
        if spec.kind == "onnx":
            return canonical_json({**shared, "onnx": spec.onnx})
        if self.needs_base(exporter):
            return canonical_json({**shared, "base": self.converter})
        named = spec.inputs
        if isinstance(named, list):
            named = [{"name": item["name"]} for item in named]
        own = {
            "inputs": named,
            "outputs": spec.outputs,
            "dynamic_shapes": spec.dynamic_shapes,
            "options": spec.options.get(exporter, {}),
        }
        return canonical_json({**shared, **_construction(spec), **own})

    def dump_spec(self, model: str) -> str:
        """Canonical JSON of what the dump of a model depends on, besides its files."""
        return self._graphs_spec(model, _DUMP)

    def parity_spec(self, model: str, runtime: str) -> str:
        """Canonical JSON of what running a model's files in a runtime depends on."""
        packages = ("numpy", *self._packages("runtimes", runtime))
        ties = self.models[model].index_outputs
        spec = {
            "model": model,
            "runtime": runtime,
            "limits": self.limits,
            "memoize": self.memoize,
            "index_outputs": ties,
        }
        return canonical_json({**spec, "versions": _versions(packages)})

    def locate_spec(self, model: str) -> str:
        """Canonical JSON of what looking for the origin of wrong results depends on."""
        spec = self.models[model]
        own = {"onnx": spec.onnx} if spec.kind == "onnx" else _construction(spec)
        names = [self._packages("runtimes", name) for name in self.runtimes]
        packages = {*_LOCATE, *(package for of in names for package in of)}
        return canonical_json(
            {
                **own,
                "model": model,
                "exporters": spec.exporters,
                "runtimes": self.runtimes,
                "tolerances": spec.tolerances,
                "limits": self.limits,
                "versions": _versions(sorted(packages)),
            }
        )

    def compare_spec(self, model: str) -> str:
        """Canonical JSON of what comparing the graphs of a model depends on."""
        return self._graphs_spec(model, _COMPARE)

    def _graphs_spec(self, model: str, packages: Iterable[str]) -> str:
        """Of all exporters in their order: the first of two goes to the left."""
        exporters = self.exporters_of(model)
        return canonical_json(
            {"model": model, "exporters": exporters, "versions": _versions(packages)}
        )

    def audit_spec(self, model: str) -> str:
        """Canonical JSON of what the audit of the converter on a model's files depends on."""
        own = self.models[model]
        spec = {
            "model": model,
            "exporters": own.exporters,
            "runtimes": self.runtimes,
            "limits": self.limits,
            "index_outputs": own.index_outputs,
            "tolerances": own.tolerances,
        }
        return canonical_json({**spec, "versions": _versions(_AUDIT)})

    def judge_spec(self) -> str:
        """Canonical JSON of the tolerances, and under `models` those of models that have others."""
        return canonical_json(self._tolerances())

    def _tolerances(self) -> dict[str, Any]:
        models = {
            name: spec.tolerances
            for name, spec in self.models.items()
            if spec.tolerances != self.tolerances
        }
        return {"tolerances": self.tolerances, "models": models}

    def report_spec(self, command: str) -> str:
        """Canonical JSON of what the report shows beyond the records.

        `sweeps` maps a model to its exporters; `order` is that of the models in the configuration;
        `command` is how the run was started.
        """
        runtimes = [self._packages("runtimes", name) for name in self.runtimes]
        packages = sorted({*_REPORT, *(package for names in runtimes for package in names)})
        spec = {
            **self._tolerances(),
            "command": command,
            "audit": self.audit,
            "sweeps": {name: spec.exporters for name, spec in self.models.items()},
            "order": list(self.models),
            "descriptions": {name: spec.description for name, spec in self.models.items()},
            "runtimes": self.runtimes,
            "versions": _versions(packages),
        }
        return canonical_json(spec)

    def as_config(self) -> dict[str, Any]:
        """The configuration, complete; resolving it gives these settings again."""
        plain = asdict(self)
        for key in ("notices", "package"):
            del plain[key]
        for spec in plain["models"].values():
            unused = NOT_FOR_ONNX if spec["kind"] == "onnx" else ()
            for key in ("id", "kind", "files", "distributions", *unused):
                del spec[key]
            for key in [key for key, value in spec.items() if value is None]:
                del spec[key]
            if unused:
                for item in spec.get("inputs", []):
                    del item["dtype"]
        return plain

    def _packages(self, kind: str, name: str) -> tuple[str, ...]:
        declared = self._constants(kind, name)["PACKAGES"]
        assert isinstance(declared, tuple)
        return declared

    def _constants(self, kind: str, name: str) -> dict[str, object]:
        return plugins.constants(kind, name, Path(self.package))


def resolve(config: Mapping[str, Any], root: Path, package: Path = PACKAGE) -> Settings:
    """Check a configuration, complete it with the defaults, and freeze it.

    Args:
        config: as `load` returns it, or as Snakemake hands it over.
        root: the folder that relative paths start from.
        package: where the folders `exporters` and `runtimes` are, for tests.

    Raises:
        ConfigError: with everything that is wrong.
    """
    plain, notices = check(config, root, package)
    parts = schema(package)
    top = fill({key: value for key, value in plain.items() if key != "models"}, parts, parts)
    models = {name: _model(name, raw, top, root, package) for name, raw in plain["models"].items()}
    top["opsets"] = sorted(top["opsets"])
    return Settings(**{**top, "models": models, "notices": notices, "package": str(package)})


def _model(
    name: str, raw: Mapping[str, Any], top: Mapping[str, Any], root: Path, package: Path
) -> ModelSpec:
    parts = schema(package)["$defs"]
    spec = {"factory": None, "onnx": None, **raw}
    for key in _INHERITED:
        mapping = isinstance(top[key], Mapping)
        spec[key] = merge(top[key], raw.get(key) or {}) if mapping else raw.get(key) or top[key]
    spec = fill(spec, parts["model"], {"$defs": parts})
    kind: Literal["torch", "onnx"] = "onnx" if spec["onnx"] else "torch"
    if isinstance(spec["inputs"], list):
        spec["inputs"] = [_input(item, kind, spec["dtype"]) for item in spec["inputs"]]
    if kind == "onnx":
        spec["exporters"] = _converters(spec["exporters"], package)
    spec["opsets"] = sorted(spec["opsets"])
    found: dict[str, str | None] = {package: version(package) for package in spec["packages"]}
    if spec["factory"]:
        found |= distribution(spec["factory"])
    return ModelSpec(id=name, kind=kind, files=_files(spec, root), distributions=found, **spec)


def _converters(wanted: Iterable[str], package: Path) -> list[str]:
    """Those of the exporters that can start from a file; where none of them can, all that can."""
    known = [name for name in plugins.names("exporters", package) if needs_base(name, package)]
    return [name for name in wanted if name in known] or known


def _input(item: Mapping[str, Any], kind: str, dtype: str) -> dict[str, Any]:
    """An ONNX file knows its own dtypes; a module's inputs follow the module's."""
    return {**item, "dtype": item["dtype"] if kind == "onnx" else item["dtype"] or dtype}


def _files(spec: Mapping[str, Any], root: Path) -> list[str]:
    """Files that a model is made from, in a fixed order, each once."""
    callables = [spec["factory"], spec["inputs"] if isinstance(spec["inputs"], str) else None]
    found = [source_file(reference, root) for reference in callables if reference]
    named = [*found, spec["weights"], spec["onnx"], *spec["sources"]]
    return list(dict.fromkeys(name for name in named if name))


def _construction(spec: ModelSpec) -> dict[str, Any]:
    """What building the module takes; the define and export stages both do it."""
    return {
        "factory": spec.factory,
        "kwargs": spec.kwargs,
        "dtype": spec.dtype,
        "seed": spec.seed,
        "distributions": spec.distributions,
    }


def _versions(packages: Iterable[str]) -> dict[str, str | None]:
    return {name: version(name) for name in packages}
