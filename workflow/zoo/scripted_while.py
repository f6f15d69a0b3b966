"""A loop with a condition on values, which runs a different number of times for other inputs."""

import torch
from torch import Tensor, nn


@torch.jit.script
def _shrink(x: Tensor) -> Tensor:
    y = x.to(torch.float32)
    while bool(y.sum() > 2.0):
        y = y / 2
    return y


class ScriptedWhile(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _shrink(x)
