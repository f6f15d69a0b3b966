"""A fully connected layer without bias on three dimensions: MatMul."""

from torch import Tensor, nn


class LinearWithoutBias(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)
