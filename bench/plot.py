"""The plot of docs/speed.md: seconds per case and way, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# The bars in this order, with color and label. Gray is readable on white and on black.
GREY = "#808080"
BARS = {
    "straight": ("#b5651d", "straight loop"),
    "accelerated": ("#3b82c4", "accelerated loop"),
    "workflow": ("#2e9e6b", "workflow"),
    "floor": (GREY, "floor: exporter, loader and session alone"),
}


def draw(cases: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Write an SVG with a group of bars per case. The same data give the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "speed", "text.color": GREY}
    pyplot.rcParams |= {"font.family": "sans-serif", "font.size": 10}
    figure, axes = pyplot.subplots(figsize=(8, 0.7 + 0.95 * len(cases)))
    for i, (what, (color, words)) in enumerate(BARS.items()):
        own = [(place + 0.2 * i, of[what]) for place, of in enumerate(cases.values()) if what in of]
        if own:
            places, seconds = zip(*own, strict=True)
            bars = axes.barh(places, seconds, height=0.19, color=color, label=words)
            axes.bar_label(bars, [f"{short(value)} s" for value in seconds], padding=3, color=GREY)
    axes.set_yticks([place + 0.3 for place in range(len(cases))], list(cases))
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel("seconds", color=GREY)
    axes.invert_yaxis()
    axes.tick_params(which="both", colors=GREY, left=False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})


def short(value: float) -> str:
    """Three significant digits, or all digits before the decimal point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
