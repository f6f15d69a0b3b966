"""The batch of the example written into a reshape, while the batch is to stay open.

https://github.com/pytorch/pytorch/issues/133653
"""

from torch import Tensor, nn


class FixedReshape(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.classify = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(x.reshape(2, 12))
