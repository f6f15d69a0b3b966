"""Two index tensors around a slice: transposes and GatherND, which gets `batch_dims` in -12."""

from torch import Tensor, nn


class IndexTwoAxes(nn.Module):
    def forward(self, x: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return x[i, :, j]
