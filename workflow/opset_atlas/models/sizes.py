"""Input sets at other sizes than the traced one, where a model declares variable dimensions.

An exporter may fix a dimension that was declared variable, or keep a number that it saw while
tracing. Both look right at the traced size. Such a set is named `random-0@batch=1,length=7`, with
the size of every dimension that differs from the traced one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opset_atlas.base import dimensions
from opset_atlas.base.messages import clean, describe

# By input name and axis (as text, since JSON keys are strings): the dimension's name. Dimensions
# with the same name always have the same size.
Axes = Mapping[str, Mapping[str, str]]
Sizes = dict[str, int]
Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Trial:
    """Candidate sizes: the first at which the model itself runs are used; `what` describes them."""

    what: str
    candidates: list[Sizes]


def is_traced(input_set: str) -> bool:
    """Whether a set has the sizes that the model was exported with."""
    return "@" not in input_set


def sizes_of(input_set: str) -> str:
    """`batch=1, length=7`; "" at the traced sizes."""
    return input_set.partition("@")[2].replace(",", ", ")


def traced(items: Sequence[Mapping[str, Any]], axes: Axes) -> Sizes:
    """The size of every declared dimension in the example inputs, except of sums of others."""
    shapes = {item["name"]: item["shape"] for item in items}
    return {
        name: shapes[key][int(axis)]
        for key, of_input in axes.items()
        for axis, name in of_input.items()
        if not dimensions.is_sum(name)
    }


def disagreements(items: Sequence[Mapping[str, Any]], axes: Axes) -> Iterator[str]:
    """Dimensions of one name, or their sums, that have other sizes in the example inputs."""
    shapes, sizes = {item["name"]: item["shape"] for item in items}, traced(items, axes)
    for key, of_input in axes.items():
        for axis, name in of_input.items():
            size = shapes[key][int(axis)]
            if dimensions.is_sum(name):
                if text := dimensions.problem(name, sizes, size):
                    yield f"axis {axis} of {key}: {text}"
            elif size != sizes[name]:
                yield f"axis {axis} of {key}: {name!r} is {size} here and {sizes[name]} elsewhere"


def plan(now: Sizes, chosen: Mapping[str, Sequence[int]]) -> list[Trial]:
    """What to try: each dimension larger separately, all of them larger, all of them smaller.

    Larger is 2 n + 1, which keeps neither a factor nor a remainder of the traced size n; if the
    model does not accept that size, n + 1, else 2 n. Smaller is 1, else half, else n - 1.

    Args:
        now: the traced sizes.
        chosen: by dimension, the sizes of the configuration to try instead, one at a time.
    """
    trials = [
        Trial(f"{name}={size}", [{name: size}])
        for name, sizes in chosen.items()
        for size in sizes
        if size != now[name]
    ]
    free = {name: size for name, size in now.items() if name not in chosen}
    alone = [{name: size} for name, size in free.items()]
    for group in [*alone, *([free] if len(free) > 1 else [])]:
        larger = [{name: f(n) for name, n in group.items()} for f in _LARGER]
        trials.append(Trial(f"a larger {' and '.join(group)}", larger))
    smaller = [_changed(free, {name: f(n) for name, n in free.items()}) for f in _SMALLER]
    if any(smaller):
        names = " and ".join(name for name, size in free.items() if size > 1)
        trials.append(Trial(f"a smaller {names}", [sizes for sizes in smaller if sizes]))
    return trials


_LARGER: tuple[Callable[[int], int], ...] = (
    lambda n: 2 * n + 1,
    lambda n: n + 1,
    lambda n: 2 * n,
)
_SMALLER: tuple[Callable[[int], int], ...] = (
    lambda n: min(n, 1),
    lambda n: max(n // 2, 1),
    lambda n: max(n - 1, 1),
)


def run_at_others(
    items: Items,
    axes: Axes,
    chosen: Mapping[str, Sequence[int]],
    base: str,
    run: Callable[[str, Items], None],
) -> list[str]:
    """Run the model at other sizes than those of `items`; return notes on sizes where it fails.

    Args:
        base: the input set whose values are used, and which names the new sets.
        run: runs the model on inputs of these shapes under a set's name, and keeps the results.

    Raises:
        ValueError: sizes are chosen for a dimension that does not exist.
    """
    now = traced(items, axes)
    if unknown := sorted(set(chosen) - set(now)):
        known = ", ".join(now) or "none"
        raise ValueError(f"dynamic_sizes: no dimension {', '.join(unknown)}; there are: {known}")
    notes, done = [], set()
    for trial in plan(now, chosen):
        reasons = []
        for sizes in trial.candidates:
            name = f"{base}@{spell(sizes)}"
            if name in done:
                break
            try:
                run(name, list(_resized(items, axes, sizes)))
            except Exception as error:
                reasons.append(f"{spell(sizes)}: {describe(error)}")
                continue
            done.add(name)
            break
        else:
            notes.append(
                clean(f"the model itself does not run with {trial.what} ({reasons[0]})", 300)
            )
    return notes


def spell(sizes: Sizes) -> str:
    """`batch=1,length=7`, as in the name of a set."""
    return ",".join(f"{clean(name, 60)}={size}" for name, size in sizes.items())


def _changed(before: Sizes, after: Sizes) -> Sizes:
    return {name: size for name, size in after.items() if size != before[name]}


def _resized(items: Items, axes: Axes, sizes: Sizes) -> Iterator[dict[str, Any]]:
    now = {**traced(items, axes), **sizes}
    for item in items:
        shape = list(item["shape"])
        for axis, name in axes.get(item["name"], {}).items():
            shape[int(axis)] = dimensions.size(name, now)
        yield {**item, "shape": shape}
