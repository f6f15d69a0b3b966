"""Two files compared, as one page: `python -m atlas.compare A.onnx B.onnx --html page.html`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from atlas import picture
from atlas.records import Change, GraphFile
from atlas.report import environment, render
from atlas.report_changes import marks
from atlas.report_svg import inline


@dataclass(frozen=True)
class File:
    """One of the two: its name, the opset that stands in it, and its graph."""

    name: str
    opset: int
    graph: GraphFile


@dataclass(frozen=True)
class Shown:
    """A file as the template has it; `notice` says why there is no picture."""

    name: str
    opset: int
    nodes: int
    picture: Markup
    notice: str
    text: str


class NoPages:
    """Stands where a report has its pages of operators: two files have none."""

    def link(self, row: Any) -> str:
        """No page for any operator."""
        return ""


def page(left: File, right: File, changes: list[Change]) -> str:
    """The HTML of the page; it stands alone, and loads and runs nothing."""
    context = {
        "different": [change for change in changes if not change["neutral"]],
        "same": [change for change in changes if change["neutral"]],
        "sides": [_shown(left, changes, "from_node"), _shown(right, changes, "to_node")],
        "opsets": [left.opset, right.opset],
        "operators": NoPages(),
        "operators_at": "",
    }
    return render(environment(), "pair", context)


def _shown(file: File, changes: list[Change], side: str) -> Shown:
    svg, notice = picture.as_svg(file.graph)
    label = f"{file.name}, opset {file.opset}"
    drawn = inline(svg, side, label, marks(changes, side)) if svg else Markup()
    nodes = len(file.graph["graph"]["nodes"])
    return Shown(file.name, file.opset, nodes, drawn, notice, picture.as_text(file.graph))
