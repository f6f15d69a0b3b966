"""Exporters: one file each, found by its name. Adding one takes one file and no change elsewhere.

A file says about itself, in constants that are read from its text without importing it:

- `PACKAGES`: the distributions whose versions decide what it writes;
- `NEEDS_BASE`: whether it converts a file (another exporter's, or the user's) instead of exporting
  a module;
- `LEVEL`: what has to be imported before it can start: `files` (numpy, onnx), `torch` or
  `exporters` (torch and onnxscript). It is the part of the warm worker that runs it; another name
  is a part of its own on top of `files`, and `torch.NAME` one on top of `torch`;
- optionally `MEMOIZES = True`: it obeys `memoize` of the configuration;
- optionally `DELIVERS_FILE = True`: it delivers the file that a model has beside its factory. Those
  models have it, at the file's opset, without naming it, and no others can.

and in functions:

- `prepare(job) -> Export`: called once per sweep, in the process that will do the sweep. The
  function that it returns writes one file for one opset, and raises what the exporter raises, or
  a `Refusal` with the reason in plain words;
- optionally `option_problems(options) -> {option: problem}`: which of the user's options it does
  not take. Without this function it takes none. Runs whenever Snakemake starts;
- optionally `options_notice() -> str`: what `option_problems` cannot check here, and why, or "";
- optionally `base_of(job)`: what its cells depend on of the sweep in `job.base`, as a JSON value;
  without it they are made again whenever that sweep has changed, by one more opset for example;
- optionally `speed_notice() -> str`: what it cannot do faster with the installed versions, or "";
  said when a run begins that exports with it;
- optionally `warm_up()`: makes the exporter do once what is slow the first time only;
- optionally `lines(job, opset) -> {node: line}`: the lines of the user's code that the nodes of a
  file were made from, by node name, where the file itself does not say. Called in a process of its
  own, after the sweep, if torch's tracer warned about the model;
- optionally `together(spec, opsets)`: groups of opsets, each exported by a process of its own,
  where an export would leave something in a process that changes a later one.

A module imports its packages inside these functions, so that loading it costs nothing. Nothing here
judges a result: the export stage reads from the file what the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from opset_atlas import plugins

# What every file assigns, and the type of it.
CONSTANTS: dict[str, type] = {"PACKAGES": tuple, "NEEDS_BASE": bool, "LEVEL": str}

# Export one opset to a path; returns what the file was made from ("" for the module itself).
Export = Callable[[int, Path], str]


class Refusal(Exception):
    """An exporter's refusal in plain words; `__cause__` is what it raised itself.

    Args:
        reason: one line without boilerplate, as the report shows it.
        source: the line of the user's code that it is about (`base.source_lines`), or "".
    """

    def __init__(self, reason: str, source: str = "") -> None:
        super().__init__(reason)
        self.source = source


class Unavailable(Refusal):
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


class Exporter(Protocol):
    """What every exporter has; the optional parts are listed above."""

    PACKAGES: tuple[str, ...]
    NEEDS_BASE: bool
    LEVEL: str

    def prepare(self, job: Job) -> Export:
        """Get ready for a sweep."""


def load(name: str) -> Exporter:
    """The module of an exporter."""
    return cast(Exporter, plugins.load("exporters", name))
