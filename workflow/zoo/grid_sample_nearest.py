"""Nearest sampling, reflected, with aligned corners."""

from torch import Tensor, nn
from torch.nn import functional as F


class GridSampleNearest(nn.Module):
    def forward(self, x: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(x, grid, mode="nearest", padding_mode="reflection", align_corners=True)
