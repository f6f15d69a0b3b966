"""A dictionary of outputs, flattened in its order."""

import torch
from torch import Tensor, nn


class DictionaryOutput(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"positive": torch.relu(x), "negative": torch.relu(-x)}
