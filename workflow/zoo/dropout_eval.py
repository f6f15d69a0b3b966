"""Dropout in evaluation, the identity: Dropout-12 takes its ratio and mode as inputs."""

from torch import Tensor, nn


class DropoutEval(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.4)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x) * 2
