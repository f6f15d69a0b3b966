"""Adaptive pooling of an image whose height and width stay open.

https://github.com/pytorch/pytorch/issues/74034
"""

from torch import Tensor, nn


class PoolingOfOpenSize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
