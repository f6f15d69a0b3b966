"""Which nodes fit another opset, by the schemas and the notes on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.pairs import Side, unary
from builders.stage_files import graph
from opset_atlas.causes import _fit as fit
from opset_atlas.operators import definitions
from opset_atlas.operators.notes import all_notes
from opset_atlas.records import Node

INPUTS = "float[4] x, int64[2] i, float[2] u"
SCATTER = f"g ({INPUTS}) => (float[4] y) {{{{ y = ScatterElements{{}}(x, i, u) }}}}"
ADD = SCATTER.format('<reduction = "add">')
INTEGERS = "g (int64[4] x) => (int64[4] y) { y = Clip(x) }"


def last(side: Side, folder: Path) -> Node:
    return graph(side.model(), folder)["graph"]["nodes"][-1]


@pytest.mark.parametrize(
    ("side", "opset", "words"),
    [
        (unary("y = Relu(x)", 13), 9, ""),
        (unary("y = HardSwish(x)", 14), 13, "HardSwish is new in opset 14"),
        (unary("y = HardSwish(x)", 14), 22, ""),
        (unary("y = Softmax<axis = 1>(x)", 13), 12, "Softmax-13 is not Softmax-11: "),
        (unary("y = Softmax<axis = -1>(x)", 13), 12, ""),
        (unary("y = Softmax<axis = 1>(x)", 13, "2, 3, 1"), 12, ""),
        (Side(INTEGERS, 12), 11, "Clip-11 does not take int64 (as `input`)"),
        (unary("y = Mod<fmod = 1>(x, x)", 11), 10, ""),
        (Side(ADD, 16), 13, "ScatterElements-13 has no `reduction`"),
        (Side(SCATTER.format('<reduction = "none">'), 16), 13, ""),
        (Side(SCATTER.format('<reduction = "max">'), 18), 16, "adds the reductions max and min"),
        (Side(SCATTER.format("").replace("Elements", ""), 9), 11, "Scatter is deprecated since"),
        (unary("y = Squeeze<axes = [-2]>(x)", 11, "2, 1, 3", "2, 3"), 10, "Axes may be negative"),
        (unary("y = Squeeze<axes = [1]>(x)", 11, "2, 1, 3", "2, 3"), 10, ""),
        (unary("a = Shape(x) y = Squeeze(x, a)", 13), 12, "it is computed here"),
        (unary("y = Cast<to = 1>(x)", 13), 9, ""),
        (Side("g (float[2] x) => (float16[2] y) { y = Cast<to = 10>(x) }", 13), 9, "out-of-range"),
        (
            unary("c = Constant<value = bool {1}>() y = If (c) <"
                  " then_branch = t () => (float[2, 3, 4] p) { p = HardSwish(x) },"
                  " else_branch = e () => (float[2, 3, 4] q) { q = Abs(x) }>", 14),
            13, "HardSwish is new in opset 14",
        ),
    ],
)  # fmt: skip
def test_obstacles(side: Side, opset: int, words: str, tmp_path: Path) -> None:
    node = last(side, tmp_path)
    assert fit.known(node)
    found = [each.words for each in fit.obstacles(node, opset)]
    assert any(words in each for each in found) if words else not found, found


def test_nothing_is_known_of_an_operator_without_a_schema(tmp_path: Path) -> None:
    side = Side("g (float[2] x) => (float[2] y) { y = my.F(x) }", 13, extra=', "my": 1')
    node = last(side, tmp_path)
    assert not fit.known(node) and not list(fit.obstacles(node, 9))


def test_every_case_of_a_note_is_defined_and_used() -> None:
    assert {note.case for note in all_notes()} - {""} == fit._CASES.keys()


@pytest.mark.parametrize("note", [n for n in all_notes() if n.when or n.instead], ids=str)
def test_what_a_note_names_exists(note: definitions.Note) -> None:
    names = {
        name
        for since in (note.old, note.new)
        if since is not None
        for name in (
            *definitions.attributes(note.op, since),
            *(p.name for p in definitions.inputs(note.op, since)),
        )
    }
    operators = set(definitions.operators())
    assert note.when.keys() <= names and set(note.instead) <= names | operators
