"""The metrics of a model in the configuration: completed, checked, and what they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from opset_atlas.config.references import (
    callable_problem,
    file_problem,
    parameters,
    source_file,
    split,
)
from opset_atlas.config.schema import KeyPath, show
from opset_atlas.models.metric import ARGUMENTS, LABELS, NO_DATA


def listed(metric: Any) -> list[dict[str, Any]]:
    """The key `metric` as a list of mappings, each with all its keys."""
    given = metric if isinstance(metric, list) else [] if metric is None else [metric]
    mappings = ({"callable": each} if isinstance(each, str) else each for each in given)
    return [
        {
            "callable": each["callable"],
            "name": each.get("name") or split(each["callable"])[1],
            "tolerance": each.get("tolerance") or 0,
            "labels": each.get("labels"),
        }
        for each in mappings
    ]


def problems(
    model: Mapping[str, Any], path: KeyPath, root: Path, sets: Iterable[str] | None
) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with a model's metrics that a schema cannot express."""
    found = listed(model.get("metric"))
    path = (*path, "metric")
    for name, count in Counter(each["name"] for each in found).items():
        if count > 1:
            yield path, f"{count} metrics are called {show(name)}; give each a `name`"
    if found and sets is not None and NO_DATA.issuperset(sets):
        left_out = ", ".join(sorted(NO_DATA))
        yield path, f"is computed over data: expected an input set other than {left_out}"
    for each in found:
        text = callable_problem(each["callable"], root) or _arguments_problem(each, root)
        if text:
            yield path, text
        if each["labels"] and (text := _labels_problem(each["labels"], root)):
            yield path, f"labels: {text}"


def files(metrics: Iterable[Mapping[str, Any]], sources: Iterable[str], root: Path) -> list[str]:
    """The files that metrics are made from: code, labels, and what the model names as `sources`."""
    found: list[str | None] = []
    for each in metrics:
        labels = each["labels"]
        is_code = labels is not None and ":" in labels
        found += [source_file(each["callable"], root)]
        found += [source_file(labels, root) if is_code else labels]
        found += sources
    return list(dict.fromkeys(name for name in found if name))


def _labels_problem(labels: str, root: Path) -> str:
    if ":" in labels:
        return callable_problem(labels, root)
    if PurePath(labels).suffix not in LABELS:
        return (
            f"expected a file that ends in {', '.join(LABELS)}, or a callable, got {show(labels)}"
        )
    return file_problem(labels, root, "file of labels")


def _arguments_problem(metric: Mapping[str, Any], root: Path) -> str:
    """What a function that is found in a file's text cannot be called with."""
    known = parameters(metric["callable"], root)
    if known is None:
        return ""
    name = metric["callable"]
    for parameter, required in known.items():
        if required and parameter not in ARGUMENTS:
            return f"{name} has an argument {parameter!r}; a metric gets {', '.join(ARGUMENTS)}"
    if metric["labels"] and "labels" not in known:
        return f"{name} has no argument 'labels', and `labels` is given"
    if known.get("labels") and not metric["labels"]:
        return f"{name} has an argument 'labels', and no `labels` is given"
    return ""
