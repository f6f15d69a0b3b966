"""Elements kept under a mask: an output whose size depends on the values."""

from torch import Tensor, nn


class MaskedSelect(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.masked_select(x > -0.5)
