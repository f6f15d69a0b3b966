"""The 2-norm over two axes: ReduceL2-18 takes `axes` as an input."""

import torch
from torch import Tensor, nn


class NormL2(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, ord=2, dim=(0, 2))
