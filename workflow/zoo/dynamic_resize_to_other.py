"""One image resized to the size of another, both dynamic."""

from torch import Tensor, nn
from torch.nn import functional as F


class DynamicResizeToOther(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.interpolate(x, size=y.shape[-2:], mode="bilinear", align_corners=False) + y
