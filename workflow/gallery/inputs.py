"""Inputs of config/gallery.yaml that ranges cannot say: caches, edges, masks by lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

WORDS, LAYERS, HEADS, WIDTH = 97, 2, 2, 8  # of the language models in config/gallery.yaml
Sizes = Mapping[str, int]


def photo(seed: int) -> dict[str, Any]:
    """An image of noise in a list; on one color, boxes of a kind have equal scores."""
    return {"images": [torch.rand(3, 64, 80)]}


def prefill(seed: int, sizes: Sizes | None = None) -> dict[str, Any]:
    """A prompt; `logits` and the filled cache are the results."""
    at = {"batch": 2, "length": 7, **(sizes or {})}
    shape = at["batch"], at["length"]
    return {
        "input_ids": torch.randint(3, WORDS, shape),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "use_cache": True,
    }


def one_step(seed: int, sizes: Sizes | None = None) -> dict[str, Any]:
    """One more token behind a filled cache."""
    from transformers import DynamicCache

    at = {"batch": 2, "past": 5, **(sizes or {})}
    shape = at["batch"], HEADS, at["past"], WIDTH
    layers = [(torch.randn(shape), torch.randn(shape)) for _ in range(LAYERS)]
    return {
        "input_ids": torch.randint(3, WORDS, (at["batch"], 1)),
        "attention_mask": torch.ones(at["batch"], at["past"] + 1, dtype=torch.int64),
        "past_key_values": DynamicCache(layers),
        "use_cache": True,
    }


def padded(seed: int, sizes: Sizes | None = None) -> dict[str, torch.Tensor]:
    """Sentences of different lengths, padded at the end."""
    at = {"batch": 3, "length": 9, **(sizes or {})}
    lengths = torch.randint(1, at["length"] + 1, (at["batch"],))
    lengths[0] = at["length"]
    mask = (torch.arange(at["length"]) < lengths[:, None]).long()
    words = torch.randint(3, WORDS, (at["batch"], at["length"]))
    return {"input_ids": words * mask, "attention_mask": mask}


def graph(seed: int, sizes: Sizes | None = None) -> dict[str, torch.Tensor]:
    """Features of nodes and edges between random ones, some of them twice."""
    at = {"nodes": 6, "edges": 14, **(sizes or {})}
    edges = torch.randint(0, at["nodes"], (2, at["edges"]))
    return {"x": torch.randn(at["nodes"], 5), "edge_index": edges}
