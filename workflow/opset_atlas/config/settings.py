"""The configuration: read strictly, checked before anything starts, handed to each stage in part.

`load` reads YAML, `resolve` checks and completes it. What a job depends on is in `config.specs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from opset_atlas import plugins
from opset_atlas.config import input_files, metrics, objects
from opset_atlas.config.checks import NOT_FOR_ONNX, check, delivers_file, needs_base
from opset_atlas.config.reading import ConfigError, load, merge
from opset_atlas.config.references import distribution, source_file, version
from opset_atlas.config.schema import fill, schema
from opset_atlas.findings.preference import Policy
from opset_atlas.onnx_files import external_data

__all__ = ["ConfigError", "ModelSpec", "Settings", "load", "resolve"]

PACKAGE = Path(__file__).parents[1]

# What is found out about a model, and not in the configuration.
_FOUND = ("id", "kind", "files", "given_files", "given_opset", "metric_files", "distributions")
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
    inputs: list[dict[str, Any]] | dict[str, Any] | str | None
    outputs: list[str] | None
    index_outputs: dict[str, dict[str, Any]]
    metric: list[dict[str, Any]]
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
    given_files: list[str]
    given_opset: int | None
    metric_files: list[str]
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
    baseline: str
    policy: Policy
    targets: list[str]
    input_sets: list[str]
    tolerances: dict[str, Any]
    limits: dict[str, Any]
    notices: list[str]
    package: str

    def exporters_of(self, model: str) -> list[str]:
        """The exporters that a model goes through."""
        return list(self.models[model].exporters)

    def known_exporters(self) -> list[str]:
        """All exporters that there are, chosen or not."""
        return plugins.names("exporters", Path(self.package))

    def delivers_file(self, exporter: str) -> bool:
        """Whether an exporter delivers the file that a model has beside its factory."""
        return delivers_file(exporter, Path(self.package))

    def needs_base(self, exporter: str) -> bool:
        """Whether an exporter starts from another exporter's file."""
        return needs_base(exporter, Path(self.package))

    def constants(self, kind: str, name: str) -> dict[str, object]:
        """What a plug-in says about itself."""
        return plugins.constants(kind, name, Path(self.package))

    def as_config(self) -> dict[str, Any]:
        """The configuration, complete; resolving it gives these settings again."""
        plain = asdict(self)
        for key in ("notices", "package"):
            del plain[key]
        for spec in plain["models"].values():
            unused = NOT_FOR_ONNX if spec["kind"] == "onnx" else ()
            spec["exporters"] = [e for e in spec["exporters"] if not self.delivers_file(e)]
            for key in (*_FOUND, *unused):
                del spec[key]
            for key in [key for key, value in spec.items() if value is None]:
                del spec[key]
            listed = spec.get("inputs", [])
            if unused and isinstance(listed, list):
                for item in listed:
                    del item["dtype"]
        return plain


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
    del spec["sizes"]  # the shapes have them
    kind: Literal["torch", "onnx"] = "torch" if spec["factory"] else "onnx"
    of_file = _of_file(spec["onnx"], root) if spec["onnx"] else []
    given = of_file if kind == "torch" else []
    if isinstance(spec["inputs"], list):
        spec["inputs"] = [_input(item, kind, spec["dtype"]) for item in spec["inputs"]]
    elif isinstance(spec["inputs"], Mapping):
        spec["inputs"] = input_files.expanded(spec["inputs"], root)
    if kind == "onnx":
        spec["exporters"] = _converters(spec["exporters"], package)
    opset = external_data.default_opset(root / spec["onnx"]) if given else None
    if given:  # the others are exported at its opset too, so that there is something to compare
        spec["exporters"] = [*_delivering(package), *spec["exporters"]]
        spec["opsets"] = [*spec["opsets"], *[opset] * (opset is not None)]
    spec["opsets"] = sorted(set(spec["opsets"]))
    spec["metric"] = metrics.listed(spec["metric"])
    spec["metric_files"] = metrics.files(spec["metric"], spec["sources"], root)
    found: dict[str, str | None] = {package: version(package) for package in spec["packages"]}
    for reference in _named(spec):
        found |= distribution(reference)
    files = _files(spec, root, [] if given else of_file)
    spec |= {"files": files, "given_files": given, "given_opset": opset, "distributions": found}
    return ModelSpec(id=name, kind=kind, **spec)


def _converters(wanted: Iterable[str], package: Path) -> list[str]:
    """Those of the exporters that can start from a file; where none of them can, all that can."""
    known = [name for name in plugins.names("exporters", package) if needs_base(name, package)]
    return [name for name in wanted if name in known] or known


def _input(item: Mapping[str, Any], kind: str, dtype: str) -> dict[str, Any]:
    """An ONNX file knows its own dtypes; a module's inputs follow the module's."""
    if "items" in item:
        below = item["items"]
        pairs = below.items() if isinstance(below, Mapping) else enumerate(below)
        inside = {key: _input(each, kind, dtype) for key, each in pairs}
        return {
            **_given(item),
            "items": inside if isinstance(below, Mapping) else [*inside.values()],
        }
    if "value" in item:
        return _given(item)
    return {**item, "dtype": item["dtype"] if kind == "onnx" else item["dtype"] or dtype}


def _given(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item that is no tensor, without the defaults of one."""
    return {key: item[key] for key in ("name", "keyword", "value", "items") if key in item}


def _named(spec: Mapping[str, Any]) -> list[str]:
    """The callables and objects that a model names: its factory first."""
    inputs = spec["inputs"]
    named = [spec["factory"], inputs if isinstance(inputs, str) else None]
    if isinstance(inputs, Mapping):
        named.append(inputs["transform"])
    return [*filter(None, named), *objects.references([spec["kwargs"], inputs])]


def _delivering(package: Path) -> list[str]:
    """What delivers the file that a model has beside its factory."""
    return [name for name in plugins.names("exporters", package) if delivers_file(name, package)]


def _of_file(onnx: str, root: Path) -> list[str]:
    """An ONNX file and those with its tensors."""
    folder = PurePath(onnx).parent
    return [onnx, *(str(folder / name) for name in external_data.files(root / onnx))]


def _files(spec: Mapping[str, Any], root: Path, onnx: list[str]) -> list[str]:
    """Files that a model is made from, in a fixed order, each once."""
    found = [source_file(reference, root) for reference in _named(spec)]
    data = spec["inputs"]["files"] if isinstance(spec["inputs"], Mapping) else []
    named = [*found, spec["weights"], *onnx[:1], *data, *spec["sources"], *onnx[1:]]
    return list(dict.fromkeys(name for name in named if name))
