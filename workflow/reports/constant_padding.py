"""Constant padding: its widths are attributes up to opset 10 and inputs from 11 on.

https://github.com/NVIDIA/TensorRT/issues/439
"""

from torch import Tensor, nn


class ConstantPadding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ConstantPad2d((1, 0, 0, 0), 0)

    def forward(self, x: Tensor) -> Tensor:
        return self.pad(x)
