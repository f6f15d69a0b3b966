"""An integer and a float tensor added: Add takes one type, so a Cast is needed."""

from torch import Tensor, nn


class TypePromotion(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y * 2
