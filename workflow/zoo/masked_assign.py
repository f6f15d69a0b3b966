"""Elements assigned under a boolean mask."""

from torch import Tensor, nn


class MaskedAssign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[y < 0] = 0.25
        return y
