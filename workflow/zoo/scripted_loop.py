"""A loop over rows that scripting keeps: Loop, whose body gets its types optional in -11."""

import torch
from torch import Tensor, nn


@torch.jit.script
def _accumulate(x: Tensor) -> Tensor:
    y = torch.zeros_like(x[0])
    for i in range(x.size(0)):
        y = y * 0.5 + x[i] * i
    return y


class ScriptedLoop(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _accumulate(x)
