"""Integers clamped: Clip takes them since opset 12.

https://github.com/microsoft/onnxruntime/issues/20674
"""

from torch import Tensor, nn


class ClampOfIntegers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 7)
