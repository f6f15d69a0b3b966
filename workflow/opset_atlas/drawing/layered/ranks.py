"""A rank for every box, such that edges lead downward and are short in total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Edge = tuple[int, int]

MOST_PIVOTS = 10  # per box; the method needs about one, and could go around in circles without end


def ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """The ranks of boxes 0 to `count - 1` from 0, of a connected graph.

    An edge leads at least one rank down, except the few that are reversed to break cycles.
    """
    downward = Counter(_acyclic(count, edges))
    found = _Simplex(count, dict(downward)).solve()
    top = min(found, default=0)
    return [rank - top for rank in found]


def _acyclic(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """The edges, with those reversed that close a cycle in a depth-first search."""
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        after[source].append(target)
    started, finished = [False] * count, [0] * count
    clock = 0
    for root in range(count):
        if started[root]:
            continue
        started[root] = True
        stack = [(root, iter(after[root]))]
        while stack:
            box, rest = stack[-1]
            for target in rest:
                if not started[target]:
                    started[target] = True
                    stack.append((target, iter(after[target])))
                    break
            else:
                stack.pop()
                finished[box] = clock = clock + 1
    # In an acyclic graph a box is finished after all that it leads to.
    return [(s, t) if finished[s] > finished[t] else (t, s) for s, t in edges if s != t]


class _Simplex:
    """Ranks of least total edge length: a spanning tree of tight edges, improved edge by edge."""

    def __init__(self, count: int, weights: dict[Edge, int]) -> None:
        self.count = count
        self.edges = list(weights)
        self.rank = [0] * count
        self.touching: list[list[int]] = [[] for _ in range(count)]  # numbers of edges
        self.surplus = [0] * count  # weight that leaves a box, less what enters it
        for number, (source, target) in enumerate(self.edges):
            self.touching[source].append(number)
            self.touching[target].append(number)
            self.surplus[source] += weights[source, target]
            self.surplus[target] -= weights[source, target]
        self.tree: set[int] = set()
        self.parent = [-1] * count  # the number of the tree's edge toward the root
        self.walk: list[int] = []  # boxes from the root outward

    def solve(self) -> list[int]:
        self._longest_paths()
        self._tight_tree()
        for _ in range(MOST_PIVOTS * self.count):
            if not self._pivot():
                break
        return self.rank

    def _slack(self, number: int) -> int:
        source, target = self.edges[number]
        return self.rank[target] - self.rank[source] - 1

    def _other(self, number: int, box: int) -> int:
        source, target = self.edges[number]
        return target if box == source else source

    def _longest_paths(self) -> None:
        missing = [0] * self.count
        for _, target in self.edges:
            missing[target] += 1
        ready = [box for box in range(self.count) if not missing[box]]
        for box in ready:  # grows while it is read
            for number in self.touching[box]:
                source, target = self.edges[number]
                if source == box:
                    self.rank[target] = max(self.rank[target], self.rank[box] + 1)
                    missing[target] -= 1
                    if not missing[target]:
                        ready.append(target)

    def _tight_tree(self) -> None:
        """Grow a tree of tight edges from box 0, moving it toward the rest where it ends."""
        inside = [False] * self.count
        inside[0] = True
        members = [0]
        while True:
            for box in members:  # grows while it is read
                for number in self.touching[box]:
                    other = self._other(number, box)
                    if not inside[other] and self._slack(number) == 0:
                        inside[other] = True
                        self.tree.add(number)
                        members.append(other)
            leaving = [
                (self._slack(number), number)
                for number, (source, target) in enumerate(self.edges)
                if inside[source] != inside[target]
            ]
            if not leaving:
                break
            slack, number = min(leaving)
            step = slack if inside[self.edges[number][0]] else -slack
            for box in members:
                self.rank[box] += step
        self._hang()

    def _hang(self) -> None:
        """Find every box's edge toward the root."""
        self.parent = [-1] * self.count
        self.walk = [0]
        for box in self.walk:  # grows while it is read
            for number in self.touching[box]:
                if number in self.tree and number != self.parent[box]:
                    other = self._other(number, box)
                    self.parent[other] = number
                    self.walk.append(other)

    def _pivot(self) -> bool:
        """Exchange an edge of the tree whose cut value is negative; False if there is none.

        The cut value of the edge above a subtree is the weight that leaves the subtree less what
        enters it, negated if the edge enters it.
        """
        total = self.surplus.copy()
        worst, cut = -1, 0
        for box in reversed(self.walk[1:]):
            source, target = self.edges[self.parent[box]]
            value = total[box] if source == box else -total[box]
            total[target if source == box else source] += total[box]
            if value < cut:
                worst, cut = box, value
        if worst < 0:
            return False
        inside = self._below(worst)
        upward = self.edges[self.parent[worst]][1] == worst  # the subtree hangs below its edge
        entering = [
            (self._slack(number), number)
            for number, (source, target) in enumerate(self.edges)
            if inside[source] == upward and inside[target] != upward
        ]
        slack, number = min(entering)
        self.tree.remove(self.parent[worst])
        self.tree.add(number)
        step = slack if upward else -slack
        for box, moved in enumerate(inside):
            if moved:
                self.rank[box] += step
        self._hang()
        return True

    def _below(self, root: int) -> list[bool]:
        """Which boxes hang below one, itself included."""
        inside = [False] * self.count
        inside[root] = True
        for box in self.walk[1:]:
            if not inside[box]:
                inside[box] = inside[self._other(self.parent[box], box)]
        return inside
