"""Both graphs of a pair in one layout: a box or a gap for each node, folded or not, and drawn."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from builders.stage_files import graph, parse
from opset_atlas.records import Graph
from opset_atlas.stages.report import files as report_files
from opset_atlas.stages.report.canvas import Canvas, File, Pair
from opset_atlas.stages.report.data import Records
from opset_atlas.stages.report.drawing import fold as folding
from opset_atlas.stages.report.drawing import layout
from opset_atlas.stages.report.drawing.draw import draw
from opset_atlas.stages.report.drawing.fold import fold
from opset_atlas.stages.report.drawing.layout import Plan, Planner
from opset_atlas.stages.report.drawing.scene import Box, Card, Line, Scene, scene

needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")


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


def test_a_scene_that_can_be_read_stays_as_it_is() -> None:
    whole = scene(deep(20), deep(20))
    found = fold(whole, [])
    assert found.scene is whole and not found.hidden


@needs_dot
def test_equal_scenes_are_placed_once_and_many_by_one_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []
    run = subprocess.run

    def counted(*arguments: object, **options: object) -> object:
        started.append(arguments)
        return run(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(layout.subprocess, "run", counted)
    planner = Planner()
    scenes = [scene(deep(n), deep(n)) for n in (3, 4, 5, 3)]
    planner.prepare(scenes)
    plans = [planner.plan(each) for each in scenes]
    assert len(started) == 1
    assert plans[0] == plans[3] != plans[1]
    x, y, width, height = plans[0].boxes[1]
    assert x >= 0 and x + width <= plans[0].width
    assert y >= 0 and y + height <= plans[0].height


def test_without_graphviz_there_is_a_notice_and_the_page_stays_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout.shutil, "which", lambda _: None)
    file = File("a", 13, {"version": 1, "graph": deep(3), "functions": []})
    sides = Canvas(Pair("", "", "", file, file, [])).draw(Planner())
    assert [side.notice for side in sides] == ["graphviz is not installed"] * 2
    assert not any(side.picture for side in sides)


@needs_dot
def test_a_scene_that_graphviz_refuses_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = scene(deep(2), deep(2)), scene(deep(3), deep(3))
    source = layout._source
    monkeypatch.setattr(
        layout, "_source", lambda s: "digraph {" if len(s.boxes) == 5 else source(s)
    )
    planner = Planner()
    planner.prepare([good, bad])
    assert not planner.plan(good).notice
    assert planner.plan(bad).notice.startswith("graphviz failed")


@needs_dot
@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "\"'><a href='javascript:1'>", "a\u202eb\x00", "x" * 10**6],
)
def test_a_hostile_name_is_text(name: str) -> None:
    one = deep(2)
    one["inputs"][0]["name"] = one["nodes"][0]["inputs"][0]["name"] = name
    one["nodes"][0] |= {"op": name, "domain": name, "scope": name}
    found = scene(one, one)
    plan = Planner().plan(found)
    svg = draw(found, plan, "left", name, "left", {"n0_0": [1]})
    parsed = ET.fromstring(svg)
    assert {element.tag for element in parsed.iter()} <= {
        "svg",
        "g",
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


def test_a_large_file_stays_where_it_is() -> None:
    assert report_files.carried(report_files.LARGEST)
    assert not report_files.carried(report_files.LARGEST + 1)
    assert not report_files.carried(None)


def test_a_plan_that_ends_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="ends early"):
        layout._plan(iter(["graph 1 1 1", "node b0 .5 .5 1 1"]))
    assert layout._plan(iter(["graph 1 1 1", "stop"])) == Plan(72.0, 72.0)


def _newer(node: dict) -> dict:  # type: ignore[type-arg]
    return {**node, "since": 14}


def _groups(found: Scene) -> set[str]:
    return {key for key, box in found.boxes.items() if box.kind == "group"}
