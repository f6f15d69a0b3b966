"""A real architecture of `transformers` or any other library, with random weights.

Nothing is downloaded. Parameters with trivial initial values are randomized: normalizations start
with scale 1, shift 0, mean 0 and variance 1, layer scales at 1e-6 and biases at 0, so that a file
without them would compute the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Pretrained(nn.Module):
    """A model of `transformers` with positional inputs and plain tensors as outputs."""

    def __init__(
        self,
        model: str,
        config: dict[str, Any],
        inputs: list[str],
        outputs: list[str],
        options: dict[str, Any] | None = None,
        configuration: str = "",
    ) -> None:
        """Build it.

        Args:
            model: a class of `transformers`, or of a module below it (`models.clip.…:Class`).
            config: keyword arguments of the class's configuration.
            inputs: names of the arguments of its forward pass, at most three.
            outputs: names of the requested results, in this order.
            options: further arguments of its forward pass, such as `use_cache`.
            configuration: the class of its configuration, if the model does not name it.
        """
        super().__init__()
        module, _, name = model.rpartition(":")
        library = importlib.import_module("transformers")
        place = importlib.import_module(f"transformers.{module}") if module else library
        chosen = getattr(place, name)
        settings = getattr(library, configuration) if configuration else chosen.config_class
        made = settings(**config)
        # The plain formula: fused kernels and their fallbacks are not part of the architecture.
        made._attn_implementation = "eager"
        self.model = chosen(made)
        self.inputs, self.outputs, self.options = inputs, outputs, options or {}
        _keep_signals_alive(self.model)
        _vary_constants(self.model)

    def forward(
        self,
        first: torch.Tensor,
        second: torch.Tensor | None = None,
        third: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Call the model by the names of its arguments; return the requested results."""
        given = dict(zip(self.inputs, (first, second, third), strict=False))
        result = self.model(**given, **self.options)
        found = (result,) if isinstance(result, torch.Tensor) else map(result.get, self.outputs)
        return tuple(found)


def varied(factory: Callable[..., nn.Module], **arguments: Any) -> nn.Module:
    """A module as its library makes it, with the constants among its parameters varied."""
    module = factory(**arguments)
    _keep_signals_alive(module)
    _vary_constants(module)
    return module


@torch.no_grad()
def _keep_signals_alive(module: nn.Module) -> None:
    """Initialize convolutions as He et al. do: with 0.02 throughout, small inputs would vanish."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.weight.is_leaf:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


@torch.no_grad()
def _vary_constants(module: nn.Module) -> None:
    """Give random values to every parameter and running statistic that is constant."""
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if not value.is_floating_point() or value.numel() < 2 or value.min() != value.max():
            continue
        if name.endswith("var") or float(value.flatten()[0]) != 0:
            value.uniform_(0.5, 1.5)
        else:
            value.normal_(std=0.1)
