"""Containers that a package registered with torch without names for their contents."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from opset_atlas.models import arguments
from torch.utils import _pytree as pytree


class Output(OrderedDict[str, Any]):
    """As diffusers registers its outputs."""


pytree.register_pytree_node(Output, pytree._dict_flatten, lambda *_: Output())


def test_their_keys_name_the_outputs() -> None:
    result = Output(sample=torch.zeros(1), residuals=[torch.zeros(1), torch.zeros(2)])
    with pytest.raises(ValueError, match="flatten_with_keys_fn"):
        pytree.tree_flatten_with_path(result)
    names = arguments.result_names(result, ["residuals_0"])
    assert names == ["sample", "output_residuals_0", "residuals_1"]
