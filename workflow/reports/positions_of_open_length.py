"""Positions counted in Python from a length that is to stay open.

https://github.com/Comfy-Org/ComfyUI/pull/5490
"""

import torch
from torch import Tensor, nn


class PositionsOfOpenLength(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        last = int(x.shape[1]) - 1
        steps = torch.linspace(0, last, last + 1)
        return x + steps / last
