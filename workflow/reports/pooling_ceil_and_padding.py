"""Average pooling with `ceil_mode` and `count_include_pad`: the windows at the border.

https://github.com/pytorch/pytorch/issues/183528
"""

from torch import Tensor, nn
from torch.nn import functional as F


class PoolingCeilAndPadding(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=True)
