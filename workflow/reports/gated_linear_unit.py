"""A gated linear unit asked for at opset 18.

https://github.com/pytorch/pytorch/issues/107685
"""

from torch import Tensor, nn


class GatedLinearUnit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.GLU(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(x)
