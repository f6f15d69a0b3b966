"""Both halves of an axis of dynamic size; if it is odd, the first is the larger."""

import torch
from torch import Tensor, nn


class DynamicHalves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.cat([second.neg(), first], dim=1)
