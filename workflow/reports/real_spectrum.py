"""The magnitude of a real signal's spectrum (`torch.fft.rfft`).

https://github.com/pytorch/pytorch/issues/112382
"""

import torch
from torch import Tensor, nn


class RealSpectrum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.rfft(x).abs()
