"""The largest along an axis and its index: which nodes does it become?

https://github.com/pytorch/pytorch/issues/76344
"""

from torch import Tensor, nn


class LargestAndItsIndex(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = x.max(1, keepdim=True)
        return values, indices
