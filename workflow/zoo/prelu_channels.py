"""A slope per channel: PRelu broadcasts from the right, so the slope must be reshaped."""

from torch import Tensor, nn


class PreluChannels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.prelu = nn.PReLU(3)
        nn.init.normal_(self.prelu.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(x)
