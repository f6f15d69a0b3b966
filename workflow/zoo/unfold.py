"""Overlapping patches as columns: gathers, since ONNX has no Im2Col."""

from torch import Tensor, nn
from torch.nn import functional as F


class Unfold(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.unfold(x, kernel_size=(3, 2), dilation=(1, 2), padding=1, stride=2)
