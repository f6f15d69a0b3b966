"""A slice assigned to in place.

https://github.com/pytorch/pytorch/issues/19948
"""

from torch import Tensor, nn


class SliceAssignment(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.repeat(3, 2)
        y[:2] = 2 * x
        return y
