"""An inverse, for which ONNX has no operator."""

import torch
from torch import Tensor, nn


class MatrixInverse(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.inv(x + 4 * torch.eye(3))
