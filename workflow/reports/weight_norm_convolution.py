"""A convolution under weight normalization.

https://github.com/microsoft/onnxruntime/issues/3143
"""

from torch import Tensor, nn


class WeightNormConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 3, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).relu()
