"""Ceil mode: MaxPool-10 adds `ceil_mode`; before, an exporter has to refuse or pad."""

from torch import Tensor, nn


class MaxPoolCeil(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
