"""A product in bfloat16 between float32 ends.

https://github.com/onnx/onnx/issues/7393
"""

import torch
from torch import Tensor, nn


class ProductInBfloat16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.bfloat16) @ self.weight.to(torch.bfloat16)).float()
