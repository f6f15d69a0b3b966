"""Square roots, reciprocals and their combination."""

from torch import Tensor, nn


class Roots(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt() + x.rsqrt() * 2 + x.reciprocal() * 3 + x.abs().neg() + x.ceil() - x.floor()
