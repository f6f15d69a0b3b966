"""Two remainders that differ in sign: Mod, whose `fmod=1` is the only float form."""

import torch
from torch import Tensor, nn


class RemainderSign(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.remainder(x, 0.7), torch.fmod(x, 0.7)
