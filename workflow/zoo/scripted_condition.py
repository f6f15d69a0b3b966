"""A branch that scripting keeps and tracing would lose: If."""

import torch
from torch import Tensor, nn


@torch.jit.script
def _branch(x: Tensor) -> Tensor:
    y = x.sin()
    if bool(x.sum() > 0):
        y = y * 2
        y = y + x
    else:
        y = y - 3
    return y


class ScriptedCondition(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _branch(x)
