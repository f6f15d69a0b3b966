"""A power-average pooling: LpPool is an operator, PyTorch writes it as AveragePool and Pow."""

from torch import Tensor, nn


class LpPool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.LPPool2d(2, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
