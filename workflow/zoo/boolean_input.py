"""A boolean input, negated and used to choose: Where and Not."""

import torch
from torch import Tensor, nn


class BooleanInput(nn.Module):
    def forward(self, mask: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.where(mask, x, y) + (~mask).to(x.dtype)
