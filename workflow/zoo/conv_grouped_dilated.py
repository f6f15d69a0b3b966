"""Groups, dilation and a stride that leaves a remainder."""

from torch import Tensor, nn


class ConvGroupedDilated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 3, stride=2, dilation=2, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
