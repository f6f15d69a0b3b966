"""A graph as an SVG file of its own, with the styles in it."""

from __future__ import annotations

from opset_atlas.drawing.draw import draw
from opset_atlas.drawing.plan import plan
from opset_atlas.drawing.scene import alone
from opset_atlas.records import GraphFile

MOST_NODES = 300  # a larger picture is unreadable

# Plain colors, since not every viewer of SVG knows variables and queries of CSS.
STYLE = """
svg { background: #fff; }
text { font: 11px/1 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328;
  white-space: pre; }
.card { fill: #fff; stroke: #8c959f; rx: 4px; }
.head { fill: #dbe7f5; }
.port .card { fill: #f6f8fa; stroke: #d1d9e0; }
.title { font-weight: 700; font-size: 12px; }
.scope, .link text { font-size: 10px; fill: #59636e; }
.scope, .omitted { font-style: italic; }
.name, .omitted { fill: #59636e; }
.link text { text-anchor: middle; paint-order: stroke; stroke: #fff; stroke-width: 6px;
  stroke-linejoin: round; }
.link path { fill: none; stroke: #8c959f; }
.tip { fill: #8c959f; }
"""


def picture(file: GraphFile) -> tuple[str, str]:
    """The SVG of a file's main graph, or "" and the reason why there is none."""
    count = len(file["graph"]["nodes"])
    if count > MOST_NODES:
        return "", f"{count} nodes are too many to read in one picture; see the text form"
    scene = alone(file["graph"])
    svg = draw(scene, plan(scene), "left", f"{count} nodes", "graph", {})
    start, rest = svg.split(">", 1)
    return f'{start} xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>{rest}\n', ""
