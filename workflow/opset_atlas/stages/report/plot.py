"""The parity plot: how far each runtime is from torch, relative to the allowed noise.

1 is the limit, max(noise_factor * n_torch, noise_floor); the scale is logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.stages.report.data import Row

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 34
SHAPES = ("circle", "square", "diamond", "triangle")
# An error of zero has no logarithm; it is drawn on the lowest line.
FLOOR = 1e-2
DODGE = 11  # exporters often agree to the last bit, so their marks are drawn side by side


@dataclass(frozen=True)
class Point:
    """A cell in the plot. `label` gives its opset and value."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Series:
    """One exporter; `shape` identifies it without color. `paths` are unbroken runs."""

    name: str
    number: int
    shape: str
    points: list[Point]
    path: str


@dataclass(frozen=True)
class Plot:
    """Coordinates for the template. `rows` are (y, label), `columns` are (x, opset).

    `unmeasured`: per exporter, the opsets with a mismatch that has no size.
    """

    series: list[Series]
    rows: list[tuple[float, str]]
    columns: list[tuple[float, int]]
    limit: float
    unmeasured: dict[str, list[int]]


def facets(
    rows: Iterable[Row], exporters: Iterable[str], tolerances: Tolerances
) -> list[tuple[list[str], Plot]]:
    """A plot per runtime, all on one scale; runtimes with equal measures share a plot."""
    every, names = list(rows), list(exporters)
    found: list[tuple[list[str], list[Row]]] = []
    for runtime in dict.fromkeys(row["runtime"] for row in every):
        own = [row for row in every if row["runtime"] == runtime]
        measured = _measured(own, names, tolerances)
        for runtimes, others in found:
            if _measured(others, names, tolerances) == measured:
                runtimes.append(runtime)
                break
        else:
            found.append(([runtime], own))
    plots = [(runtimes, plot(own, names, tolerances, every)) for runtimes, own in found]
    return [(runtimes, drawn) for runtimes, drawn in plots if drawn]


def plot(
    rows: Iterable[Row],
    exporters: Iterable[str],
    tolerances: Tolerances,
    scale: Iterable[Row] = (),
) -> Plot | None:
    """One plot of a model; None if nothing was measured.

    Args:
        rows: of the parity table. The worst output and runtime of a cell count.
        exporters: in the order of the configuration, which is also that of the series.
        tolerances: they define what is allowed.
        scale: further rows that the axes must have room for.
    """
    own, exporters = list(rows), list(exporters)
    ratios, unmeasured = _measured(own, exporters, tolerances)
    if not any(ratios.values()):
        return None
    room, _ = _measured([*own, *scale], exporters, tolerances)
    values = [value for sweep in room.values() for value in sweep.values()]
    opsets = sorted({opset for sweep in room.values() for opset in sweep})
    top = max(1, math.ceil(math.log10(max([*values, 1.0]))))
    bottom = math.log10(FLOOR)
    present = [name for name in exporters if room[name]]
    series = [
        _series(
            name,
            number,
            ratios[name],
            opsets,
            bottom,
            top,
            (number - (len(present) - 1) / 2) * DODGE,
        )
        for number, name in enumerate(present)
        if ratios[name]
    ]
    step = max(1, (top - int(bottom)) // 6)
    marks = range(int(bottom), top + 1, step)
    return Plot(
        series=series,
        rows=[(_y(power, bottom, top), _power(power)) for power in marks],
        columns=[(_x(opset, opsets), opset) for opset in opsets],
        limit=_y(0, bottom, top),
        unmeasured=unmeasured,
    )


def worst(rows: Iterable[Row], tolerances: Tolerances) -> float | None:
    """The largest error relative to what is allowed, among rows of parity; None without any."""
    found = [
        _ratio(row["n_torch"], row["n_runtime"], tolerances)
        for row in rows
        if row["n_torch"] is not None and row["n_runtime"] is not None
    ]
    return max(found, default=None)


def _measured(
    rows: Iterable[Row], exporters: Iterable[str], tolerances: Tolerances
) -> tuple[dict[str, dict[int, float]], dict[str, list[int]]]:
    """The worst share per exporter and opset, and the opsets of mismatches without a size."""
    ratios: dict[str, dict[int, float]] = {exporter: {} for exporter in exporters}
    unmeasured: dict[str, list[int]] = {}
    for row in rows:
        if row["n_torch"] is None or row["n_runtime"] is None:
            opsets = unmeasured.setdefault(row["exporter"], [])
            if row["verdict"] == "mismatch" and row["requested"] not in opsets:
                opsets.append(row["requested"])
            continue
        ratio = _ratio(row["n_torch"], row["n_runtime"], tolerances)
        sweep = ratios[row["exporter"]]
        sweep[row["requested"]] = max(ratio, sweep.get(row["requested"], 0.0))
    return ratios, {exporter: opsets for exporter, opsets in unmeasured.items() if opsets}


def _ratio(n_torch: float, n_runtime: float, tolerances: Tolerances) -> float:
    allowed = max(tolerances.noise_factor * n_torch, tolerances.noise_floor)
    return n_runtime / allowed if allowed else (0.0 if n_runtime == 0 else math.inf)


def _series(
    name: str,
    number: int,
    sweep: dict[int, float],
    opsets: Sequence[int],
    bottom: float,
    top: int,
    dodge: float,
) -> Series:
    points = []
    for opset, value in sorted(sweep.items()):
        power = min(max(math.log10(value), bottom), top) if value > 0 else bottom
        label = f"{name}, opset {opset}: {value:.2g} of what is allowed"
        points.append(Point(round(_x(opset, opsets) + dodge, 1), _y(power, bottom, top), label))
    path = " ".join(f"{'L' if i else 'M'}{p.x:.1f} {p.y:.1f}" for i, p in enumerate(points))
    return Series(name, number, SHAPES[number % len(SHAPES)], points, path)


def _x(opset: int, opsets: Sequence[int]) -> float:
    """The x of a column, with half a column of margin at both ends."""
    column = (WIDTH - LEFT - RIGHT) / len(opsets)
    return round(LEFT + column * (opsets.index(opset) + 0.5), 1)


def _y(power: float, bottom: float, top: int) -> float:
    share = (power - bottom) / (top - bottom)
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)


def _power(power: int) -> str:
    if power == int(math.log10(FLOOR)):
        return "≤ 0.01"
    return f"{10**power:g}" if -3 < power < 4 else f"1e{power}"
