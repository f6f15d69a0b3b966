"""A cosine in double precision.

https://github.com/microsoft/onnxruntime/issues/19710
"""

import torch
from torch import Tensor, nn


class CosineInDouble(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cos(x.double()).float()
