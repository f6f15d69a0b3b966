"""A bilinear form of two inputs: Einsum, or products and sums."""

from torch import Tensor, nn


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(4, 5, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.bilinear(x, y)
