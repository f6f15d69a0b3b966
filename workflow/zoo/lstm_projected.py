"""A projected hidden state (`proj_size`), which the LSTM operator does not have."""

from torch import Tensor, nn


class LstmProjected(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, proj_size=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]
