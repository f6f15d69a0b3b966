"""Uneven constant padding: Pad-11 takes `pads` and the value as inputs, Pad-18 adds `axes`."""

from torch import Tensor, nn
from torch.nn import functional as F


class PadConstant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (1, 3, 2, 0), value=0.75)
