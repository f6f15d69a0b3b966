"""Softmax over the channels of an image: the file has a transposition and axis 3 instead of 1.

https://github.com/onnx/onnx/issues/5460
"""

from torch import Tensor, nn


class SoftmaxBeforeTheLastAxis(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(dim=1)
