"""What a picture shows of a graph, or of two: boxes with a card per side, and links.

A box is a node, an input or an output of either graph, or of both if they are paired. The lines of
two cards are aligned, so that a parameter has the same height in both pictures. Links are edges,
labelled with the formal parameter that they feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opset_atlas.graph.spelling import content_of, operator, type_of, visible
from opset_atlas.records import Graph, Node, Port

MOST_TITLES = 4  # of operators that a group names

Side = Literal["left", "right"]
Name = Callable[[Node, str | None], str]  # of a node and the box that it reads first
SIDES: tuple[Side, Side] = ("left", "right")
NAME, TEXT, TITLE = 30, 32, 34  # characters of a parameter's name, of what it is given, of a title


@dataclass(frozen=True)
class Line:
    """A parameter of a card and how it is given; `kind` is `omitted` or ""."""

    name: str
    text: str
    kind: str = ""


@dataclass(frozen=True)
class Card:
    """What one side shows of a box. `scope`, the module path, never counts as a difference."""

    title: str
    scope: str = ""
    lines: tuple[Line, ...] = ()


@dataclass
class Box:
    """A place in the scene; a side without a card has nothing there. `kind` sets the style."""

    key: str
    kind: Literal["node", "port", "group"]
    left: Card | None = None
    right: Card | None = None

    @property
    def rows(self) -> list[tuple[Line | None, Line | None]]:
        """The lines of both cards, equal names side by side, in schema order."""
        left, right = (list(card.lines) if card else [] for card in (self.left, self.right))
        names = [line.name for line in right]
        rows: list[tuple[Line | None, Line | None]] = []
        for line in left:
            if line.name in names:
                place = names.index(line.name)
                rows += [(None, each) for each in right[:place]]
                rows.append((line, right[place]))
                left_over = place + 1
                right, names = right[left_over:], names[left_over:]
            else:
                rows.append((line, None))
        return rows + [(None, each) for each in right]

    @property
    def alone(self) -> bool:
        """Whether only one side has a card here."""
        return self.left is None or self.right is None

    @property
    def differs(self) -> bool:
        """Whether the two sides differ, ignoring scopes."""
        if self.left is None or self.right is None:
            return True
        shown = ((card.title, card.lines) for card in (self.left, self.right))
        return self.kind != "port" and len(set(shown)) > 1


@dataclass
class Link:
    """An edge into `parameter`; `left` and `right` are its type, None if a side lacks the edge."""

    source: str
    target: str
    parameter: str
    left: str | None = None
    right: str | None = None


@dataclass
class Scene:
    """Boxes and links by key. `left` and `right` map a node's index to its box."""

    boxes: dict[str, Box] = field(default_factory=dict)
    links: dict[tuple[Hashable, ...], Link] = field(default_factory=dict)
    left: dict[int, str] = field(default_factory=dict)
    right: dict[int, str] = field(default_factory=dict)


def alone(graph: Graph) -> Scene:
    """The scene of one graph, which is on both sides."""
    found = Scene()
    for side in SIDES:
        add(found, side, graph, lambda node, _: f"n{node['index']}")
    return found


def add(scene: Scene, side: Side, graph: Graph, name: Name) -> None:
    """Add a graph as one side of a scene.

    Args:
        name: the key of a node's box, which both sides share where they have the same node.
    """
    _Adding(scene, side, graph, name).add()


@dataclass
class _Adding:
    """One graph being added to a scene; `producers` are the boxes of values."""

    scene: Scene
    side: Side
    graph: Graph
    name: Name
    producers: dict[str, str] = field(default_factory=dict)

    def add(self) -> None:
        """Add the whole graph."""
        results = {port["name"] for port in self.graph["outputs"]}
        for place, port in enumerate(self.graph["inputs"]):
            self._port(f"in{place}", port)
            self.producers[port["name"]] = f"in{place}"
        for node in self.graph["nodes"]:
            if not _is_row(node, results):
                self._node(node)
        for place, port in enumerate(self.graph["outputs"]):
            self._port(f"out{place}", port)
            self._link(port, f"out{place}", "")

    def _port(self, key: str, port: Port) -> None:
        self._box(key, "port", Card(visible(port["name"], TITLE), "", (Line("", type_of(port)),)))

    def _node(self, node: Node) -> None:
        first = self.producers.get(node["inputs"][0]["name"]) if node["inputs"] else None
        key = self.name(node, first)
        index: dict[int, str] = getattr(self.scene, self.side)
        index[node["index"]] = key
        self._box(key, "node", Card(operator(node), node["scope"], tuple(_lines(node))))
        for port in node["inputs"]:
            if port["given"] in {"value", "input"}:
                self._link(port, key, port["parameter"])
        for port in _outer(node):
            self._link(port, key, "inside")
        for port in node["outputs"]:
            self.producers[port["name"]] = key

    def _box(self, key: str, kind: Literal["node", "port"], card: Card) -> None:
        setattr(self.scene.boxes.setdefault(key, Box(key, kind)), self.side, card)

    def _link(self, port: Port, target: str, parameter: str) -> None:
        source = self.producers.get(port["name"])
        if source is None:
            return
        links, place = self.scene.links, 0
        while (key := (source, target, parameter, place)) in links and getattr(
            links[key], self.side
        ) is not None:
            place += 1
        link = links.setdefault(key, Link(source, target, parameter))
        setattr(link, self.side, type_of(port))


def _is_row(node: Node, results: set[str]) -> bool:
    """Constants are shown as lines of the nodes that read them, unless the graph returns them."""
    constant = node["op"] == "Constant" and not node["domain"]
    return constant and not any(port["name"] in results for port in node["outputs"])


def _lines(node: Node) -> Iterator[Line]:
    """Inputs that are not edges, attributes that are not defaults, and subgraphs."""
    for port in node["inputs"]:
        if port["given"] not in {"value", "input"}:
            yield _given(port)
    for attribute in node["attributes"]:
        if attribute["written"] and not attribute["default"]:
            value = attribute["value"]
            tensor = isinstance(value, dict) and "value" in value
            yield _line(attribute["name"], str(value["value"] if tensor else value))
    for name, graph in node["subgraphs"].items():
        count = len(graph["nodes"])
        yield _line(name, f"{count} node{'' if count == 1 else 's'} inside")


def _given(port: Port) -> Line:
    """How an input is given: by its content if that is short, else by its type."""
    if port["given"] == "omitted":
        return Line(visible(port["parameter"], NAME), "omitted", "omitted")
    kind = "" if port["given"] == "initializer" else port["given"]
    content = content_of(port)
    told = "value" in port and port["given"] != "empty" and len(content) <= TEXT - len(kind) - 1
    return _line(
        port["parameter"], " ".join(filter(None, [kind, content if told else type_of(port)]))
    )


def _line(name: str, text: str) -> Line:
    return Line(visible(name, NAME), visible(text, TEXT))


def _outer(node: Node) -> Iterator[Port]:
    """The values that a node's subgraphs read from the enclosing graph, each once."""
    seen: set[str] = set()
    waiting = list(node["subgraphs"].values())
    while waiting:
        for inner in waiting.pop()["nodes"]:
            waiting += inner["subgraphs"].values()
            for port in inner["inputs"]:
                if port["given"] == "outer" and port["name"] not in seen:
                    seen.add(port["name"])
                    yield port


def neighbors(whole: Scene) -> dict[str, set[str]]:
    """The boxes linked to each box."""
    found: dict[str, set[str]] = {key: set() for key in whole.boxes}
    for link in whole.links.values():
        found[link.source].add(link.target)
        found[link.target].add(link.source)
    return found


def counted(titles: Sequence[str]) -> tuple[Line, ...]:
    """Titles with their counts, the most frequent first, as lines of a card."""
    counts = Counter(titles).most_common()
    lines = [_line(title, f"×{count}") for title, count in counts[:MOST_TITLES]]
    if len(counts) > MOST_TITLES:
        rest = sum(count for _, count in counts[MOST_TITLES:])
        lines.append(_line("others", f"×{rest}"))
    return tuple(lines)
