"""Two files compared, as one page: `opset-atlas diff A.onnx B.onnx --html page.html`."""

from __future__ import annotations

from typing import Any

from opset_atlas.records import Change
from opset_atlas.stages.report.canvas import Canvas, File, Pair
from opset_atlas.stages.report.rendering import environment, render

__all__ = ["File", "page"]


class NoPages:
    """Replaces a report's catalog of operator pages, which two files do not have."""

    def link(self, row: Any) -> str:
        """There is no page for any operator."""
        return ""


def page(left: File, right: File, changes: list[Change]) -> str:
    """The HTML of the page, which is self-contained and loads nothing."""
    pair = Pair("", f"{left.name} and {right.name}", "", left, right, changes)
    context = Canvas(pair).context(texts=True) | {
        "spec": {"title": "opset-atlas"},
        "opsets": [],
        "operators": NoPages(),
        "operators_at": "",
    }
    return render(environment(), "pair", context)
