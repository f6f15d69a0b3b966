"""Inputs from files: each file is an input set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from opset_atlas.models.arguments import Misused
from opset_atlas.models.loading import load_callable


def read(file: str, transform: str | None, dtype: torch.dtype) -> Any:
    """What a module is called with, as `arguments.bind` takes it.

    Args:
        transform: a callable that gets the path and returns it.
        dtype: of the module; arrays of an `.npz` in float64, which is only numpy's default, become
            of this type.

    Raises:
        Misused: the file holds something else.
        Whatever the transform or a reader raises.
    """
    path = Path(file)
    if transform:
        return load_callable(transform)(path)
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    if path.suffix != ".npz":
        return torch.load(path, map_location="cpu", weights_only=True)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: _tensor(name, arrays, path, dtype) for name in arrays.files}


def _tensor(name: str, arrays: Mapping[str, Any], path: Path, dtype: torch.dtype) -> torch.Tensor:
    try:
        tensor = torch.from_numpy(np.asarray(arrays[name]))
    except (TypeError, ValueError) as error:  # text, objects, big-endian numbers
        raise Misused(f"inputs: {path}: {name}: {error}") from error
    return tensor.to(dtype) if tensor.dtype == torch.float64 else tensor
