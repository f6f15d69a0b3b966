"""Bilinear upsampling without aligned corners: Upsample, Resize with scales, Resize with `roi`.

https://2048ai.net/684157db870cef73606331d6.html
"""

from torch import Tensor, nn
from torch.nn import functional as F


class BilinearUpsample(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
