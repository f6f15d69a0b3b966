"""A plain layer: which IR version does a file have at which opset?

https://github.com/microsoft/onnxruntime/issues/20559
"""

from torch import Tensor, nn


class IrVersion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)
