"""Rows repeated as often as a tensor says: the length of the result depends on data.

https://github.com/pytorch/pytorch/issues/156873
"""

import torch
from torch import Tensor, nn


class RepeatsByTensor(nn.Module):
    def forward(self, x: Tensor, repeats: Tensor) -> Tensor:
        return torch.repeat_interleave(x, repeats, dim=0)
