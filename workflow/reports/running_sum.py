"""A running sum: CumSum is there since opset 11.

https://github.com/pytorch/pytorch/issues/43618
"""

from torch import Tensor, nn


class RunningSum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(dim=1)
