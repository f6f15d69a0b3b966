"""A given first state: GRU with `linear_before_reset`; GRU-14 adds `layout`."""

from torch import Tensor, nn


class Gru(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4)

    def forward(self, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        y, last = self.gru(x, hidden)
        return y, last
