"""A reshape computed from the input's own shape: Shape-15 adds `start` and `end`."""

from torch import Tensor, nn


class ShapeArithmetic(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1] * x.shape[2], -1) / x.shape[-1]
