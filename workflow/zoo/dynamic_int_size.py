"""A size that goes through `int`: a tracer keeps the traced value."""

from torch import Tensor, nn


class DynamicIntSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, int(x.shape[1]) * 3).sigmoid()
