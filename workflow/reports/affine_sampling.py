"""A spatial transformer: an affine grid and the sampling that follows it.

https://github.com/pytorch/pytorch/issues/67320
"""

from torch import Tensor, nn
from torch.nn import functional as F


class AffineSampling(nn.Module):
    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        grid = F.affine_grid(theta, [1, 2, 3, 4], align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)
