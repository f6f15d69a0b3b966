"""Modules of ordinary size, none of which was used to choose the parity rule.

Affine parameters and running statistics are random: constant ones hide faults.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResNet(nn.Module):
    """Eight residual blocks with batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3), _norm(16), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        sizes = [(16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.blocks = nn.Sequential(*(_Block(*size) for size in sizes))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, 10]."""
        return self.head(self.blocks(self.pool(self.stem(x))).mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inside, out, 3, stride, 1), _norm(out), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(out, out, 3, 1, 1), _norm(out))
        self.skip = nn.Conv2d(inside, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.skip(x))


class UNet(nn.Module):
    """Down and up again with bilinear upsampling, skip connections and leaky activations."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in [(3, 8), (8, 16), (16, 32)])
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, 1, 1) for a, b in [(48, 16), (24, 8), (11, 8)])
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, 4, H, W], probabilities over axis 1."""
        kept = []
        for layer in self.down:
            kept.append(x)
            x = F.leaky_relu(layer(x), 0.2)
        for layer in self.up:
            skip = kept.pop()
            x = F.interpolate(x, skip.shape[2:], mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(torch.cat([x, skip], 1)), 0.2)
        return self.last(x).softmax(1)


class Encoder(nn.Module):
    """Six pre-norm attention blocks with a mask, and a head over the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(24, 48)
        self.place = nn.Parameter(torch.randn(12, 48))
        self.layers = nn.Sequential(*(_Attention(48, 4) for _ in range(6)))
        self.head = nn.Linear(48, 7)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 12, 24] to [N, 7]."""
        return self.head(self.layers(self.embed(x) + self.place)[:, 0])


class _Attention(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(_randomized(nn.LayerNorm(size)) for _ in range(2))
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        parts = self.qkv(self.norms[0](x)).reshape(n, t, 3, self.heads, c // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, c)
        x = x + self.out(mixed)
        return x + self.mlp(self.norms[1](x))


class Decoder(nn.Module):
    """Four causal blocks with RMS normalization, rotary embedding and a gated unit."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.layers = nn.ModuleList(_Causal(32, 4) for _ in range(4))
        self.head = nn.Linear(32, 50, bias=False)
        angle = torch.arange(10)[:, None] / 100 ** (torch.arange(0, 4) / 4)
        self.register_buffer("cos", angle.cos().repeat(1, 2))
        self.register_buffer("sin", angle.sin().repeat(1, 2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Integer tokens [N, 10] to scores [N, 10, 50]."""
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return self.head(x)


class _Causal(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = nn.ParameterList(torch.rand(size) + 0.5 for _ in range(2))
        self.q, self.k, self.v, self.out = (nn.Linear(size, size, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(size, 64), nn.Linear(size, 64)
        self.down = nn.Linear(64, size)
        self.register_buffer("mask", torch.full((10, 10), -torch.inf).triu(1))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        n, t, c = x.shape
        h = self._norm(x, 0)
        q, k, v = (
            layer(h).view(n, t, self.heads, -1).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        q, k = (y * cos + torch.cat([-y[..., 4:], y[..., :4]], -1) * sin for y in (q, k))
        weights = (q @ k.transpose(-2, -1) / 8**0.5 + self.mask).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(n, t, c))
        h = self._norm(x, 1)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))

    def _norm(self, x: Tensor, which: int) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.scale[which]


class Recurrent(nn.Module):
    """Two bidirectional LSTM layers and a GRU on top."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 24, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(48, 12, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """[N, T, 16] to [N, T, 12]."""
        return self.gru(self.lstm(x)[0])[0]


class Detector(nn.Module):
    """Boxes of hundreds of pixels and scores below one, in one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.SiLU()
        )
        self.boxes, self.scores = nn.Conv2d(32, 4, 1), nn.Conv2d(32, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, H * W / 16, 9]: four coordinates and five scores."""
        features = self.body(x)
        boxes = self.boxes(features).flatten(2).tanh() * 300 + 320
        scores = self.scores(features).flatten(2).sigmoid()
        return torch.cat([boxes, scores], 1).transpose(1, 2)


class ConvNext(nn.Module):
    """Depthwise convolutions, normalization over channels, GELU, and a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 2, 2)
        self.depthwise = nn.ModuleList(nn.Conv2d(32, 32, 7, 1, 3, groups=32) for _ in range(4))
        self.norms = nn.ModuleList(_randomized(nn.LayerNorm(32, eps=1e-6)) for _ in range(4))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32)) for _ in range(4)
        )
        self.last = nn.Conv2d(32, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, 3, H, W]."""
        x = self.stem(x)
        for depthwise, norm, mlp in zip(self.depthwise, self.norms, self.mlps, strict=True):
            x = x + mlp(norm(depthwise(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return F.pixel_shuffle(self.last(x), 2)


def _norm(size: int) -> nn.Module:
    layer = _randomized(nn.BatchNorm2d(size))
    nn.init.normal_(layer.running_mean, 0, 0.3)
    nn.init.uniform_(layer.running_var, 0.5, 2)
    return layer


def _randomized(layer: nn.Module) -> nn.Module:
    nn.init.uniform_(layer.weight, 0.5, 1.5)
    nn.init.normal_(layer.bias, 0, 0.3)
    return layer
