"""Cosine similarity along an inner axis."""

from torch import Tensor, nn
from torch.nn import functional as F


class CosineSimilarity(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.cosine_similarity(x, y, dim=1)
