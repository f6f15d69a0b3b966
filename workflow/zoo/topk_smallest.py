"""The smallest along the first axis: TopK-11's `largest=0`."""

from torch import Tensor, nn


class TopkSmallest(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = x.topk(4, dim=0, largest=False)
        return values, indices
