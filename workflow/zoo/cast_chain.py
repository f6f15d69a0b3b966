"""Casts to integers, booleans and bytes: Cast-19 adds `saturate`, for 8-bit floats only."""

import torch
from torch import Tensor, nn


class CastChain(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x.to(torch.int64), x.to(torch.bool), x.to(torch.int8)
