"""Pairs of files with known answers: those whose difference a schema explains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.numpy_helper import from_array
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import compare
from opset_atlas.records import Change

from .stage_files import graph, parse


@dataclass(frozen=True)
class Side:
    """A file: the graph in ONNX's textual syntax (`_` is an omitted input), opset, weights."""

    text: str
    opset: int
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    extra: str = ""

    def model(self) -> onnx.ModelProto:
        model = parse(self.text, self.opset, extra=self.extra)
        model.graph.initializer.extend(from_array(w, n) for n, w in self.weights.items())
        for node in model.graph.node:
            node.input[:] = ["" if name == "_" else name for name in node.input]
        return model


# kind, operator, parameter, cause, neutral
Answer = tuple[str, str, str, str, bool]


@dataclass(frozen=True)
class Pair:
    left: Side
    right: Side
    answers: tuple[Answer, ...]
    words: tuple[str, ...] = ()
    exporter: str = ""


def changes(left: Side, right: Side, folder: Path, exporter: str = "") -> list[Change]:
    made_from_file = exporter == "converter"
    situation = Situation(left.opset, right.opset, exporter, converted=made_from_file)
    return compare(graph(left.model(), folder), graph(right.model(), folder), situation)


def answers(found: list[Change]) -> set[Answer]:
    return {(c["kind"], c["op_type"], c["parameter"], c["cause"], c["neutral"]) for c in found}


def resize(opset: int, roi: str, mode: str = "align_corners", scales: str = "") -> Side:
    """Resize with `roi` as given: `empty`, `_`, or a constant."""
    names = {"empty": "roi = Constant<value = float[0] {}>()", "_": ""}
    makes = names.get(roi, f"roi = Constant<value = float[8] {roi}>()")
    return Side(
        f"""g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) {{
        {makes}
        scales = Constant<value = float[4] {scales or "{1.0, 1.0, 2.0, 2.0}"}>()
        y = Resize<mode = "linear", coordinate_transformation_mode = "{mode}">
            (x, {"_" if roi == "_" else "roi"}, scales)
        }}""",
        opset,
    )


def unary(body: str, opset: int, shape: str = "2, 3, 4", result: str = "", **more: Any) -> Side:
    """A graph from float x to float y."""
    head = f"g (float[{shape}] x) => (float[{result or shape}] y)"
    return Side(f"{head} {{ {body} }}", opset, **more)


CROP = "{0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0}"
SCALES = "sc = Constant<value = float[4] {1.0, 1.0, 2.0, 2.0}>() "
SHAPE = "s = Constant<value = int64[1] {24}>() "
CAST = "g (float[2] x) => (int64[2] y) { y = Cast<to = 7>(w) q = Relu(x) }"
W = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
LAYER_NORM = """
    axes = Constant<value = int64[1] {-1}>() m = ReduceMean<axes = [-1]>(x) d = Sub(x, m)
    two = Constant<value_float = 2.0>() e = Constant<value_float = 0.00001>()
    p = Pow(d, two) v = ReduceMean<axes = [-1]>(p) ve = Add(v, e) s = Sqrt(ve) n = Div(d, s)
    nw = Mul(n, w) y = Add(nw, b)
"""
AFFINE = {"w": np.full(4, 2, np.float32), "b": np.full(4, 3, np.float32)}
PADS = """a = Constant<value = int32[2] {{0, 0}}>() b = Constant<value = int32[2] {{{}, {}}}>()
    s = Constant<value = int64[2] {{2, 2}}>() c = Concat<axis = 0>(a, b) d = Reshape(c, s)
    t = Transpose<perm = [1, 0]>(d) f = Constant<value = int64[1] {{-1}}>() r = Reshape(t, f)
    p = Cast<to = 7>(r) y = Pad(x, p)"""
TOP = "g (float[2, 3] x) => (float[2, 3] y, int64[2, 3] i)"
POOL = "y = AveragePool<kernel_shape = [2], pads = [0, {}], count_include_pad = {}>(x)"
LINEAR = SCALES.replace("{", "{{").replace("}", "}}") + 'y = Resize<mode = "linear", {}>(x, _, sc)'
SLICE_INPUTS = """s = Constant<value = int64[1] {1}>() e = Constant<value = int64[1] {3}>()
    a = Constant<value = int64[1] {2}>() y = Slice(x, s, e, a)"""

SCHEMA_PAIRS = {
    "roi: empty, then omitted": Pair(
        resize(11, "empty"),
        resize(13, "_"),
        (("input", "Resize", "roi", "schema", True),),
        (
            "At opset 11 and 12 Resize takes `roi` because Resize-11 requires it; the file passes"
            " an empty tensor float[0].",
            "Resize-13 made it optional, so from opset 13 it is omitted.",
            "only when `coordinate_transformation_mode` is `tf_crop_and_resize`"
            " (here it is `align_corners`)",
            "nothing that is computed changes",
        ),
    ),
    "roi: a region that nobody reads, then omitted": Pair(
        resize(11, CROP),
        resize(13, "_"),
        (("input", "Resize", "roi", "schema", True),),
        ("read only when",),
    ),
    "roi: read, then omitted": Pair(
        resize(11, CROP, "tf_crop_and_resize"),
        resize(13, "_", "tf_crop_and_resize"),
        (("input", "Resize", "roi", "schema", False),),
        ("which is the case here",),
    ),
    "roi: read, and empty": Pair(
        resize(11, "empty", "tf_crop_and_resize"),
        resize(13, "_", "tf_crop_and_resize"),
        (("input", "Resize", "roi", "schema", False),),
        ("which is the case here",),
    ),
    "roi: read on one side only": Pair(
        resize(11, CROP, "tf_crop_and_resize"),
        resize(13, "_", "align_corners"),
        (
            ("input", "Resize", "roi", "schema", False),
            ("attribute", "Resize", "coordinate_transformation_mode", "unexplained", False),
        ),
    ),
    "roi: two ways under one schema": Pair(
        resize(13, "empty"),
        resize(13, "_"),
        (("input", "Resize", "roi", "schema", True),),
        ("`roi` of Resize-13 is read only when", "(here it is `align_corners`)"),
    ),
    "roi: two ways under one schema, read": Pair(
        resize(13, CROP, "tf_crop_and_resize"),
        resize(13, "_", "tf_crop_and_resize"),
        (("input", "Resize", "roi", "unexplained", False),),
    ),
    "other scales": Pair(
        resize(11, "empty"),
        resize(13, "_", scales="{1.0, 1.0, 2.0, 3.0}"),
        (
            ("input", "Resize", "roi", "schema", True),
            ("input", "Resize", "scales", "unexplained", False),
        ),
    ),
    "Upsample becomes Resize": Pair(
        unary(
            SCALES + 'y = Upsample<mode = "linear">(x, sc)',
            9, "1, 1, 2, 2", "1, 1, 4, 4",
        ),
        unary(
            SCALES + 'y = Resize<mode = "linear">(x, sc)',
            10, "1, 1, 2, 2", "1, 1, 4, 4",
        ),
        (("operators", "Resize", "", "replacement", False),),
        ("Resize is new in opset 10",),
    ),
    "Resize reads coordinates otherwise": Pair(
        unary(
            SCALES + "y = Resize(x, sc)",
            10, "1, 1, 2, 2", "1, 1, 4, 4",
        ),
        resize(11, "empty"),
        (
            ("attribute", "Resize", "mode", "unexplained", False),
            ("attribute", "Resize", "coordinate_transformation_mode", "schema", False),
            ("input", "Resize", "roi", "schema", True),
            ("semantics", "Resize", "", "schema", False),
        ),
        ("which input coordinate an output element samples",),
    ),
    "Slice: attributes become inputs": Pair(
        unary("y = Slice<starts = [1], ends = [3], axes = [2]>(x)", 9, result="2, 3, 2"),
        unary(SLICE_INPUTS, 10, result="2, 3, 2"),
        tuple(
            ("attribute-to-input", "Slice", name, "schema", True)
            for name in ("starts", "ends", "axes")
        ),
        ("`starts` is an input from Slice-10 on", "The value is the same"),
    ),
    "Slice: another value on the way": Pair(
        unary("y = Slice<starts = [0], ends = [3], axes = [2]>(x)", 9, result="2, 3, 2"),
        unary(SLICE_INPUTS, 10, result="2, 3, 2"),
        (
            ("attribute-to-input", "Slice", "starts", "schema", False),
            ("attribute-to-input", "Slice", "ends", "schema", True),
            ("attribute-to-input", "Slice", "axes", "schema", True),
        ),
        ("It was attribute [0] and is constant int64[1] [1].",),
    ),
    "Clip: bounds become inputs": Pair(
        unary("y = Clip<min = 0.0, max = 6.0>(x)", 10),
        unary(
            "a = Constant<value_float = 0.0>() b = Constant<value_float = 6.0>() y = Clip(x, a, b)",
            12,
        ),
        (
            ("attribute-to-input", "Clip", "min", "schema", True),
            ("attribute-to-input", "Clip", "max", "schema", True),
        ),
    ),
    "Clip: a bound left to the default": Pair(
        unary("y = Clip<min = 0.0>(x)", 10),
        unary("a = Constant<value = float {0.0}>() y = Clip(x, a)", 11),
        (
            ("attribute-to-input", "Clip", "min", "schema", True),
            ("attribute-to-input", "Clip", "max", "schema", True),
        ),
    ),
    "Pad: value is called constant_value": Pair(
        unary("y = Pad<pads = [0, 1, 0, 1], value = 2.5>(x)", 10, "2, 3", "2, 5"),
        unary(
            "p = Constant<value = int64[4] {0, 1, 0, 1}>() v = Constant<value = float {2.5}>()"
            ' y = Pad(x, p, v)',
            11, "2, 3", "2, 5",
        ),
        (
            ("attribute-to-input", "Pad", "pads", "schema", True),
            ("attribute-to-input", "Pad", "constant_value", "schema", True),
        ),
    ),
    "Pad: the pads are computed from constants": Pair(
        unary("y = Pad<pads = [0, 1, 0, 1]>(x)", 10, "2, 3", "2, 5"),
        unary(PADS.format(1, 1), 11, "2, 3", "2, 5"),
        (
            ("attribute-to-input", "Pad", "pads", "schema", True),
            ("attribute-to-input", "Pad", "constant_value", "schema", True),
        ),
        (
            "int64[4] [0, 1, 0, 1] (computed from constants by Concat, 2 Reshape, Transpose, Cast)",
            "The value is the same, so nothing that is computed changes.",
        ),
    ),
    "Pad: other pads are computed from constants": Pair(
        unary("y = Pad<pads = [0, 1, 0, 1]>(x)", 10, "2, 3", "2, 5"),
        unary(PADS.format(2, 0), 11, "2, 3", "2, 5"),
        (
            ("attribute-to-input", "Pad", "pads", "schema", False),
            ("attribute-to-input", "Pad", "constant_value", "schema", True),
        ),
        ("int64[4] [0, 2, 0, 0]",),
    ),
    "Pad: another value on the way": Pair(
        unary("y = Pad<pads = [0, 1, 0, 1], value = 2.5>(x)", 10, "2, 3", "2, 5"),
        unary("p = Constant<value = int64[4] {0, 1, 0, 1}>() y = Pad(x, p)", 11, "2, 3", "2, 5"),
        (
            ("attribute-to-input", "Pad", "pads", "schema", True),
            ("attribute-to-input", "Pad", "constant_value", "schema", False),
        ),
    ),
    "Squeeze: axes become an input": Pair(
        unary("y = Squeeze<axes = [1]>(x)", 11, "2, 1, 3", "2, 3"),
        unary("a = Constant<value = int64[1] {1}>() y = Squeeze(x, a)", 13, "2, 1, 3", "2, 3"),
        (("attribute-to-input", "Squeeze", "axes", "schema", True),),
    ),
    "ReduceSum: axes become an input, kept as an initializer": Pair(
        unary("y = ReduceSum<axes = [1], keepdims = 0>(x)", 12, result="2, 4"),
        unary("y = ReduceSum<keepdims = 0>(x, a)", 13, result="2, 4", weights={"a": np.int64([1])}),
        (("attribute-to-input", "ReduceSum", "axes", "schema", True),),
    ),
    "TopK: k is called K": Pair(
        Side("g (float[9] x) => (float[4] y, int64[4] i) { y, i = TopK<k = 4>(x) }", 9),
        Side(
            "g (float[9] x) => (float[4] y, int64[4] i)"
            " { k = Constant<value = int64[1] {4}>() y, i = TopK(x, k) }",
            11,
        ),
        (("attribute-to-input", "TopK", "K", "schema", True),),
    ),
    "TopK: unsorted, in whatever order": Pair(
        Side(
            "g (float[9] x) => (float[4] y, int64[4] i)"
            " { k = Constant<value = int64[1] {4}>() y, i = TopK(x, k) }",
            10,
        ),
        Side(
            "g (float[9] x) => (float[4] y, int64[4] i)"
            " { k = Constant<value = int64[1] {4}>() y, i = TopK<sorted = 0>(x, k) }",
            11,
        ),
        (
            ("attribute", "TopK", "sorted", "schema", False),
            ("semantics", "TopK", "", "schema", False),
        ),
    ),
    "Dropout: ratio becomes an input": Pair(
        unary("y = Dropout<ratio = 0.25>(x)", 10),
        unary("r = Constant<value = float {0.25}>() y = Dropout(x, r)", 12),
        (
            ("attribute-to-input", "Dropout", "ratio", "schema", True),
            ("semantics", "Dropout", "", "schema", False),
        ),
    ),
    "Softmax flattens before 13": Pair(
        unary("y = Softmax<axis = 1>(x)", 12),
        unary("y = Softmax<axis = 1>(x)", 13),
        (("semantics", "Softmax", "", "schema", False),),
        ("Softmax-13: Up to 11 the input is flattened to 2-D",),
    ),
    "TopK: K is computed from the shape of the input": Pair(
        Side(f"{TOP} {{ y, i = TopK<axis = -1, k = 3>(x) }}", 9),
        Side(
            f"{TOP} {{ s = Shape(x) a = Constant<value = int64[1] {{1}}>() k = Gather(s, a)"
            " y, i = TopK<axis = -1>(x, k) }",
            10,
        ),
        (("attribute-to-input", "TopK", "K", "schema", True),),
        ("int64[1] [3] (computed from fixed shapes by Shape, Gather)",),
    ),
    "AveragePool: count_include_pad without padding": Pair(
        unary(POOL.format(0, 0), 10, result="2, 3, 3"),
        unary(POOL.format(0, 1), 10, result="2, 3, 3"),
        (("attribute", "AveragePool", "count_include_pad", "schema", True),),
        ("is read only where a window reaches into padding, and there is none here",),
    ),
    "AveragePool: count_include_pad with padding": Pair(
        unary(POOL.format(1, 0), 10, result="2, 3, 4"),
        unary(POOL.format(1, 1), 10, result="2, 3, 4"),
        (("attribute", "AveragePool", "count_include_pad", "unexplained", False),),
    ),
    "Resize: nearest_mode of a linear Resize": Pair(
        unary(LINEAR.format('nearest_mode = "ceil"'), 13, "1, 1, 2, 2", "1, 1, 4, 4"),
        unary(LINEAR.format('nearest_mode = "floor"'), 13, "1, 1, 2, 2", "1, 1, 4, 4"),
        (("attribute", "Resize", "nearest_mode", "schema", True),),
        ("is read only when `mode` is `nearest` (here it is `linear`)",),
    ),
    "Softmax: the last axis, counted from the back": Pair(
        unary("y = Softmax<axis = 2>(x)", 12),
        unary("y = Softmax<axis = -1>(x)", 13),
        (("attribute", "Softmax", "axis", "schema", True),),
        ("Here 2 and -1 mean the same.",),
        "torchscript",
    ),
    "Softmax: an axis of a value whose rank the file does not tell": Pair(
        unary("a = my.F(x) y = Softmax<axis = 2>(a)", 12, extra=', "my": 1'),
        unary("a = my.F(x) y = Softmax<axis = -1>(a)", 13, extra=', "my": 1'),
        (("attribute", "Softmax", "axis", "schema", False),),
        exporter="torchscript",
    ),
    "Softmax: the default axis changed": Pair(
        unary("y = Softmax(x)", 12),
        unary("y = Softmax(x)", 13),
        (
            ("attribute", "Softmax", "axis", "schema", False),
            ("semantics", "Softmax", "", "schema", False),
        ),
        ("The default of `axis` changed from 1 to -1 with Softmax-13", "leaves it to the default"),
    ),
    "Constant or initializer": Pair(
        unary("w = Constant<value = float[2] {1.0, 2.0}>() y = Mul(x, w)", 13, "3, 2"),
        unary("y = Mul(x, w)", 13, "3, 2", weights={"w": np.float32([1, 2])}),
        (("encoding", "Mul", "B", "unexplained", True),),
    ),
    "Constant or initializer, in one sweep": Pair(
        unary("w = Constant<value = float[2] {1.0, 2.0}>() y = Mul(x, w)", 13, "3, 2"),
        unary("y = Mul(x, w)", 14, "3, 2", weights={"w": np.float32([1, 2])}),
        (("encoding", "Mul", "B", "exporter", True),),
        (
            "The dynamo exporter writes initializer float[2] [1.0, 2.0] for `B` of Mul instead of"
            " constant float[2] [1.0, 2.0]. Both mean the same.",
        ),
        exporter="dynamo",
    ),
    "a default written or not": Pair(
        unary("y = LeakyRelu<alpha = 0.01>(x)", 13),
        unary("y = LeakyRelu(x)", 13),
        (("encoding", "LeakyRelu", "alpha", "unexplained", True),),
    ),
    "another value of an attribute, any two files": Pair(
        unary("y = LeakyRelu<alpha = 0.01>(x)", 13),
        unary("y = LeakyRelu<alpha = 0.02>(x)", 13),
        (("attribute", "LeakyRelu", "alpha", "unexplained", False),),
        ("Unexplained: 0.01 became 0.02; no schema change accounts for it.",),
    ),
    "another value of an attribute, one exporter": Pair(
        unary("y = LeakyRelu<alpha = 0.01>(x)", 13),
        unary("y = LeakyRelu<alpha = 0.02>(x)", 14),
        (("attribute", "LeakyRelu", "alpha", "exporter", False),),
        (
            "The torchscript exporter writes 0.02 for `alpha` of LeakyRelu instead of 0.01. The"
            " schemas of both opsets allow both.",
        ),
        exporter="torchscript",
    ),
    "another value of an attribute, converted": Pair(
        unary("y = LeakyRelu<alpha = 0.01>(x)", 13),
        unary("y = LeakyRelu<alpha = 0.02>(x)", 14),
        (("attribute", "LeakyRelu", "alpha", "converter", False),),
        ("The converter writes 0.02 for `alpha` of LeakyRelu instead of 0.01.",),
        exporter="converter",
    ),
    "a new attribute at its default": Pair(
        unary(SHAPE + "y = Reshape(x, s)", 13, result="24"),
        unary(
            SHAPE + "y = Reshape<allowzero = 0>(x, s)", 14, result="24"
        ),
        (("attribute", "Reshape", "allowzero", "schema", True),),
        ("`allowzero` is new in Reshape-14; the file writes its default `0`.",),
    ),
    "a new attribute at another value": Pair(
        unary(SHAPE + "y = Reshape(x, s)", 13, result="24"),
        unary(
            SHAPE + "y = Reshape<allowzero = 1>(x, s)", 14, result="24"
        ),
        (("attribute", "Reshape", "allowzero", "schema", False),),
    ),
    "scattering with a reduction": Pair(
        Side(
            "g (float[4] x, int64[2] i, float[2] u) => (float[4] y)"
            " { y = ScatterElements(x, i, u) }",
            13,
        ),
        Side(
            "g (float[4] x, int64[2] i, float[2] u) => (float[4] y)"
            ' { y = ScatterElements<reduction = "add">(x, i, u) }',
            16,
        ),
        (
            ("attribute", "ScatterElements", "reduction", "schema", False),
            ("semantics", "ScatterElements", "", "schema", False),
        ),
    ),
}  # fmt: skip
