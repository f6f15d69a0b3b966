"""Triangles off the main diagonal: Trilu since opset 14, a mask before."""

from torch import Tensor, nn


class Triangle(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.tril(-1), x.triu(1)
