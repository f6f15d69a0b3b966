"""The largest of integers, several of which are equal.

https://github.com/microsoft/onnxscript/issues/853
"""

from torch import Tensor, nn


class TopKTies(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = x.topk(3, dim=1)
        return values, indices
