"""Elements picked along an axis by an index tensor: GatherElements, available since opset 11."""

import torch
from torch import Tensor, nn


class TakeAlongAxis(nn.Module):
    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        return torch.gather(x, 1, index)
