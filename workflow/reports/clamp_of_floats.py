"""Floats clamped: the bounds are attributes up to opset 10 and inputs from 11 on.

https://github.com/microsoft/onnxruntime/issues/3364
"""

from torch import Tensor, nn


class ClampOfFloats(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(-1, 1)
