"""A row taken out, changed in place, and the whole returned: the change is lost.

https://github.com/pytorch/pytorch/issues/80271
"""

from torch import Tensor, nn


class UpdateThroughAView(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        row = y[1]
        row += 3
        return y
