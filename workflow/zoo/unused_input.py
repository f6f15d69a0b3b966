"""An input that nothing reads: whether the graph keeps it is the exporter's choice."""

from torch import Tensor, nn


class UnusedInput(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x * 3 + 1
