"""A window over channels of odd size: LRN, or a padded pooling of squares."""

from torch import Tensor, nn


class LocalResponseNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LocalResponseNorm(3, alpha=0.5, beta=0.75, k=2.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)
