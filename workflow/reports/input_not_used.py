"""A second input that the model never reads.

https://github.com/pytorch/pytorch/issues/104949
"""

from torch import Tensor, nn


class InputNotUsed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 1)

    def forward(self, input_a: Tensor, input_b: Tensor) -> Tensor:
        return self.linear(input_a)
