"""One spatial dimension, shrinking: linear Resize of a three-dimensional tensor."""

from torch import Tensor, nn
from torch.nn import functional as F


class UpsampleLinear(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=5, mode="linear", align_corners=True)
