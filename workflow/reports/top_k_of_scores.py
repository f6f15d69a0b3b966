"""The best scores: is `k` a constant in the file?

https://github.com/open-mmlab/mmdeploy/issues/2149
"""

import torch
from torch import Tensor, nn


class TopKOfScores(nn.Module):
    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = torch.sort(scores, dim=0, descending=True)
        return values[:4], indices[:4]
