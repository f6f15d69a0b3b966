"""A negative axis, kept: negative axes are allowed since ReduceSum-11."""

from torch import Tensor, nn


class SumKeepdimNegative(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=-2, keepdim=True)
