"""The case that started the project: an empty `roi` on Resize, gone at opset 13.

Resize-11 requires `roi`; Resize-13 makes it optional, and the exporter stops writing it.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class SimpleModel(nn.Module):
    def __init__(self, scale_factor: float | Sequence[float] = 2) -> None:
        super().__init__()
        # YAML has lists, torch wants tuples.
        scale = tuple(scale_factor) if isinstance(scale_factor, Sequence) else scale_factor
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.relu = nn.ReLU()
        self.upsample = nn.Upsample(scale_factor=scale, mode="bilinear", align_corners=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(self.relu(self.conv(x)))
