"""The pictures of the documentation, from a finished default run: `make pictures`.

That of the console is made by docs/console.py, which runs the workflow again. Needs Chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from opset_atlas.drawing.layered.place import Link, place
from opset_atlas.drawing.layered.routes import Point
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
REPORT = Path("results/report/index.html")
PAIR = Path("results/report/pairs/simple_model/torchscript-12-13.html")
SIZE = {"width": 1280, "height": 960}
TALL = {"width": 1280, "height": 9600}  # nothing scrolls, so that headings are where they belong
RULE, MARGIN = 30.0, 12.0  # height of a rule, and the room around all of them
STYLE = """
svg { background: #fff; }
rect { fill: #f1f6fb; stroke: #5b84b1; }
text { font: 13px sans-serif; text-anchor: middle; fill: #1f2328; }
.arrow { fill: none; stroke: #8c959f; marker-end: url(#tip); }
#tip { fill: #8c959f; }
"""
TIP = (
    '<marker id="tip" markerUnits="userSpaceOnUse" orient="auto" markerWidth="6" markerHeight="6"'
    ' refY="3"><path d="M0 0L6 3 0 6z"/></marker>'
)
MODELS = "simple_model softmax_inner_axis scatter_add_duplicates layer_norm sum_inner_axis"
# Parts of the report's first page, by the picture that shows them.
PARTS = {
    "matrix": "#matrix table",
    "case": "#case",
    "softmax": "#surprises article[data-model~=softmax_inner_axis]",
    "scatter": "#surprises article[data-model~=scatter_add_duplicates]",
}

# The matrix of these models alone; the whole one is in the report.
_ONLY = """models => document.querySelectorAll('#matrix tbody').forEach(body => {
  body.hidden = !models.includes(body.querySelector('.id').textContent)
})"""


def main() -> None:
    """Draw the rule graph, and take pictures of the report."""
    (DOCS / "rulegraph.svg").write_text(_rule_graph(), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(REPORT.resolve().as_uri())
        page.screenshot(path=DOCS / "report.png")
        page.set_viewport_size(TALL)  # type: ignore[arg-type]
        page.evaluate("document.querySelector('.bar').hidden = true")  # it would cover what follows
        page.evaluate(_ONLY, MODELS.split())
        for name, place in PARTS.items():
            page.locator(place).first.screenshot(path=DOCS / f"{name}.png")
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        page.goto(PAIR.resolve().as_uri())
        page.screenshot(path=DOCS / "pair.png", full_page=True)
        browser.close()


def _rule_graph() -> str:
    """Which rule needs which, from left to right, as SVG; without what follows from others."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot"]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    found_rules = re.findall(r'^\s*(\d+)\[label = "(\w+)"', told, re.MULTILINE)
    names = dict(sorted(found_rules, key=lambda rule: rule[1]))  # numbers vary from run to run
    number = {key: place_ for place_, key in enumerate(names)}
    arrows = _needed(set(re.findall(r"^\s*(\d+) -> (\d+)", told, re.MULTILINE)))
    ends = sorted((number[source], number[target]) for source, target in arrows)
    links = [Link(source, target, (0.0, 0.0)) for source, target in ends]
    # The layout leads downward, so it gets the boxes lying on their sides.
    found = place([(RULE, _width(name)) for name in names.values()], links)
    parts = [_arrow([(y, x) for x, y in route.points]) for route in found.routes]
    for (y, x), name in zip(found.boxes, names.values(), strict=True):
        middle = f'x="{x + _width(name) / 2:g}" y="{y + RULE / 2 + 4:g}"'
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{_width(name):g}" height="{RULE:g}" rx="5"/>'
        )
        parts.append(f"<text {middle}>{name}</text>")
    width, height = found.height + 2 * MARGIN, found.width + 2 * MARGIN
    start = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
    box = f"{-MARGIN:g} {-MARGIN:g} {width:g} {height:g}"
    return f'{start} viewBox="{box}"><style>{STYLE}</style>{TIP}{"".join(parts)}</svg>\n'


def _needed(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without arrows that a longer way along others replaces; there are no cycles."""

    def leads(source: str, target: str) -> bool:
        return any(
            there == target or leads(there, target) for here, there in arrows if here == source
        )

    return {
        (source, target)
        for source, target in arrows
        if not any(leads(there, target) for here, there in arrows if here == source)
    }


def _width(name: str) -> float:
    return 8.0 * len(name) + 20


def _arrow(points: Sequence[Point]) -> str:
    (x, y), *rest = points
    curve = " ".join(f"{x:g} {y:g}" for x, y in rest)
    return f'<path class="arrow" d="M{x:g} {y:g}C{curve}"/>'


if __name__ == "__main__":
    main()
