"""Fake quantization per channel: `axis` of QuantizeLinear is there since opset 13.

https://github.com/pytorch/pytorch/issues/39502
"""

import torch
from torch import Tensor, nn


class QuantizedPerChannel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor([0.1, 0.2, 0.05]))
        self.register_buffer("zero", torch.zeros(3, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_channel_affine(x, self.scale, self.zero, 1, -128, 127)
