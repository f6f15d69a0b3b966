"""Two graphs as one scene: what is in both occurs once, and what one lacks leaves a gap there."""

from __future__ import annotations

from dataclasses import dataclass, field

from opset_atlas.differences.align import Alignment, align
from opset_atlas.drawing.scene import Scene, add
from opset_atlas.records import Graph, Node


def scene(left: Graph, right: Graph) -> Scene:
    """The scene of two graphs; the same graph given twice has no differences."""
    found, names = Scene(), _Names(align(left, right))
    add(found, "left", left, names.of_left)
    add(found, "right", right, names.of_right)
    return found


@dataclass
class _Names:
    """Keys of boxes: matched nodes share one, and so do Identities and Constants in one place.

    `passing`: boxes of nodes that the alignment leaves out, by operator and the box that they read.
    """

    alignment: Alignment
    passing: dict[tuple[str, str | None], list[str]] = field(default_factory=dict)

    def of_left(self, node: Node, source: str | None) -> str:
        """The key of a node of the left graph, which is named first."""
        index = node["index"]
        if index in self.alignment.forward:
            return f"n{index}_{self.alignment.forward[index]}"
        if index not in self.alignment.left.nodes:
            self.passing.setdefault((node["op"], source), []).append(f"n{index}_")
        return f"n{index}_"

    def of_right(self, node: Node, source: str | None) -> str:
        """The key of a node of the right graph."""
        index = node["index"]
        if index in self.alignment.backward:
            return f"n{self.alignment.backward[index]}_{index}"
        waiting = self.passing.get((node["op"], source), [])
        if waiting and index not in self.alignment.right.nodes:
            return waiting.pop(0)
        return f"n_{index}"
