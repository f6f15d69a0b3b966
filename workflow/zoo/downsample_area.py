"""Area interpolation, which is adaptive average pooling."""

from torch import Tensor, nn
from torch.nn import functional as F


class DownsampleArea(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=(4, 3), mode="area")
