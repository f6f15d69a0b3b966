"""Average pooling whose last window would begin in the padding, which torch leaves out.

https://github.com/pytorch/pytorch/issues/131272
"""

from torch import Tensor, nn


class PoolingSkipsAWindow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride=3, padding=1, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)
