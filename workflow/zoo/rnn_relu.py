"""A plain recurrence with Relu: RNN-14 adds `layout`."""

from torch import Tensor, nn


class RnnRelu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 4, nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, last = self.rnn(x)
        return y, last
