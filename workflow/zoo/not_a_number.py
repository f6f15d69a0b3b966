"""NaN and infinities found and replaced: IsNaN (9), IsInf (10)."""

import torch
from torch import Tensor, nn


class NotANumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        ratio = x.to(torch.float32) / (x - 1).to(torch.float32)
        return torch.nan_to_num(ratio, nan=7.0, posinf=9.0, neginf=-9.0) + ratio.isinf()
