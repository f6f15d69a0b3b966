"""Values scattered and added at opset 11, with the indices as an input.

https://github.com/pytorch/pytorch/issues/125835
"""

import torch
from torch import Tensor, nn


class ScatterAddAtEleven(nn.Module):
    def forward(self, x: Tensor, index: Tensor, updates: Tensor) -> Tensor:
        return torch.scatter_add(x, 0, index, updates)
