"""InstanceNorm without statistics: the exporter warns that it exports with `train=True`.

https://github.com/pytorch/pytorch/issues/94604
"""

from torch import Tensor, nn


class InstanceNormWarning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)
