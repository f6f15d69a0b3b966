"""The tanh approximation: Gelu-20's `approximate`, a subgraph with Pow and Tanh before."""

from torch import Tensor, nn
from torch.nn import functional as F


class GeluTanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate="tanh")
