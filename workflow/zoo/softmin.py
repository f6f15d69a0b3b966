"""Softmax of the negated input over the first axis."""

from torch import Tensor, nn
from torch.nn import functional as F


class Softmin(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.softmin(x, dim=0)
