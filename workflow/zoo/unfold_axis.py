"""Sliding windows along an axis (`Tensor.unfold`) with a step that leaves a remainder."""

from torch import Tensor, nn


class UnfoldAxis(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.unfold(1, 4, 3)
