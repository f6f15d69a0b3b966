"""Three spatial dimensions with unequal kernel and padding."""

from torch import Tensor, nn


class Conv3d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 3, (2, 3, 1), padding=(1, 0, 0))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
