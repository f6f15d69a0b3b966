"""A median along an axis: TopK and a pick, or nothing at all."""

from torch import Tensor, nn


class Median(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.median(dim=1).values
