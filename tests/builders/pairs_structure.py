"""Pairs of files whose edges, weights, subgraphs or operators differ, or only seem to."""

from __future__ import annotations

import numpy as np

from .pairs import AFFINE, CAST, LAYER_NORM, Pair, Side, W, unary


def function(body: str, *definitions: str, **weights: np.ndarray) -> Side:
    """A graph from float x to float y that calls functions of the domain `my`."""
    head = "g (float[2, 3, 4] x) => (float[2, 3, 4] y)"
    made = [f'<opset_import: ["" : 13, "my" : 1], domain: "my"> {text}' for text in definitions]
    return Side(f"{head} {{ {body} }} {' '.join(made)}", 13, weights, extra=', "my": 1')


RESHAPED = "g (float[2, 3, 4] x) => (float[6, 4] y)"
SIX_FOUR = """a = Constant<value = int64[1] {3}>() b = Constant<value = int64[1] {2}>()
    c = Constant<value = int64[2] {2, 2}>() d = Concat<axis = 0>(a, b) s = Mul(d, c)"""
MASKED = "g (bool[1] x) => (bool[1] y)"
ONE_TWO = "i = Constant<value = int64[1] {1}>() j = Constant<value = int64[1] {2}>()"
NORM = """m{0} = ReduceMean<axes = [-1]>({1}) d{0} = Sub({1}, m{0}) p{0} = Mul(d{0}, d{0})
    v{0} = ReduceMean<axes = [-1]>(p{0}) ve{0} = Add(v{0}, e) s{0} = Sqrt(ve{0})
    n{0} = Div(d{0}, s{0}) nw{0} = Mul(n{0}, w) {2} = Add(nw{0}, b)
"""
TWO_NORMS = "e = Constant<value_float = 0.00001>() " + NORM.format(1, "x", "z")
TWO_NORMS += NORM.format(2, "z", "y")

STRUCTURE_PAIRS = {
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
        (("input", "Cast", "input", "unexplained", True),),
        ("Both compute int64[2] [0, 1]: initializer float[2] [0.0, 1.0], and",),
    ),
    "a weight of another type, cast to other numbers": Pair(
        Side(CAST, 13, {"w": W[0, 0, :2]}),
        Side(CAST, 13, {"w": W[0, 0, :2].astype(np.float64) + 1}),
        (("input", "Cast", "input", "unexplained", False),),
    ),
    "a constant, and nodes that compute it": Pair(
        Side(f"{RESHAPED} {{ s = Constant<value = int64[2] {{6, 4}}>() y = Reshape(x, s) }}", 13),
        Side(f"{RESHAPED} {{ {SIX_FOUR} y = Reshape(x, s) }}", 13),
        (("encoding", "Reshape", "shape", "unexplained", True),),
        ("int64[2] [6, 4] (computed from constants by Concat, Mul)",),
    ),
    "a constant, and nodes that compute another": Pair(
        Side(f"{RESHAPED} {{ s = Constant<value = int64[2] {{-1, 4}}>() y = Reshape(x, s) }}", 13),
        Side(f"{RESHAPED} {{ {SIX_FOUR} y = Reshape(x, s) }}", 13),
        (("input", "Reshape", "shape", "unexplained", False),),
        ("constant int64[2] [-1, 4] became int64[2] [6, 4] (computed",),
    ),
    "a constant, and a new operator that computes it": Pair(
        Side(f"{MASKED} {{ c = Constant<value = bool[1] {{1}}>() y = And(x, c) }}", 11),
        Side(f"{MASKED} {{ {ONE_TWO} c = LessOrEqual(i, j) y = And(x, c) }}", 12),
        (("encoding", "And", "B", "replacement", True),),
        (
            "LessOrEqual is new in opset 12. At opset 11 the file holds it as a constant; at"
            " opset 12 LessOrEqual computes it from constants. Both mean the same.",
        ),
        "torchscript",
    ),
    "a constant, and an operator that takes as an input what was an attribute": Pair(
        Side("g (int64[2] x) => (int64[2] y) { c = Constant<value = int64[1] {1}>()"
             " y = Add(x, c) }", 12),
        Side("g (int64[2] x) => (int64[2] y) { s = Constant<value = int64 {1}>()"
             " a = Constant<value = int64[1] {0}>() c = Unsqueeze(s, a) y = Add(x, c) }", 13),
        (("encoding", "Add", "B", "schema", True),),
        (
            "`axes` is an input of Unsqueeze-13 and an attribute of Unsqueeze-11, so what was"
            " folded into a constant no longer is.",
        ),
        "torchscript",
    ),
    "a constant, and a new operator with an input of the graph": Pair(
        Side("g (int64[1] x) => (bool[1] y) { c = Constant<value = bool[1] {1}>()"
             " y = Not(c) }", 11),
        Side("g (int64[1] x) => (bool[1] y) { c = LessOrEqual(x, x) y = Not(c) }", 12),
        (("operators", "LessOrEqual", "", "replacement", False),),
        (
            "LessOrEqual is new in opset 12. Up to opset 11 the file has constant bool[1]"
            " [True] in this place.",
        ),
        "torchscript",
    ),
    "the inputs of a sum, swapped": Pair(
        unary("a = Relu(x) b = Neg(x) y = Add(a, b)", 13),
        unary("a = Relu(x) b = Neg(x) y = Add(b, a)", 13),
        (("encoding", "Add", "", "unexplained", True),),
    ),
    "a weight before and behind a product": Pair(
        unary("y = Mul(x, w)", 13, weights={"w": W}),
        unary("y = Mul(w, x)", 13, weights={"w": W}),
        (("encoding", "Mul", "", "unexplained", True),),
    ),
    "the inputs of a difference, swapped": Pair(
        unary("a = Relu(x) b = Neg(x) y = Sub(a, b)", 13),
        unary("a = Relu(x) b = Neg(x) y = Sub(b, a)", 13),
        (
            ("input", "Sub", "A", "unexplained", False),
            ("input", "Sub", "B", "unexplained", False),
        ),
    ),
    "two ways to compute a constant": Pair(
        Side(f"{RESHAPED} {{ {SIX_FOUR} y = Reshape(x, s) }}", 13),
        Side(
            f"{RESHAPED} {{ a = Constant<value = int64[2] {{4, 2}}>()"
            " b = Constant<value = int64[2] {2, 2}>() s = Add(a, b) y = Reshape(x, s) }",
            13,
        ),
        (("encoding", "Reshape", "shape", "unexplained", True),),
    ),
    "a size that one file fixes": Pair(
        Side("g (float[n] x) => (float[5] y) { y = Relu(x) }", 13),
        Side("g (float[n] x) => (float[n] y) { y = Relu(x) }", 13),
        (("declaration", "", "y", "exporter", False),),
        ("`y`: axis 0 is 5 in one file, axis 0 is n in the other. Whoever writes a file",),
        "dynamo",
    ),
    "a size that a conversion fixes": Pair(
        Side("g (float[n,m] x) => (float[n,m] y) { y = Relu(x) }", 13),
        Side("g (float[n,3] x) => (float[n,3] y) { y = Relu(x) }", 14),
        (
            ("declaration", "", "x", "converter", False),
            ("declaration", "", "y", "converter", False),
        ),
        ("`x`: axis 1 is m in one file, axis 1 is 3 in the other.",),
        "converter",
    ),
    "sizes that are called otherwise": Pair(
        Side("g (float[n] x) => (float[n] y) { y = Relu(x) }", 13),
        Side("g (float[k] x) => (float[k] y) { y = Relu(x) }", 13),
        (),
    ),
    "a computed constant that the graph returns": Pair(
        Side(f"g () => (int64[2] s) {{ {SIX_FOUR} }}", 13),
        Side("g () => (int64[2] s) { s = Constant<value = int64[2] {6, 4}>() }", 13),
        (("signature", "", "outputs", "unexplained", True),),
    ),
    "two LayerNormalizations in a row take the place of two subgraphs": Pair(
        unary(TWO_NORMS, 16, weights=AFFINE),
        unary(
            "z = LayerNormalization<axis = -1, epsilon = 0.00001>(x, w, b)"
            " y = LayerNormalization<axis = -1, epsilon = 0.00001>(z, w, b)",
            17,
            weights=AFFINE,
        ),
        (("operators", "LayerNormalization", "", "replacement", False),),
        ("It takes the place of 9 nodes",),
    ),
    "LayerNormalization takes the place of a subgraph": Pair(
        unary(LAYER_NORM, 16, weights=AFFINE),
        unary("y = LayerNormalization<axis = -1, epsilon = 0.00001>(x, w, b)", 17, weights=AFFINE),
        (("operators", "LayerNormalization", "", "replacement", False),),
        ("LayerNormalization is new in opset 17", "9 nodes"),
    ),
    "HardSwish takes the place of a subgraph": Pair(
        unary("h = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, h)", 13),
        unary("y = HardSwish(x)", 14),
        (("operators", "HardSwish", "", "replacement", False),),
        (
            "HardSwish is new in opset 14. It takes the place of 2 nodes (HardSigmoid, Mul).",
            "made of the same operators (HardSigmoid, Mul)",
        ),
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
        (("attribute", "GridSample", "mode", "schema", True),),
        ("The modes bilinear and bicubic are renamed to linear and cubic",),
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
    "a function, and its nodes in place": Pair(
        function("y = my.F(x)", "F (a) => (b) { c = Neg(a) b = Relu(c) }"),
        unary("n = Neg(x) y = Relu(n)", 13),
        (("function", "F", "", "unexplained", True),),
        ("the function my::F, called once", "its 2 nodes in place"),
    ),
    "functions of other names and cuts": Pair(
        function("p = my.F(x) y = my.F(p)", "F (a) => (b) { c = Neg(a) b = Relu(c) }"),
        function(
            "p = my.G(x) y = my.G(p)",
            "G (a) => (b) { c = my.H(a) b = Relu(c) }",
            "H (a) => (b) { b = Neg(a) }",
        ),
        (
            ("function", "F", "", "unexplained", True),
            ("function", "G", "", "unexplained", True),
            ("function", "H", "", "unexplained", True),
        ),
        ("called 2 times",),
    ),
    "a function's attribute, and another value in place": Pair(
        function(
            "y = my.F<slope = 0.1>(x)", "F <slope> (a) => (b) { b = LeakyRelu<alpha = @slope>(a) }"
        ),
        unary("y = LeakyRelu<alpha = 0.2>(x)", 13),
        (
            ("function", "F", "", "unexplained", True),
            ("attribute", "LeakyRelu", "alpha", "unexplained", False),
        ),
        ("0.1 became 0.2",),
    ),
    "a function's attribute left to its default": Pair(
        function(
            "y = my.F(x)", "F <slope: float = 0.2> (a) => (b) { b = LeakyRelu<alpha = @slope>(a) }"
        ),
        unary("y = LeakyRelu<alpha = 0.2>(x)", 13),
        (("function", "F", "", "unexplained", True),),
    ),
    "a function's attribute in a Constant": Pair(
        function(
            "y = my.F<by = 3.0>(x)",
            "F <by> (a) => (b) { k = Constant<value_float: float = @by>() b = Mul(a, k) }",
        ),
        unary("k = Constant<value = float {3.0}>() y = Mul(x, k)", 13),
        (("function", "F", "", "unexplained", True),),
    ),
    "a function that gives its input, and one with a weight": Pair(
        function("p = my.F(x, w) y, z = my.G(p)",
            "F (a, b) => (c) { c = Mul(a, b) }", "G (a) => (a, b) { b = Abs(a) }", w=W),
        unary("y = Mul(x, w)", 13, weights={"w": W + 1}),
        (
            ("function", "F", "", "unexplained", True),
            ("function", "G", "", "unexplained", True),
            ("identity", "Identity", "", "unexplained", True),
            ("operators", "Abs", "", "unexplained", False),
            ("input", "Mul", "B", "unexplained", False),
        ),
    ),
    "a function with a branch, and the branch in place": Pair(
        function(
            "c = Constant<value = bool {1}>() y = my.F(c, x)",
            "F (c, a) => (b) { b = If (c) < then_branch = t () => (p) { p = Neg(a) },"
            " else_branch = e () => (q) { q = Abs(a) }> }",
        ),
        unary(
            "c = Constant<value = bool {1}>() y = If (c) <"
            " then_branch = t () => (float[2, 3, 4] p) { p = Neg(x) },"
            " else_branch = e () => (float[2, 3, 4] q) { q = Exp(x) }>",
            13,
        ),
        (
            ("function", "F", "", "unexplained", True),
            ("operators", "Exp", "", "unexplained", False),
        ),
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
