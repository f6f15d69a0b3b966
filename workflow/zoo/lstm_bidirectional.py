"""Two directions, two layers, batch first: LSTM-14 adds `layout`."""

from torch import Tensor, nn


class LstmBidirectional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, (hidden, cell) = self.lstm(x)
        return y, hidden, cell
