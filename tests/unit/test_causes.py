"""Pairs of files with known answers: what differs, whether it matters, and why.

Each pair is compared in both directions; the second must mirror the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from atlas import schema
from atlas.causes import Situation
from atlas.compare import compare, compare_sweep, main
from atlas.config import PACKAGE
from atlas.records import Change, write_json
from onnx.numpy_helper import from_array

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
    situation = Situation(left.opset, right.opset, exporter)
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
SLICE_INPUTS = """s = Constant<value = int64[1] {1}>() e = Constant<value = int64[1] {3}>()
    a = Constant<value = int64[1] {2}>() y = Slice(x, s, e, a)"""

PAIRS = {
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
        ("Resize exists since opset 10",),
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
        ("`starts` is an input since Slice-10", "The value is the same"),
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
        (
            ("attribute-to-input", "TopK", "K", "schema", True),
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
        ("the dynamo exporter chose",),
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
        ("The schema allows both; the torchscript exporter chose.",),
        exporter="torchscript",
    ),
    "another value of an attribute, converted": Pair(
        unary("y = LeakyRelu<alpha = 0.01>(x)", 13),
        unary("y = LeakyRelu<alpha = 0.02>(x)", 14),
        (("attribute", "LeakyRelu", "alpha", "converter", False),),
        ("onnx.version_converter chose",),
        exporter="converter",
    ),
    "a new attribute at its default": Pair(
        unary(SHAPE + "y = Reshape(x, s)", 13, result="24"),
        unary(
            SHAPE + "y = Reshape<allowzero = 0>(x, s)", 14, result="24"
        ),
        (("attribute", "Reshape", "allowzero", "schema", True),),
        ("`allowzero` is an attribute since Reshape-14; the file writes its default `0`.",),
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
    "an identity more": Pair(
        unary("y = Relu(x)", 13),
        unary("a = Identity(x) b = Identity(a) c = Relu(b) y = Identity(c)", 13),
        (("identity", "Identity", "", "unexplained", True),),
    ),
    "an identity of a weight": Pair(
        unary("y = Mul(x, w)", 13, weights={"w": W}),
        unary("v = Identity(w) y = Mul(x, v)", 13, weights={"w": W}),
        (("identity", "Identity", "", "unexplained", True),),
    ),
    "another weight behind an identity": Pair(
        unary("v = Identity(w) y = Mul(x, v)", 13, weights={"w": W}),
        unary("v = Identity(w) y = Mul(x, v)", 13, weights={"w": W + 1}),
        (("input", "Mul", "B", "unexplained", False),),
    ),
    "other weights": Pair(
        unary("y = Add(x, w)", 13, weights={"w": W}),
        unary("y = Add(x, w)", 13, weights={"w": np.nextafter(W, 99, dtype=np.float32)}),
        (("input", "Add", "B", "unexplained", False),),
        ("sha256:",),
    ),
    "a weight of another type": Pair(
        Side(CAST, 13, {"w": W[0, 0, :2]}),
        Side(CAST, 13, {"w": W[0, 0, :2].astype(np.float64)}),
        (("input", "Cast", "input", "unexplained", False),),
    ),
    "LayerNormalization takes the place of a subgraph": Pair(
        unary(LAYER_NORM, 16, weights=AFFINE),
        unary("y = LayerNormalization<axis = -1, epsilon = 0.00001>(x, w, b)", 17, weights=AFFINE),
        (("operators", "LayerNormalization", "", "replacement", False),),
        ("LayerNormalization exists since opset 17", "9 nodes"),
    ),
    "HardSwish takes the place of a subgraph": Pair(
        unary("h = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, h)", 13),
        unary("y = HardSwish(x)", 14),
        (("operators", "HardSwish", "", "replacement", False),),
        ("HardSwish exists since opset 14; it takes the place of 2 nodes (HardSigmoid, Mul).",),
    ),
    "a subgraph in the place of another, nothing new": Pair(
        unary("y = HardSwish(x)", 14),
        unary("h = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, h)", 15),
        (("operators", "HardSigmoid", "", "unexplained", False),),
    ),
    "another operator in one sweep": Pair(
        unary("y = Tanh(x)", 13),
        unary("y = Sigmoid(x)", 14),
        (("operators", "Sigmoid", "", "exporter", False),),
        exporter="dynamo",
    ),
    "GridSample: a mode under another name": Pair(
        Side(
            "g (float[1, 1, 3, 3] x, float[1, 2, 2, 2] q) => (float[1, 1, 2, 2] y)"
            ' { y = GridSample<mode = "bilinear">(x, q) }',
            16,
        ),
        Side(
            "g (float[1, 1, 3, 3] x, float[1, 2, 2, 2] q) => (float[1, 1, 2, 2] y)"
            ' { y = GridSample<mode = "linear">(x, q) }',
            20,
        ),
        (("attribute", "GridSample", "mode", "schema", False),),
        ("The modes bilinear and bicubic are called linear and cubic",),
    ),
    "rewired to another result": Pair(
        unary("a = Relu(x) b = Sigmoid(x) y = Neg(a)", 13),
        unary("a = Relu(x) b = Sigmoid(x) y = Neg(b)", 13),
        (("input", "Neg", "X", "unexplained", False),),
    ),
    "rewired to another input of the graph": Pair(
        Side("g (float[2] a, float[2] b) => (float[2] y) { y = Neg(a) }", 13),
        Side("g (float[2] a, float[2] b) => (float[2] y) { y = Neg(b) }", 13),
        (("input", "Neg", "X", "unexplained", False),),
    ),
    "inputs swapped": Pair(
        Side("g (float[2] a, float[2] b) => (float[2] y) { y = Sub(a, b) }", 13),
        Side("g (float[2] a, float[2] b) => (float[2] y) { y = Sub(b, a) }", 13),
        (
            ("input", "Sub", "A", "unexplained", False),
            ("input", "Sub", "B", "unexplained", False),
        ),
    ),
    "outputs swapped": Pair(
        Side("g (float[2] x) => (float[2] y, float[2] z) { y = Relu(x) z = Sigmoid(x) }", 13),
        Side("g (float[2] x) => (float[2] y, float[2] z) { z = Relu(x) y = Sigmoid(x) }", 13),
        (("signature", "", "outputs", "unexplained", False),),
    ),
    "outputs of one node swapped": Pair(
        Side("g (float[4] x) => (float[2] y, float[2] z) { y, z = Split(x) }", 13),
        Side("g (float[4] x) => (float[2] y, float[2] z) { z, y = Split(x) }", 13),
        (("signature", "", "outputs", "unexplained", False),),
    ),
    "an output that is another constant": Pair(
        Side("g (float x) => (float[2] y) { y = Constant<value = float[2] {1.0, 2.0}>() }", 13),
        Side("g (float x) => (float[2] y) { y = Constant<value = float[2] {1.0, 3.0}>() }", 13),
        (("signature", "", "outputs", "unexplained", False),),
    ),
    "an output of another name": Pair(
        Side("g (float[2] x) => (float[2] y) { y = Relu(x) }", 13),
        Side("g (float[2] x) => (float[2] z) { z = Relu(x) }", 13),
        (("signature", "", "outputs", "unexplained", False),),
    ),
    "an input of another type": Pair(
        Side("g (float[2] x) => (float[2] y) { y = Relu(x) }", 13),
        Side("g (double[2] x) => (double[2] y) { y = Relu(x) }", 13),
        (
            ("signature", "", "inputs", "unexplained", False),
            ("signature", "", "outputs", "unexplained", False),
            ("type", "Relu", "Y", "unexplained", False),
        ),
    ),
    "an operator more": Pair(
        unary("a = Relu(x) y = Neg(a)", 13),
        unary("a = Relu(x) b = Abs(a) y = Neg(b)", 13),
        (("operators", "Abs", "", "unexplained", False),),
    ),
    "a condition's branch": Pair(
        Side(
            "g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
            " then_branch = t () => (float[2] a) { a = LeakyRelu<alpha = 0.1>(x) },"
            " else_branch = e () => (float[2] b) { b = Neg(x) }> }",
            16,
        ),
        Side(
            "g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
            " then_branch = t () => (float[2] a) { a = LeakyRelu<alpha = 0.2>(x) },"
            " else_branch = e () => (float[2] b) { b = Neg(x) }> }",
            16,
        ),
        (("attribute", "LeakyRelu", "alpha", "unexplained", False),),
    ),
    "a branch reads another value of the graph around it": Pair(
        Side(
            "g (bool c, float[2] x) => (float[2] y) { p = Relu(x) q = Exp(x) y = If (c) <"
            " then_branch = t () => (float[2] a) { i = Identity(p) a = Neg(i) },"
            " else_branch = e () => (float[2] b) { b = Abs(q) }> }",
            16,
        ),
        Side(
            "g (bool c, float[2] x) => (float[2] y) { p = Relu(x) q = Exp(x) y = If (c) <"
            " then_branch = t () => (float[2] a) { i = Identity(q) a = Neg(i) },"
            " else_branch = e () => (float[2] b) { b = Abs(q) }> }",
            16,
        ),
        (("input", "Neg", "X", "unexplained", False),),
    ),
    "a branch gives another constant": Pair(
        Side(
            "g (bool c) => (float y) { y = If (c) <"
            " then_branch = t () => (float a) { a = Constant<value = float {1.0}>() },"
            " else_branch = e () => (float b) { b = Constant<value = float {2.0}>() }> }",
            16,
        ),
        Side(
            "g (bool c) => (float y) { y = If (c) <"
            " then_branch = t () => (float a) { a = Constant<value = float {1.5}>() },"
            " else_branch = e () => (float b) { b = Constant<value = float {2.0}>() }> }",
            16,
        ),
        (("signature", "If", "outputs", "unexplained", False),),
    ),
    "a function's body": Pair(
        Side(
            "g (float[2] x) => (float[2] y) { y = my.F(x) }"
            ' <opset_import: ["" : 13], domain: "my"> F (a) => (b) { b = Relu(a) }',
            13, extra=', "my": 1',
        ),
        Side(
            "g (float[2] x) => (float[2] y) { y = my.F(x) }"
            ' <opset_import: ["" : 13], domain: "my"> F (a) => (b) { b = Sigmoid(a) }',
            13, extra=', "my": 1',
        ),
        (("operators", "Sigmoid", "", "unexplained", False),),
    ),
    "names inside a branch": Pair(
        Side(
            "g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
            " then_branch = t () => (float[2] a) { a = Neg(x) },"
            " else_branch = e () => (float[2] b) { b = Abs(x) }> }",
            16,
        ),
        Side(
            "g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
            " then_branch = t () => (float[2] other) { other = Neg(x) },"
            " else_branch = e () => (float[2] another) { another = Abs(x) }> }",
            16,
        ),
        (),
    ),
    "a weight of the graph around, behind an identity": Pair(
        Side(
            "g (bool c, float[2] x) => (float[2] y) { v = Identity(w) y = If (c) <"
            " then_branch = t () => (float[2] a) { a = Mul(x, v) },"
            " else_branch = e () => (float[2] b) { b = Abs(x) }> }",
            16, {"w": np.float32([1, 2])},
        ),
        Side(
            "g (bool c, float[2] x) => (float[2] y) { v = Identity(w) y = If (c) <"
            " then_branch = t () => (float[2] a) { a = Mul(x, v) },"
            " else_branch = e () => (float[2] b) { b = Abs(x) }> }",
            16, {"w": np.float32([1, 3])},
        ),
        (("input", "Mul", "B", "unexplained", False),),
    ),
    "a mode that no note tells about": Pair(
        Side(
            "g (float[1, 1, 3, 3] x, float[1, 2, 2, 2] q) => (float[1, 1, 2, 2] y)"
            ' { y = GridSample<mode = "bilinear">(x, q) }',
            16,
        ),
        Side(
            "g (float[1, 1, 3, 3] x, float[1, 2, 2, 2] q) => (float[1, 1, 2, 2] y)"
            ' { y = GridSample<mode = "nearest">(x, q) }',
            20,
        ),
        (
            ("attribute", "GridSample", "mode", "unexplained", False),
            ("semantics", "GridSample", "", "schema", False),
        ),
    ),
    "types alone": Pair(unary("y = Relu(x)", 12), unary("y = Relu(x)", 14), ()),
    "names alone": Pair(
        unary("a = Relu(x) y = Neg(a)", 13), unary("another = Relu(x) y = Neg(another)", 13), ()
    ),
    "the order of independent nodes": Pair(
        unary("a = Relu(x) b = Exp(x) y = Add(a, b)", 13),
        unary("b = Exp(x) a = Relu(x) y = Add(a, b)", 13),
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_known_answers(tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    found = changes(pair.left, pair.right, tmp_path, pair.exporter)
    assert answers(found) == set(pair.answers), [change["explanation"] for change in found]
    text = "\n".join(change["explanation"] + change["before"] + change["after"] for change in found)
    for words in pair.words:
        assert words in text, text
    for change in found:
        assert change["places"] or change["kind"] == "signature"
        assert not (change["neutral"] and change["numeric"])
        if change["cause"] == "schema":
            low, high = sorted((change["from_version"] or 0, change["to_version"] or 0))
            assert change["url"].startswith("https://onnx.ai/onnx/operators/")
            assert {low, high} <= set(schema.versions(change["op_type"]))
        if change["cause"] == "unexplained":
            assert change["explanation"].startswith("Unexplained: ") or change["neutral"]
            assert not change["url"]


@pytest.mark.parametrize("name", PAIRS)
def test_the_other_direction_mirrors_it(tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    there = changes(pair.left, pair.right, tmp_path, pair.exporter)
    back = changes(pair.right, pair.left, tmp_path, pair.exporter)
    turned = {"attribute-to-input": "input-to-attribute"}
    one = {(turned.get(c["kind"], c["kind"]), c["before"], c["after"], c["neutral"]) for c in there}
    other = {(c["kind"], c["after"], c["before"], c["neutral"]) for c in back}
    if not any(c["kind"] == "operators" and c["cause"] == "replacement" for c in there):
        assert {x for x in one if x[0] != "semantics"} == {x for x in other if x[0] != "semantics"}
    assert sorted(c["cause"] for c in there) == sorted(c["cause"] for c in back)
    assert all(len(c["places"]) == len(d["places"]) for c, d in zip(there, there, strict=True))


@pytest.mark.parametrize("name", PAIRS)
def test_a_file_does_not_differ_from_itself(tmp_path: Path, name: str) -> None:
    pair = PAIRS[name]
    assert changes(pair.left, pair.left, tmp_path) == []
    assert changes(pair.right, pair.right, tmp_path) == []


def test_the_sentence(tmp_path: Path) -> None:
    (change,) = changes(resize(12, "empty"), resize(13, "_"), tmp_path, "torchscript")
    assert change["explanation"] == (
        "At opset 11 and 12 Resize takes `roi` because Resize-11 requires it; the exporter passes"
        " an empty tensor float[0]. Resize-13 made it optional, so from opset 13 it is omitted. It"
        " is read only when `coordinate_transformation_mode` is `tf_crop_and_resize` (here it is"
        " `align_corners`), so nothing that is computed changes."
    )
    assert change["url"] == "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html"
    assert (change["from_version"], change["to_version"]) == (11, 13)
    assert change["schema_class"] == "optionality"
    (place,) = change["places"]
    assert (place["from_node"], place["to_node"]) == (2, 1)


def test_equal_statements_about_several_nodes_are_one_change(tmp_path: Path) -> None:
    left = unary("a = LeakyRelu<alpha = 0.1>(x) y = LeakyRelu<alpha = 0.1>(a)", 13)
    right = unary("a = LeakyRelu<alpha = 0.2>(x) y = LeakyRelu<alpha = 0.2>(a)", 13)
    (change,) = changes(left, right, tmp_path)
    assert [place["from_node"] for place in change["places"]] == [0, 1]


def test_what_matters_comes_first(tmp_path: Path) -> None:
    left = Side(resize(11, "empty").text.replace("y = Resize", "z = LeakyRelu(x) y = Resize"), 11)
    right = Side(
        resize(13, "_").text.replace("y = Resize", "z = LeakyRelu<alpha = 0.3>(x) y = Resize"), 13
    )
    assert [c["neutral"] for c in changes(left, right, tmp_path)] == [False, True]


def sweep(folder: Path, cells: list[tuple[int, str, Side | None]]) -> tuple[Path, Path]:
    """Folders of export and dump of a sweep with these cells, dumped by the real stage."""
    from atlas.dump import dump

    export = folder / "export"
    (export / "cells").mkdir(parents=True)
    records = []
    for opset, outcome, side in cells:
        name = f"opset_{opset}.onnx" if side else None
        if side and name:
            onnx.save(side.model(), export / "cells" / name)
        records.append({"requested": opset, "outcome": outcome, "file": name})
    head = {"version": 1, "stage": "export", "model": "m", "exporter": "torchscript"}
    write_json(export / "record.json", {**head, "cells": records})
    dump(export, folder / "dump")
    return folder / "dump", export


def test_steps_and_ranges_of_a_sweep(tmp_path: Path) -> None:
    dumped, exported = sweep(
        tmp_path,
        [
            (9, "refused", None),
            (11, "ok", resize(11, "empty")),
            (12, "ok", resize(12, "empty")),
            (13, "ok", resize(13, "_")),
            (14, "moved", resize(18, "_")),
            (15, "invalid", resize(13, "_", "no such mode")),
            (16, "ok", resize(16, "_")),
        ],
    )
    record = compare_sweep(dumped, exported)
    steps = [(s["from_opset"], s["to_opset"], len(s["changes"])) for s in record["steps"]]
    assert steps == [(11, 12, 0), (12, 13, 1), (13, 16, 0)]
    assert [(r["first"], r["last"]) for r in record["ranges"]] == [(11, 12), (13, 16)]
    assert record["steps"][1]["changes"][0]["cause"] == "schema"


@pytest.mark.parametrize(
    "cells", [[], [(9, "refused", None)], [(13, "ok", unary("y = Abs(x)", 13))]]
)
def test_a_sweep_with_nothing_to_compare(tmp_path: Path, cells: Any) -> None:
    record = compare_sweep(*sweep(tmp_path, cells))
    assert record["steps"] == []
    assert len(record["ranges"]) == sum(cell[2] is not None for cell in cells)


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "atlas.compare", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    onnx.save(resize(11, "empty").model(), tmp_path / "11.onnx")
    onnx.save(resize(13, "_").model(), tmp_path / "13.onnx")
    done = command("11.onnx", "13.onnx", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert "11.onnx: opset 11" in done.stdout and "Resize-11 requires it" in done.stdout
    assert "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html" in done.stdout
    assert command(cwd=tmp_path).returncode == 2


def files(folder: Path, left: Side, right: Side) -> list[str]:
    for name, side in (("left", left), ("right", right)):
        onnx.save(side.model(), folder / f"{name}.onnx")
    return [str(folder / "left.onnx"), str(folder / "right.onnx")]


@pytest.mark.parametrize("name", PAIRS)
def test_exit_status(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pair = PAIRS[name]
    status = main(files(tmp_path, pair.left, pair.right))
    matters = any(not neutral for *_, neutral in pair.answers)
    assert status == int(matters)
    assert ("no difference" in capsys.readouterr().out) == (not pair.answers)


def test_json_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", *files(tmp_path, resize(11, "empty"), resize(13, "_"))]) == 0
    (change,) = json.loads(capsys.readouterr().out)
    assert change["parameter"] == "roi" and change["neutral"]
    assert main(["--json", *files(tmp_path, unary("y = Abs(x)", 13), unary("y = Abs(x)", 13))]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_file_that_is_no_model(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = files(tmp_path, unary("y = Abs(x)", 13), unary("y = Abs(x)", 13))
    if content is None:
        Path(bad).unlink()
    else:
        Path(bad).write_bytes(content)
    assert main([good, bad]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "right.onnx" in err


def malformed() -> dict[str, onnx.ModelProto]:
    """Files that parse and are no graphs in the sense of the specification."""
    cycle = unary("a = Identity(b) b = Identity(a) y = Relu(a)", 13)
    made = {"cycle": cycle.model(), "duplicate": unary("a = Relu(x) y = Neg(a)", 13).model()}
    made["duplicate"].graph.node[1].output[0] = "a"
    for name, change in (
        ("no inputs", lambda node: node.ClearField("input")),
        ("no outputs", lambda node: node.ClearField("output")),
    ):
        model = unary("a = Identity(x) y = Relu(a)", 13).model()
        for node in model.graph.node:
            change(node)
        made[name] = model
    return made


@pytest.mark.parametrize("name", ["cycle", "duplicate", "no inputs", "no outputs"])
def test_malformed_files_end_in_an_answer(tmp_path: Path, name: str) -> None:
    onnx.save(malformed()[name], tmp_path / "bad.onnx")
    onnx.save(unary("y = Relu(x)", 13).model(), tmp_path / "good.onnx")
    done = command("bad.onnx", "good.onnx", cwd=tmp_path)
    assert done.returncode in {1, 2} and "Traceback" not in done.stderr
    assert done.stdout or done.stderr


def test_the_stage_writes_its_record(tmp_path: Path) -> None:
    dumped, exported = sweep(
        tmp_path, [(11, "ok", resize(11, "empty")), (13, "ok", resize(13, "_"))]
    )
    output = tmp_path / "compare/record.json"
    arguments = ["--dump", str(dumped), "--export", str(exported), "--output", str(output)]
    assert main(arguments) == 0
    first = output.read_bytes()
    assert json.loads(first)["stage"] == "compare"
    assert main(arguments) == 0 and output.read_bytes() == first
    with pytest.raises(SystemExit):
        main(arguments[:2])
