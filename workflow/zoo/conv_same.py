"""`padding="same"` with an even kernel: the padding is uneven."""

from torch import Tensor, nn


class ConvSame(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, (4, 3), padding="same")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
