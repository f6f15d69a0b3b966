"""A causal mask made for a dynamic length."""

import torch
from torch import Tensor, nn


class DynamicCausalMask(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.transpose(-1, -2)
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        return scores.masked_fill(~mask, -torch.inf).softmax(-1) @ x
