"""Transformer blocks of any width, whose weights are large and whose graph is small."""

from __future__ import annotations

import torch
from torch import nn


class Blocks(nn.Module):
    """`depth` blocks of 12 · width² weights each: [batch, length, width] in and out."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Through all blocks."""
        result: torch.Tensor = self.blocks(x)
        return result


class Block(nn.Module):
    """Attention over one head and a feed-forward part, each with its normalization before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before_attention, self.before_wide = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.wide = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both parts, each added to what it was given."""
        query, key, value = self.query_key_value(self.before_attention(x)).chunk(3, dim=-1)
        weights = torch.softmax(query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5, dim=-1)
        x = x + self.joined(weights @ value)
        result: torch.Tensor = x + self.wide(self.before_wide(x))
        return result
