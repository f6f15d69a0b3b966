"""A descending order: TopK over the whole axis."""

from torch import Tensor, nn


class Sort(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = x.sort(dim=1, descending=True)
        return values, indices
