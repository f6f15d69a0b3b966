"""Dilated windows: MaxPool-10 adds `dilations`."""

from torch import Tensor, nn


class MaxPoolDilated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, stride=2, dilation=(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
