"""RoiAlign by a symbolic written for opset 10: RoiAlign-16 changes the default of the coordinates.

One sample per bin, so that the operator is a bilinear sampling at the bins' centers.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _RoiAlign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rois: Tensor, batch: Tensor) -> Tensor:
        steps = (torch.arange(3, dtype=x.dtype) + 0.5) / 3
        u = rois[:, 0, None] + (rois[:, 2] - rois[:, 0])[:, None] * steps
        v = rois[:, 1, None] + (rois[:, 3] - rois[:, 1])[:, None] * steps
        grid = torch.stack((u[:, None, :].expand(-1, 3, 3), v[:, :, None].expand(-1, 3, 3)), dim=-1)
        return F.grid_sample(
            x[batch], grid * (2 / 7) - 1, padding_mode="border", align_corners=True
        )

    @staticmethod
    def symbolic(g: Any, x: Any, rois: Any, batch: Any) -> Any:
        pooled = g.op(
            "RoiAlign", x, rois, batch, output_height_i=3, output_width_i=3, sampling_ratio_i=1
        )
        return pooled.setType(x.type().with_sizes([2, 2, 3, 3]))


class RoiAlignSymbolic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rois", torch.tensor([[0.5, 1.0, 4.5, 6.0], [2.0, 1.5, 6.5, 5.0]]))
        self.register_buffer("batch", torch.tensor([1, 0]))

    def forward(self, x: Tensor) -> Tensor:
        return _RoiAlign.apply(x, self.rois, self.batch)
