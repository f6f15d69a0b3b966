"""The versions of torch and onnxscript whose functions `_memory.py` may replace: `_compared.yaml`.

Each entry was compared by `make compare-torch` or `make truth`: the same cells in fresh processes,
in which nothing is replaced. With any other versions nothing is replaced either.
"""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "onnxscript")
TABLE = Path(__file__).with_suffix(".yaml")


@functools.cache
def table() -> list[dict[str, Any]]:
    """What was compared, one entry per pair of versions."""
    import yaml

    return list(yaml.safe_load(TABLE.read_text(encoding="utf-8")) or [])


def unknown() -> str:
    """Which versions were not compared, in words; "" if they were, or are not installed."""
    try:
        found = {name: importlib.metadata.version(name) for name in PACKAGES}
    except importlib.metadata.PackageNotFoundError:
        return ""
    # Local tags, such as `+cpu`, do not count: they name the build, not the code.
    found = {name: version.partition("+")[0] for name, version in found.items()}
    if any(found.items() <= entry.items() for entry in table()):
        return ""
    return f"{' with '.join(map(' '.join, found.items()))} was not compared"
