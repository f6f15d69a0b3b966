"""A product in index notation: Einsum is there since opset 12.

https://github.com/open-mmlab/mmdeploy/issues/1624
"""

import torch
from torch import Tensor, nn


class EinsumProduct(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.einsum("bij,bjk->bik", x, y)
