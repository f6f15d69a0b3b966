"""Windowed spectra: STFT exists since opset 17."""

import torch
from torch import Tensor, nn


class ShortTimeFourier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(16))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stft(x, 16, 8, window=self.window, center=False, return_complex=False)
