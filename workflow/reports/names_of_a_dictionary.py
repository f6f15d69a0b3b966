"""Outputs in a dictionary, named in another order than they are returned.

https://github.com/pytorch/pytorch/issues/165758
"""

from torch import Tensor, nn


class NamesOfADictionary(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"doubled": x * 2, "squared": x * x}
