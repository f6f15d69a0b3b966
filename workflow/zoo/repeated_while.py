"""A loop with a tensor condition (`while_loop`): Loop, or nothing at all."""

import torch
from torch import Tensor, nn
from torch._higher_order_ops.while_loop import while_loop


class RepeatedWhile(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        count = torch.zeros((), dtype=torch.int64)
        return while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, y * 0.5 + i), (count, x))[1]
