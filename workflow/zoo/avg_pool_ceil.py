"""Ceil mode with padding counted: AveragePool-10 adds `ceil_mode`, -19 adds `dilations`.

The last window hangs over the padded edge, where PyTorch divides by what is left of it.
"""

from torch import Tensor, nn


class AvgPoolCeil(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
