"""A complex Fourier transform over an inner axis, normalized."""

import torch
from torch import Tensor, nn


class FourierInnerAxis(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.fft(x, dim=1, norm="ortho"))
