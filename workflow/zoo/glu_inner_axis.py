"""Gated linear unit over an inner axis: Split in two (attribute until 11, input since 13)."""

from torch import Tensor, nn
from torch.nn import functional as F


class GluInnerAxis(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.glu(x, dim=1)
