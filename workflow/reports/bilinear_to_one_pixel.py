"""Bilinear resizing to a single pixel.

https://github.com/pytorch/pytorch/issues/183523
"""

from torch import Tensor, nn
from torch.nn import functional as F


class BilinearToOnePixel(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=(1, 1), mode="bilinear", align_corners=False)
