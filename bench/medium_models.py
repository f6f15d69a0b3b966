"""Models of tens to hundreds of MB, shaped like well-known ones, with random weights."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3, 1 × 1 convolutions with batch normalization, and a shortcut."""

    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(given, width, 1),
            nn.ReLU(),
            *_convolution(width, width, 3, stride),
            nn.ReLU(),
            *_convolution(width, 4 * width, 1),
        )
        other = stride > 1 or given != 4 * width
        self.shortcut = (
            nn.Sequential(*_convolution(given, 4 * width, 1, stride)) if other else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, given, h, w] to [n, 4 * width, h / stride, w / stride]."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet50(nn.Module):
    """The layers of ResNet-50: 25.6 million parameters, 102 MB."""

    def __init__(self) -> None:
        super().__init__()
        stem = (*_convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        blocks: list[nn.Module] = []
        given = 64
        for width, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
            for i in range(depth):
                blocks.append(Bottleneck(given, width, 2 if i == 0 and width > 64 else 1))
                given = 4 * width
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given, 1000))
        self.layers = nn.Sequential(*stem, *blocks, *head)

    def forward(self, image: Tensor) -> Tensor:
        """[n, 3, h, w] to [n, 1000]."""
        return self.layers(image)


class UNet(nn.Module):
    """Four levels of convolutions down and up, joined across: 10 million parameters, 40 MB."""

    def __init__(self, width: int = 36) -> None:
        super().__init__()
        sizes = [width * 2**i for i in range(5)]
        self.down = nn.ModuleList(
            nn.Sequential(*_convolution(a, b, 3), nn.ReLU(), *_convolution(b, b, 3), nn.ReLU())
            for a, b in zip([3, *sizes], sizes, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, 2) for a, b in itertools.pairwise(sizes)
        )
        self.joined = nn.ModuleList(
            nn.Sequential(*_convolution(2 * a, a, 3), nn.ReLU(), *_convolution(a, a, 3), nn.ReLU())
            for a in sizes[:-1]
        )
        self.head = nn.Conv2d(width, 5, 1)

    def forward(self, image: Tensor) -> Tensor:
        """[n, 3, h, w] to [n, 5, h, w]; h and w are multiples of 16."""
        kept = []
        x = image
        for i, level in enumerate(self.down):
            x = level(x if i == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for i in range(len(self.up) - 1, -1, -1):
            x = self.joined[i](torch.cat([kept[i], self.up[i](x)], dim=1))
        return self.head(x)


class Layer(nn.Module):
    """Attention and a feed-forward part, each with a shortcut and layer normalization after it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wider, self.narrower = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """[n, length, width], twice."""
        n, length, width = x.shape
        q, k, v = (
            part(x).view(n, length, self.heads, width // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads)
        mixed = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(n, length, width)
        x = self.norms[0](x + self.out(mixed))
        return self.norms[1](x + self.narrower(nn.functional.gelu(self.wider(x))))


class BertBase(nn.Module):
    """The layers of BERT base: 109 million parameters, 436 MB."""

    def __init__(self, tokens: int = 30522, width: int = 768, depth: int = 12) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(512, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(*(Layer(width, width // 64) for _ in range(depth)))

    def forward(self, ids: Tensor) -> Tensor:
        """[n, length] to [n, length, width]."""
        places = self.places.weight[: ids.shape[1]]
        return self.layers(self.norm(self.tokens(ids) + places))


def _convolution(given: int, made: int, size: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(given, made, size, stride, size // 2, bias=False)
    return convolution, nn.BatchNorm2d(made)
