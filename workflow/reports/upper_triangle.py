"""The upper triangle of a matrix: Trilu is there since opset 14.

https://github.com/onnx/onnx/issues/4830
"""

import torch
from torch import Tensor, nn


class UpperTriangle(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.triu(x, diagonal=1)
