"""One bound only: Clip-11 leaves the other as an omitted optional input."""

import torch
from torch import Tensor, nn


class ClampOneSide(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(x, min=-0.25)
