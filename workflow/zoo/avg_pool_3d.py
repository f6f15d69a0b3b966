"""Three spatial dimensions, unequal kernel, ceil mode without padding."""

from torch import Tensor, nn


class AvgPool3d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool3d((2, 3, 2), stride=(2, 1, 3), ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
