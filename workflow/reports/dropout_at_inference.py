"""Dropout that is on at inference, for Monte Carlo sampling.

https://github.com/onnx/onnx/issues/4855
"""

from torch import Tensor, nn
from torch.nn import functional as F


class DropoutAtInference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.dropout(self.first(x).relu(), p=0.5, training=True))
