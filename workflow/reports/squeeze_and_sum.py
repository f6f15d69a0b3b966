"""An axis squeezed and another summed: the axes are attributes up to opset 12, then inputs.

https://github.com/microsoft/onnxruntime/issues/7338
"""

from torch import Tensor, nn


class SqueezeAndSum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.squeeze(1).sum(dim=1)
