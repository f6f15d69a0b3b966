"""What the project states about torch matches the installed torch."""

from __future__ import annotations

import inspect
from pathlib import Path

import torch
import torch.onnx
from opset_atlas.config import settings
from opset_atlas.exporters import _torch_options as torch_options
from opset_atlas.numerics.tolerances import ASSERT_CLOSE
from torch.testing import _comparison


def test_the_signature_read_from_the_source_is_the_one_that_torch_has() -> None:
    signature = torch_options.installed_signature()
    assert signature and list(signature.annotations) == list(
        inspect.signature(torch.onnx.export).parameters
    )
    # Only one route reads `optimize`: the branch on `dynamo` was understood.
    assert "optimize" in signature.passed_on[True] - signature.passed_on[False]
    assert "do_constant_folding" in signature.passed_on[False] - signature.passed_on[True]


def test_the_table_is_torchs() -> None:
    torchs = {str(k).removeprefix("torch."): v for k, v in _comparison._DTYPE_PRECISIONS.items()}
    assert {name: torchs[name] for name in ASSERT_CLOSE} == ASSERT_CLOSE


def test_the_tolerances_of_a_configuration_are_torchs(tmp_path: Path) -> None:
    model = {"factory": "torch.nn:ReLU", "inputs": [{"name": "x", "shape": [1]}]}
    resolved = settings.resolve({"models": {"m": model}}, tmp_path)
    for dtype, close in resolved.models["m"].tolerances["close"].items():
        rtol, atol = _comparison.default_tolerances(getattr(torch, dtype))
        assert close == {"rtol": rtol, "atol": atol}
