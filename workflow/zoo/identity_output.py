"""The input itself as an output: a graph output needs a node, Identity."""

from torch import Tensor, nn


class IdentityOutput(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x * 2
