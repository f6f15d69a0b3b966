"""The logarithm of a sigmoid far into its tail, where the naive formula gives minus infinity."""

from torch import Tensor, nn
from torch.nn import functional as F


class LogSigmoid(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.logsigmoid(x)
