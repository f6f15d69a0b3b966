"""nn.MultiheadAttention with a mask, the length left open.

https://github.com/pytorch/pytorch/issues/120075
"""

from torch import Tensor, nn


class AttentionOfOpenLength(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]
