"""Transposed convolution with `output_padding`, groups and dilation."""

from torch import Tensor, nn


class ConvTranspose(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
