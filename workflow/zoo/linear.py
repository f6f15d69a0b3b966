"""A fully connected layer on a matrix: Gemm, whose C is optional since opset 11."""

from torch import Tensor, nn


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)
