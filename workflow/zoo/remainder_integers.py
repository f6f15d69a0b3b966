"""Two remainders of integers that differ in sign: Mod with `fmod` 0 and 1."""

import torch
from torch import Tensor, nn


class RemainderIntegers(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.remainder(x, -3), torch.fmod(x, 3)
