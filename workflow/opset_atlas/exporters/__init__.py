"""Exporters: one module each, found by its name. To add one, add a file with

- `PACKAGES`: the distributions whose versions decide what it writes;
- `NEEDS_BASE`: whether it starts from another exporter's files instead of the module;
- `prepare(job) -> Export`: called once per sweep, in the process that will do the sweep. The
  function that it returns writes one file for one opset, and raises what the exporter raises;
- optionally `together(spec, opsets)`: groups of opsets, each exported by a process of its own,
  where an export would leave something in a process that changes a later one.

A module imports its packages inside `prepare`, so that naming exporters costs nothing. Nothing here
judges a result: what a file is, the export stage reads from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from opset_atlas import plugins

# Export one opset to a path; returns what the file was made from ("" for the module itself).
Export = Callable[[int, Path], str]


class Unavailable(Exception):
    """The request lies outside what the installed packages know; nothing was tried."""


@dataclass(frozen=True)
class Job:
    """What an exporter gets.

    `spec` is the sweep's specification, `define` the folder of the define stage, `base` the export
    folder that a conversion starts from.
    """

    spec: Mapping[str, Any]
    define: Path
    base: Path | None


def load(name: str) -> ModuleType:
    """The module of an exporter."""
    return plugins.load("exporters", name)
