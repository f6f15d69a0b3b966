"""A custom divisor (`divisor_override`), for which AveragePool has no attribute."""

from torch import Tensor, nn


class AvgPoolDivisor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride=2, divisor_override=5)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
