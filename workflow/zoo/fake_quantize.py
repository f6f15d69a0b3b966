"""Rounding to 8 bits and back: QuantizeLinear and DequantizeLinear 10, 13, 19, 21, 23."""

import torch
from torch import Tensor, nn


class FakeQuantize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, 0.017, 7, 0, 255)
