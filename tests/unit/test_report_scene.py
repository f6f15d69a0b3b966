"""Both graphs of a pair in one layout: a box or a gap for each node, folded or not, and drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from builders.stage_files import graph, parse
from opset_atlas.drawing import fold as folding
from opset_atlas.drawing import plan as plans
from opset_atlas.drawing.draw import SIGNS, curve, draw, what_happened
from opset_atlas.drawing.fold import fold
from opset_atlas.drawing.layered.place import Layout, Link, Size, place
from opset_atlas.drawing.pairs import scene
from opset_atlas.drawing.plan import plan
from opset_atlas.drawing.scene import Box, Card, Line, Scene, alone
from opset_atlas.records import Graph
from opset_atlas.stages.report import files as report_files
from opset_atlas.stages.report.canvas import Canvas, File, Pair
from opset_atlas.stages.report.data import Records


def read(folder: Path, body: str, opset: int = 13) -> Graph:
    """The graph of a model from x to y whose nodes are `body`."""
    text = f"g (float[2] x) => (float[2] y) {{ {body} }}"
    return graph(parse(text, opset), folder)["graph"]


def deep(count: int, odd: int = -1) -> Graph:
    """A chain in modules of ten; the node `odd` is another operator."""
    port = {"parameter": "X", "given": "value", "dtype": "float", "shape": [1]}
    nodes = [
        {
            "index": i,
            "name": f"n{i}",
            "op": "Tanh" if i == odd else "Relu",
            "domain": "",
            "since": 13,
            "scope": f"stage{i // 100}.block{i // 10}",
            "inputs": [{**port, "name": f"v{i}", "given": "value" if i else "input"}],
            "outputs": [{**port, "parameter": "Y", "name": f"v{i + 1}"}],
            "attributes": [],
            "subgraphs": {},
        }
        for i in range(count)
    ]
    ends = {"inputs": [{**port, "name": "v0"}], "outputs": [{**port, "name": f"v{count}"}]}
    return {"name": "deep", **ends, "nodes": nodes}  # type: ignore[typeddict-item]


def test_lines_of_one_name_stand_beside_each_other() -> None:
    left = Card("A-1", "", (Line("a", "1"), Line("b", "2"), Line("d", "3")))
    right = Card("A-2", "", (Line("a", "1"), Line("c", "2"), Line("d", "4")))
    rows = [[line and line.name for line in row] for row in Box("k", "node", left, right).rows]
    assert rows == [["a", "a"], ["b", None], [None, "c"], ["d", "d"]]
    assert Box("k", "node", left, right).differs
    assert not Box("k", "node", left, left).differs
    assert Box("k", "node", left, None).alone


def test_what_both_sides_have_is_one_box_and_the_rest_a_gap(tmp_path: Path) -> None:
    left = read(tmp_path, "a = Relu(x) b = Sigmoid(a) y = Mul(a, b)")
    right = read(tmp_path, "a = Relu(x) y = HardSwish(a)", 14)
    found = scene(left, right)
    titles = {
        key: (box.left and box.left.title, box.right and box.right.title)
        for key, box in found.boxes.items()
    }
    assert titles["n0_0"] == ("Relu-13", "Relu-14")
    assert ("Sigmoid-13", None) in titles.values()
    assert (None, "HardSwish-14") in titles.values()
    assert titles["in0"] == ("x", "x") and titles["out0"] == ("y", "y")
    into = {link.parameter: link for link in found.links.values() if link.source == "n0_0"}
    assert (into["A"].left, into["A"].right) == ("float[2]", None)


def test_a_graph_with_itself_has_no_difference(tmp_path: Path) -> None:
    one = read(tmp_path, "i = Identity(x) c = Constant<value = float {2.0}>() y = Mul(i, c)")
    found = scene(one, one)
    assert not any(box.differs for box in found.boxes.values())
    assert all(link.left == link.right for link in found.links.values())
    mul = next(box for box in found.boxes.values() if box.left and box.left.title == "Mul-13")
    assert mul.left and mul.left.lines == (Line("B", "constant 2.0"),)
    assert len(found.boxes) == 4  # input, Identity, Mul, output


def test_a_graph_alone_has_the_boxes_and_links_of_one_with_itself(tmp_path: Path) -> None:
    one = read(tmp_path, "i = Identity(x) j = Identity(x) y = Mul(i, j)")
    lone, twice = alone(one), scene(one, one)
    assert [(b.left, b.right) for b in lone.boxes.values()] == [
        (b.left, b.right) for b in twice.boxes.values()
    ]
    assert [link.left for link in lone.links.values()] == [
        link.right for link in twice.links.values()
    ]


def test_what_a_subgraph_reads_from_outside_is_a_link(tmp_path: Path) -> None:
    branch = "{}_branch = {} () => (float[2] r) {{ r = {}(x) }}"
    then, other = branch.format("then", "t", "Relu"), branch.format("else", "e", "Tanh")
    body = f"c = Constant<value = bool {{1}}>() y = If(c) <{then}, {other}>"
    found = scene(*[read(tmp_path, body)] * 2)
    inside = [link for link in found.links.values() if link.parameter == "inside"]
    assert [(link.source, link.left) for link in inside] == [("in0", "float[2]")]
    box = next(box for box in found.boxes.values() if box.left and box.left.title.startswith("If"))
    assert box.left and Line("then_branch", "1 node inside") in box.left.lines


def test_a_large_scene_is_folded_by_module_around_what_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "MOST_BOXES", 40)
    whole = scene(deep(400), deep(400, odd=205))
    found = fold(whole, [])
    assert len(found.scene.boxes) <= 40
    assert found.hidden + len(set(found.into.values()) - _groups(found.scene)) == len(whole.boxes)
    kept = [box for box in found.scene.boxes.values() if box.kind == "node"]
    assert any(box.right and box.right.title == "Tanh-13" and box.alone for box in kept)
    groups = [box for box in found.scene.boxes.values() if box.kind == "group"]
    assert len(groups) == found.groups
    shown = {box.left.scope: box.left for box in groups if box.left}
    assert shown["stage0"].lines == (Line("Relu-13", "×100"),)  # far away: coarse
    assert shown["stage2.block21"].title == "10 nodes"  # beside the change: fine


def test_groups_say_how_much_in_them_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MOST_BOXES", 30)
    whole = scene(deep(200), {**deep(200), "nodes": [_newer(node) for node in deep(200)["nodes"]]})
    found = fold(whole, [])
    told = [
        (box.left.title, line.text)
        for box in found.scene.boxes.values()
        if box.kind == "group" and box.left
        for line in box.left.lines
        if line.name == "differ"
    ]
    assert told and all(title.split()[0] == text.split()[0] for title, text in told)


def test_no_group_has_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MOST_BOXES", 30)
    one = deep(60)
    for node in one["nodes"][::2]:
        node["scope"] = f"lone{node['index']}"
    found = fold(
        scene(one, {**one, "nodes": [*one["nodes"][:40], *deep(60, odd=40)["nodes"][40:]]}), []
    )
    members = Counter(found.into.values())
    assert found.groups and all(members[name] > 1 for name in _groups(found.scene))


def test_what_happened_to_a_box_has_a_sign_of_its_own() -> None:
    card = Card("A-1")
    both, left, right = Box("k", "node", card, card), Box("k", "node", card), Box("k", "node")
    right.right = card
    assert [what_happened(box, (), frozenset()) for box in (both, left, right)] == [
        "", "removed", "added",
    ]  # fmt: skip
    assert what_happened(both, (1, 2), {1, 2}) == "encoding"
    assert what_happened(both, (1, 2), {2}) == "meaning"
    assert len(set(SIGNS.values())) == 4


def test_a_scene_that_can_be_read_stays_as_it_is() -> None:
    whole = scene(deep(20), deep(20))
    found = fold(whole, [])
    assert found.scene is whole and not found.hidden


def test_equal_sizes_are_placed_once_and_both_sides_share_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans._placed.cache_clear()
    asked: list[int] = []

    def counted(sizes: Sequence[Size], links: Sequence[Link]) -> Layout:
        asked.append(len(sizes))
        return place(sizes, links)

    monkeypatch.setattr(plans, "place", counted)
    made = [plan(scene(deep(n), deep(n))) for n in (3, 4, 5, 3)]
    assert asked == [5, 6, 7]
    assert made[0] == made[3] != made[1]
    file = File("a", 13, {"version": 1, "graph": deep(3), "functions": []})
    other = File("b", 13, {"version": 1, "graph": deep(3, odd=1), "functions": []})
    left, right = (side.picture for side in Canvas(Pair("", "", "", file, other, [])).draw())
    used = {each.attrib["href"] for each in ET.fromstring(right).iter("use")}
    assert {place for place in places_of(left) if f"#left-{place[0]}" not in used} == {
        place for place in places_of(left) if place[0].startswith("n1_")
    }


def places_of(svg: str) -> set[tuple[str, str]]:
    """The boxes of a picture, by their keys, and where they are."""
    found = ET.fromstring(svg).iter("g")
    boxes = [each for each in found if each.get("class", "").startswith("box")]
    return {(box.attrib["id"].partition("-")[2], box.attrib["transform"]) for box in boxes}


def test_what_is_equal_on_both_sides_is_drawn_once() -> None:
    file = File("a", 13, {"version": 1, "graph": deep(6), "functions": []})
    other = File("b", 13, {"version": 1, "graph": deep(6, odd=3), "functions": []})
    left, right = (side.picture for side in Canvas(Pair("", "", "", file, other, [])).draw())
    used = {each.attrib["href"] for each in ET.fromstring(right).iter("use")}
    defined = {each.attrib["id"] for each in ET.fromstring(left).iter("g") if "id" in each.attrib}
    assert "#left-links" in used and {name.removeprefix("#") for name in used} <= defined
    drawn = {box for box, _ in places_of(right)}
    assert "n2_2" not in drawn and "#left-n2_2" in used
    assert any("Tanh" in "".join(each.itertext()) for each in ET.fromstring(right).iter("g"))
    assert len(right) < len(left) / 2


@pytest.mark.parametrize(
    ("points", "path"),
    [
        ([(3, 1), (3, 2), (3, 3), (3, 4.25)], "M3 1V4.2"),
        ([(0, 0), (1, 0), (1, 0.5), (2, -1.5)], "M0 0c1 0 1 .5 2-1.5"),
        (
            [(10, 10), (9.5, 11), (9, 12), (8, 13), (8, 14), (8, 15), (7.06, 16)],
            "M10 10c-.5 1-1 2-2 3 0 1 0 2-.9 3",
        ),
    ],
)
def test_a_curve_is_written_short_and_ends_where_it_should(
    points: list[tuple[float, float]], path: str
) -> None:
    assert curve(points) == path


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "\"'><a href='javascript:1'>", "a\u202eb\x00", "x" * 10**6],
)
def test_a_hostile_name_is_text(name: str) -> None:
    one = deep(2)
    one["inputs"][0]["name"] = one["nodes"][0]["inputs"][0]["name"] = name
    one["nodes"][0] |= {"op": name, "domain": name, "scope": name}
    found = scene(one, one)
    svg = draw(found, plan(found), "left", name, "left", {"n0_0": [1]})
    parsed = ET.fromstring(svg)
    assert {element.tag for element in parsed.iter()} <= {
        "svg",
        "g",
        "marker",
        "rect",
        "path",
        "circle",
        "text",
    }
    assert len(svg) < 10_000
    assert all(text.isprintable() for text in parsed.itertext())


def test_records_are_read_when_asked_for_and_few_are_held() -> None:
    read_ = []

    def one(key: int) -> int:
        read_.append(key)
        return 2 * key

    records = Records(range(5), one, held=2)
    assert (len(records), list(records), read_) == (5, [0, 1, 2, 3, 4], [])
    assert [records[key] for key in (1, 1, 2, 3, 1)] == [2, 2, 4, 6, 2]
    assert read_ == [1, 2, 3, 1]
    with pytest.raises(KeyError):
        records[5]


def test_a_large_file_stays_where_it_is_unless_it_is_recommended() -> None:
    assert report_files.carried(report_files.PLAIN)
    assert not report_files.carried(report_files.PLAIN + 1)
    assert report_files.carried(report_files.PLAIN + 1, recommended=True)
    assert not report_files.carried(report_files.RECOMMENDED + 1, recommended=True)
    assert not report_files.carried(None)


def _newer(node: dict) -> dict:  # type: ignore[type-arg]
    return {**node, "since": 14}


def _groups(found: Scene) -> set[str]:
    return {key for key, box in found.boxes.items() if box.kind == "group"}
