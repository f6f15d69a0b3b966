"""Attention with a boolean mask that leaves nothing of one row.

https://github.com/microsoft/onnxscript/pull/2479
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FullyMaskedRow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        mask = torch.ones(4, 4, dtype=torch.bool)
        mask[1] = False
        self.register_buffer("mask", mask)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=self.mask)
