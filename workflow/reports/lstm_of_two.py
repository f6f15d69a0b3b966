"""An LSTM exported with a batch of two and the batch left open.

https://github.com/onnx/onnx/issues/3182
"""

from torch import Tensor, nn


class LstmOfTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]
