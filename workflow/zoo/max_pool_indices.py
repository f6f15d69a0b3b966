"""The positions beside the values: ONNX counts indices over the whole tensor, PyTorch per plane."""

from torch import Tensor, nn


class MaxPoolIndices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d((3, 2), stride=(2, 2), return_indices=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.pool(x)
