"""A convolution whose padding reflects: Pad before Conv."""

from torch import Tensor, nn


class ConvReflect(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
