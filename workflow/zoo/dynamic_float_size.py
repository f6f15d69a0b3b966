"""A sum over a dynamic length, divided by it as a float: right shape, wrong numbers."""

from torch import Tensor, nn


class DynamicFloatSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1) / float(x.shape[1])
