"""An axis unbound: Split and Squeeze, or SplitToSequence and SequenceAt."""

from torch import Tensor, nn


class Unbind(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second, third = x.unbind(1)
        return first, second, third
