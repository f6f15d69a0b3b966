"""Vertices in layers: boxes in the even ones, labels in the odd ones, and what long edges cross.

A label is right above the box that its edge leads down to; above it a long edge has a vertex per
layer. Where that would be too many, the long edges of a box share theirs for as long as they run
together, and there are for each box no more than the ranks that its longest edge crosses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from opset_atlas.drawing.layered.ranks import Edge

MOST_VERTICES = 2_000  # of edges, if they share none


@dataclass
class Layers:
    """Vertices; boxes come first. `up` and `down` are neighbors in the layer above and below.

    `paths` are the vertices of each edge from its upper box to its lower one; `labels` is the
    vertex of each edge's label. `layers` are in the order in which they are drawn.
    """

    boxes: int
    widths: list[float]
    layer: list[int]
    up: list[list[int]] = field(default_factory=list)
    down: list[list[int]] = field(default_factory=list)
    layers: list[list[int]] = field(default_factory=list)
    paths: list[list[int]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def is_box(self, vertex: int) -> bool:
        """Whether a vertex is a box, and no label or part of an edge."""
        return vertex < self.boxes

    def is_label(self, vertex: int) -> bool:
        """Whether a vertex of an odd layer is a label, and not a part of a long edge."""
        return self.is_box(self.down[vertex][0])

    def add(self, layer: int, width: float) -> int:
        """A new vertex without neighbors."""
        self.widths.append(width)
        self.layer.append(layer)
        self.up.append([])
        self.down.append([])
        return len(self.widths) - 1

    def join(self, above: int, below: int) -> None:
        """Make two vertices neighbors, once."""
        if below not in self.down[above]:
            self.down[above].append(below)
            self.up[below].append(above)


def layers(
    ranks: Sequence[int], widths: Sequence[float], edges: Sequence[Edge], labels: Sequence[float]
) -> Layers:
    """The vertices of a graph.

    Args:
        widths: of the boxes. labels: the widths of the edges' labels.
    """
    made = Layers(len(ranks), list(widths), [2 * rank for rank in ranks])
    made.up, made.down = [[] for _ in ranks], [[] for _ in ranks]
    spans = [abs(ranks[source] - ranks[target]) for source, target in edges]
    sharing = 2 * sum(spans) > MOST_VERTICES
    trunks: dict[int, list[int]] = {}
    for (source, target), width in zip(edges, labels, strict=True):
        top, end = (source, target) if ranks[source] < ranks[target] else (target, source)
        trunk = trunks.setdefault(top, [top]) if sharing else [top]
        last = made.layer[end] - 2
        while made.layer[trunk[-1]] < last:
            trunk.append(made.add(made.layer[trunk[-1]] + 1, 0.0))
            made.join(*trunk[-2:])
        label = made.add(last + 1, width)
        path = trunk[: last - made.layer[top] + 1]
        made.join(path[-1], label)
        made.join(label, end)
        made.paths.append([*path, label, end])
        made.labels.append(label)
    count = 1 + max(made.layer)
    made.layers = [[] for _ in range(count)]
    for vertex, layer in enumerate(made.layer):
        made.layers[layer].append(vertex)
    return made
