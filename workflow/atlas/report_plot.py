"""The parity plot: how far each runtime is from torch, in units of the noise that is allowed.

1 is the limit, max(noise_factor * n_torch, noise_floor); the scale is logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atlas.report_data import Row
from atlas.tolerances import Tolerances

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 34
SHAPES = ("circle", "square", "diamond", "triangle")
# A result without an error at all has no logarithm; it stands on the lowest line.
FLOOR = 1e-2
DODGE = 11  # exporters often agree to the last bit; their marks stand beside each other


@dataclass(frozen=True)
class Point:
    """A cell in the plot. `label` says its opset and value."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Series:
    """One exporter; `shape` tells it from the others without color. `paths` are unbroken runs."""

    name: str
    number: int
    shape: str
    points: list[Point]
    path: str


@dataclass(frozen=True)
class Plot:
    """Coordinates for the template. `rows` are (y, label), `columns` (x, opset).

    `unmeasured` are the opsets of each exporter with a mismatch that has no size.
    """

    series: list[Series]
    rows: list[tuple[float, str]]
    columns: list[tuple[float, int]]
    limit: float
    unmeasured: dict[str, list[int]]


def plot(rows: Iterable[Row], exporters: Iterable[str], tolerances: Tolerances) -> Plot | None:
    """The plot of one model; None where nothing was measured.

    Args:
        rows: of the parity table. The worst output and runtime of a cell counts.
        exporters: in the order of the configuration, which is that of the series.
        tolerances: which say what is allowed.
    """
    ratios: dict[str, dict[int, float]] = {exporter: {} for exporter in exporters}
    unmeasured: dict[str, list[int]] = {}
    for row in rows:
        if row["n_torch"] is None or row["n_runtime"] is None:
            if row["verdict"] in {"mismatch", "fixed-size"}:
                unmeasured.setdefault(row["exporter"], []).append(row["requested"])
            continue
        ratio = _ratio(row["n_torch"], row["n_runtime"], tolerances)
        sweep = ratios[row["exporter"]]
        sweep[row["requested"]] = max(ratio, sweep.get(row["requested"], 0.0))
    ratios = {exporter: sweep for exporter, sweep in ratios.items() if sweep}
    if not ratios:
        return None
    values = [value for sweep in ratios.values() for value in sweep.values()]
    opsets = sorted({opset for sweep in ratios.values() for opset in sweep})
    top = max(1, math.ceil(math.log10(max([*values, 1.0]))))
    bottom = math.log10(FLOOR)
    series = [
        _series(name, number, sweep, opsets, bottom, top, (number - (len(ratios) - 1) / 2) * DODGE)
        for number, (name, sweep) in enumerate(ratios.items())
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
    """Room of half a column at both ends."""
    column = (WIDTH - LEFT - RIGHT) / len(opsets)
    return round(LEFT + column * (opsets.index(opset) + 0.5), 1)


def _y(power: float, bottom: float, top: int) -> float:
    share = (power - bottom) / (top - bottom)
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)


def _power(power: int) -> str:
    if power == int(math.log10(FLOOR)):
        return "≤ 0.01"
    return f"{10**power:g}" if -3 < power < 4 else f"1e{power}"
