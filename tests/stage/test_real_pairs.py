"""Real exports of built-in models with answers that were checked by hand against the schemas.

Each pair is exported when the test runs. The answers say which nodes have no partner, how many
pairs there are (nodes that only pass a value on are in neither), and every change with its cause.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
import torch
from builders.pairs import Answer, answers
from opset_atlas.base.files import write_json
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import compare
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.differences.align import align
from opset_atlas.differences.wording import spelled
from opset_atlas.exporters import Job
from opset_atlas.graph.reading import read
from opset_atlas.stages import define, export

ZOO = "config/zoo.yaml"


@dataclass(frozen=True)
class Real:
    """`left` and `right` are the operators without a partner, in the order of the file."""

    model: str
    exporter: str
    old: int
    new: int
    pairs: int
    left: str
    right: str
    answers: tuple[Answer, ...]


PAIRS = (
    Real(
        "avg_pool_ceil",
        "torchscript",
        9,
        10,
        1,
        "Pad",
        "nothing",
        (
            ("attribute", "AveragePool", "ceil_mode", "schema", False),
            ("attribute", "AveragePool", "count_include_pad", "schema", False),
            ("attribute", "AveragePool", "pads", "schema", False),
            ("operators", "Pad", "", "schema", False),
        ),
    ),
    Real(
        "max_pool_ceil",
        "torchscript",
        9,
        10,
        1,
        "nothing",
        "nothing",
        (
            ("attribute", "MaxPool", "ceil_mode", "schema", False),
            ("attribute", "MaxPool", "pads", "schema", False),
            ("attribute", "MaxPool", "dilations", "schema", True),
        ),
    ),
    Real(
        "pixel_shuffle",
        "torchscript",
        10,
        11,
        0,
        "2 Reshape, Transpose",
        "DepthToSpace",
        (("operators", "DepthToSpace", "", "replacement", False),),
    ),
    Real(
        "upsample_trilinear",
        "torchscript",
        10,
        11,
        1,
        "nothing",
        "Shape, Slice, Concat",
        (
            ("attribute", "Resize", "nearest_mode", "schema", True),
            ("input", "Resize", "scales", "schema", False),
            ("input", "Resize", "sizes", "schema", False),
            ("semantics", "Resize", "", "schema", False),
            ("attribute", "Resize", "coordinate_transformation_mode", "schema", True),
            ("attribute", "Resize", "cubic_coeff_a", "schema", True),
            ("input", "Resize", "roi", "schema", True),
        ),
    ),
    Real(
        "upsample_recomputed_scale",
        "torchscript",
        10,
        11,
        8,
        "Cast, Div, Concat",
        "Cast, Concat",
        (
            ("attribute", "Resize", "nearest_mode", "schema", True),
            ("input", "Resize", "scales", "schema", False),
            ("input", "Resize", "sizes", "schema", False),
            ("input", "Slice", "ends", "exporter", False),
            ("input", "Slice", "starts", "exporter", False),
            ("semantics", "Resize", "", "schema", False),
            ("attribute", "Resize", "coordinate_transformation_mode", "schema", True),
            ("attribute", "Resize", "cubic_coeff_a", "schema", True),
            ("identity", "Cast", "", "exporter", True),
            ("input", "Resize", "roi", "schema", True),
        ),
    ),
    Real(
        "remainder_integers",
        "torchscript",
        10,
        11,
        1,
        "Div, Less, Xor, 3 Mul, 3 Sub, Equal, Not, And, Cast",
        "Mod",
        (("operators", "Mod", "", "exporter", False),),
    ),
    Real(
        "take_along_axis",
        "torchscript",
        10,
        11,
        0,
        "Shape, Gather, OneHot, Cast, Unsqueeze, Mul, ReduceSum",
        "GatherElements",
        (("operators", "GatherElements", "", "replacement", False),),
    ),
    Real(
        "unsqueeze_axes",
        "torchscript",
        10,
        11,
        3,
        "nothing",
        "nothing",
        (("attribute", "Unsqueeze", "axes", "schema", True),),
    ),
    Real(
        "clamp_integer",
        "torchscript",
        11,
        12,
        0,
        "2 Cast, Clip",
        "Clip",
        (("operators", "Clip", "", "replacement", False),),
    ),
    Real(
        "power_integers",
        "torchscript",
        11,
        12,
        0,
        "Cast, Pow",
        "Pow",
        (
            ("operators", "Pow", "", "replacement", False),
            ("signature", "", "outputs", "schema", False),
        ),
    ),
    Real(
        "softmax_inner_axis",
        "torchscript",
        12,
        13,
        0,
        "2 Transpose, Softmax",
        "Softmax",
        (("operators", "Softmax", "", "replacement", False),),
    ),
    Real(
        "softmax_inner_axis",
        "converter",
        12,
        13,
        3,
        "nothing",
        "nothing",
        (("attribute", "Softmax", "axis", "schema", True),),
    ),
    Real(
        "batch_norm",
        "torchscript",
        13,
        14,
        1,
        "nothing",
        "nothing",
        (("attribute", "BatchNormalization", "training_mode", "schema", True),),
    ),
    Real(
        "hard_swish",
        "torchscript",
        13,
        14,
        0,
        "HardSigmoid, Mul",
        "HardSwish",
        (("operators", "HardSwish", "", "replacement", False),),
    ),
    Real(
        "scatter_add_duplicates",
        "torchscript",
        15,
        16,
        1,
        "Add",
        "nothing",
        (
            ("attribute", "ScatterElements", "reduction", "schema", False),
            ("input", "ScatterElements", "data", "schema", False),
            ("operators", "Add", "", "schema", False),
        ),
    ),
    Real(
        "layer_norm",
        "torchscript",
        16,
        17,
        0,
        "2 ReduceMean, Sub, Pow, 2 Add, Sqrt, Div, Mul",
        "LayerNormalization",
        (("operators", "LayerNormalization", "", "replacement", False),),
    ),
    Real(
        "gelu",
        "torchscript",
        19,
        20,
        0,
        "Div, Erf, Add, 2 Mul",
        "Gelu",
        (("operators", "Gelu", "", "replacement", False),),
    ),
    Real(
        "group_norm",
        "dynamo",
        20,
        21,
        0,
        "2 Reshape, InstanceNormalization, Mul, Add",
        "GroupNormalization",
        (("operators", "GroupNormalization", "", "replacement", False),),
    ),
    Real(
        "multihead_attention",
        "dynamo",
        22,
        23,
        23,
        "Transpose, Reshape, 2 Mul, 2 MatMul, Softmax",
        "Reshape, Attention",
        (("operators", "Attention", "", "replacement", False),),
    ),
    Real(
        "rms_norm",
        "dynamo",
        22,
        23,
        0,
        "Pow, ReduceMean, Add, Sqrt, Reciprocal, 2 Mul",
        "RMSNormalization",
        (("operators", "RMSNormalization", "", "replacement", False),),
    ),
)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import what both exporters need once here, not in the child process of every sweep."""
    torch.set_num_threads(1)  # a child of several threads would wait for those it lacks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dynamo in (False, True):
            torch.onnx.export(
                torch.nn.ReLU(), (torch.ones(2),), BytesIO(), dynamo=dynamo, verbose=False
            )


def exported(real: Real, folder: Path) -> list[Path]:
    """Both files, made by the stages; a conversion starts from the older opset's export."""
    first = "torchscript" if real.exporter == "converter" else real.exporter
    settings = config.resolve(
        {
            "models": {real.model: config.load([ZOO])["models"][real.model]},
            "opsets": [real.old, real.new],
            "exporters": list(dict.fromkeys([first, real.exporter])),
            "input_sets": ["random-0"],
        },
        Path.cwd(),
    )
    record = define.define(Specs(settings).job("define", model=real.model), folder / "define")
    write_json(folder / "define" / "record.json", record)
    spec = Specs(settings).job("export", model=real.model, exporter=first)
    base = None
    if real.exporter == "converter":
        base = folder / first
        export.sweep(Job({**spec, "opsets": [real.old]}, folder / "define", None), base)
        spec = Specs(settings).job("export", model=real.model, exporter="converter")
    export.sweep(Job(spec, folder / "define", base), folder / real.exporter)
    return [folder / real.exporter / "cells" / f"opset_{n:02}.onnx" for n in (real.old, real.new)]


@pytest.mark.parametrize("real", PAIRS, ids=lambda r: f"{r.model} {r.exporter} {r.old} {r.new}")
def test_real_pairs(real: Real, tmp_path: Path) -> None:
    (one, old), (other, new) = (read(path) for path in exported(real, tmp_path))
    assert (old[""], new[""]) == (real.old, real.new)
    found = align(one["graph"], other["graph"])
    alone = ([], [])  # type: tuple[list[Node], list[Node]]
    for left, right in found.regions:
        alone[0].extend(found.left.nodes[i] for i in left)
        alone[1].extend(found.right.nodes[j] for j in right)
    left, right = (spelled(tuple(sorted(side, key=lambda n: n["index"]))) for side in alone)
    assert (len(found.forward), left, right) == (real.pairs, real.left, real.right)
    converted = real.exporter == "converter"
    situation = Situation(real.old, real.new, real.exporter, converted=converted)
    changes = compare(one, other, situation)
    assert answers(changes) == set(real.answers), [each["explanation"] for each in changes]
