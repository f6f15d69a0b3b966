"""Extremes over an inner axis: ReduceMax-18 and ReduceMin-18 take `axes` as an input."""

from torch import Tensor, nn


class ReduceExtremes(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.amax(dim=1), x.amin(dim=(0, 2))
