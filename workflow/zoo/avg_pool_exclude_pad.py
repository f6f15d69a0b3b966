"""Padding left out of the mean: `count_include_pad=0`, on sizes that the stride does not divide."""

from torch import Tensor, nn


class AvgPoolExcludePad(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d((3, 2), stride=2, padding=(1, 1), count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
