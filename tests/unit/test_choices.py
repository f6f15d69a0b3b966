"""Differences between exporters as one row per way of writing, over all models."""

from __future__ import annotations

from typing import Any

from opset_atlas.findings import choices


def contrast(model: str, left: str, right: str, before: str, after: str, **more: Any) -> dict:
    row = {
        "model": model,
        "left": left,
        "right": right,
        "opsets": "13–14, 16",
        "kind": "encoding",
        "op_type": "Mul",
        "parameter": "B",
        "before": before,
        "after": after,
        "neutral": True,
        "numeric": False,
        "cause": "exporter",
        "explanation": f"{left} writes {before}.",
        "url": "",
        "nodes": 1,
    }
    return {**row, **more}


def test_a_way_of_writing_is_one_row_whatever_the_value_operator_and_side() -> None:
    two, three = "constant float[] 2.0", "initializer int64[1] [3]"
    (row,) = choices.rows(
        [
            contrast("a", "torchscript", "dynamo", two, "initializer float[] 2.0"),
            contrast("b", "torchscript", "dynamo", two, "initializer float[] 2.0"),
            contrast("b", "dynamo", "converter", three, "constant int64[1] [3]", op_type="Div"),
        ]
    )
    assert (row["one"], row["other"]) == ("a Constant node", "an initializer")
    assert row["operators"] == "B of Mul, B of Div"
    assert row["writers"] == "torchscript against dynamo: 2; converter against dynamo: 1"
    assert (row["differences"], row["models"], row["example"], row["opset"]) == (3, 2, "a", 13)
    assert row["explanation"] == "torchscript writes constant float[] 2.0."


def test_what_can_matter_is_told_by_operator_and_comes_first() -> None:
    matters = {"kind": "attribute", "parameter": "allowzero", "neutral": False, "numeric": True}
    rows = choices.rows(
        [
            contrast("a", "x", "y", "0 (written)", "0 (left to the default)"),
            contrast("b", "x", "y", "0 (written)", "0 (left to the default)"),
            contrast("a", "x", "y", "0", "1", op_type="Reshape", **matters),
            contrast("b", "x", "y", "0", "1", op_type="Other", **matters),
            contrast("c", "x", "y", "1", "0", op_type="Other", **matters),
            contrast("c", "x", "y", "2", "0", op_type="Last", cause="unexplained", **matters),
        ]
    )
    assert [row["operators"] for row in rows] == [
        "allowzero of Last",
        "allowzero of Other",
        "allowzero of Reshape",
        "B of Mul",
    ]
    assert (rows[-1]["one"], rows[-1]["other"]) == ("left to the default", "written")
    assert [row["neutral"] for row in rows] == [False, False, False, True]


def test_very_many_operators_are_counted() -> None:
    given = [
        contrast("a", "x", "y", "constant float[] 1.0", "initializer float[] 1.0", op_type=f"O{n}")
        for n in range(10)
    ]
    (row,) = choices.rows(given)
    assert row["operators"] == ", ".join(f"B of O{n}" for n in range(6)) + " and 4 more"


def test_sizes_that_a_file_fixes_or_leaves_open_are_one_row() -> None:
    given = {"kind": "declaration", "op_type": "", "neutral": False}
    (row,) = choices.rows(
        [
            contrast("a", "x", "y", "axis 0 is 1", "axis 0 is n", parameter="output", **given),
            contrast("b", "y", "x", "axis 2 is Pad_dim_2", "axis 2 is 9", parameter="z", **given),
        ]
    )
    assert (row["one"], row["other"]) == ("a fixed size", "an open size")
    assert row["operators"] == "output, z" and row["writers"] == "x against y: 2"


def test_what_is_computed_from_constants_is_told_without_its_values() -> None:
    folded = "int64[2] [0, 1] (computed from constants by Concat)"
    (row,) = choices.rows([contrast("a", "x", "y", "initializer int64[2] [0, 1]", folded)])
    assert (row["one"], row["other"]) == ("an initializer", "computed from constants")
