"""Relative paths: they start where the run is started, else at the file that names them.

Else in this repository, where the configurations that it brings have their models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from opset_atlas.config.input_files import matching

_REPOSITORY = Path(__file__).parents[3]  # of a clone; a wheel brings no models
_PATHS = ("onnx", "weights")
_CALLABLES = ("factory", "inputs")
_OBJECTS = ("$python", "$call")


def located(config: dict[str, Any], folder: Path, root: Path) -> dict[str, Any]:
    """The configuration with the paths of its models as they are from `root`.

    A path that does not exist there, but does in `folder` or in this repository, is replaced; every
    other stays as it is, so that what is missing is reported as it was written.
    """
    models = config.get("models")
    if not isinstance(models, Mapping):
        return config

    def place(name: str) -> str:
        if Path(name).is_absolute() or matching(name, root):
            return name
        for place in (folder, _REPOSITORY):
            if matching(name, place):
                return os.path.relpath(place / name, root)
        return name

    return {**config, "models": {key: _model(each, place) for key, each in models.items()}}


def _model(model: Any, place: Callable[[str], str]) -> Any:
    if not isinstance(model, Mapping):
        return model
    found = {key: _objects(value, place) for key, value in model.items()}
    for key in _PATHS:
        if isinstance(model.get(key), str):
            found[key] = place(model[key])
    for key in _CALLABLES:
        if isinstance(model.get(key), str):
            found[key] = _callable(model[key], place)
    if isinstance(inputs := model.get("inputs"), Mapping):
        found["inputs"] = _files(inputs, place)
    if "metric" in model:
        found["metric"] = _metric(model["metric"], place)
    if isinstance(model.get("sources"), list):
        given = model["sources"]
        found["sources"] = [place(each) if isinstance(each, str) else each for each in given]
    return found


def _files(inputs: Mapping[str, Any], place: Callable[[str], str]) -> dict[str, Any]:
    found = dict(inputs)
    files = inputs.get("files")
    if isinstance(files, list):
        found["files"] = [place(each) if isinstance(each, str) else each for each in files]
    elif isinstance(files, str):
        found["files"] = place(files)
    if isinstance(inputs.get("transform"), str):
        found["transform"] = _callable(inputs["transform"], place)
    return found


def _metric(metric: Any, place: Callable[[str], str]) -> Any:
    """A metric as its callable, a mapping, or a list of these; labels are a file or a callable."""
    if isinstance(metric, list):
        return [_metric(each, place) for each in metric]
    if isinstance(metric, str):
        return _callable(metric, place) if ":" in metric else place(metric)
    if not isinstance(metric, Mapping):
        return metric
    named = {key: metric[key] for key in ("callable", "labels") if isinstance(metric.get(key), str)}
    return {**metric, **{key: _metric(each, place) for key, each in named.items()}}


def _objects(value: Any, place: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_objects(each, place) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: _callable(each, place)
        if key in _OBJECTS and isinstance(each, str)
        else _objects(each, place)
        for key, each in value.items()
    }


def _callable(reference: str, place: Callable[[str], str]) -> str:
    """`file.py:name` with its path replaced; a module is found by its name."""
    path, colon, name = reference.rpartition(":")
    return f"{place(path)}{colon}{name}" if path.endswith(".py") else reference
