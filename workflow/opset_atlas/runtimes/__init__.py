"""Runtimes: one module each, found by its name. To add one, add a file with what `Runtime` lists.

A module imports its packages inside `prepare` and the functions that need them, so that listing
runtimes costs nothing and no session ever exists in a process that forks. Nothing here judges a
result: a runtime loads a file, runs it and says in its own words why it could not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from opset_atlas import plugins
from opset_atlas.records import RunOutcome

Phase = Literal["load", "run"]


class Session(Protocol):
    """A loaded file. Names are the graph's, in the graph's order, without initializers."""

    @property
    def input_names(self) -> Sequence[str]:
        """The inputs that must be fed."""

    @property
    def output_names(self) -> Sequence[str]:
        """The outputs, in the order in which `run` returns them."""


class Runtime(Protocol):
    """What a runtime's module provides.

    `PACKAGES`: the distributions whose versions determine what it computes.
    `VARIANTS`: names under which results are recorded, each with a description; the first is named
    after the module and is the runtime's default behavior.
    `AS_WRITTEN`: the variant that runs the graph node by node as the file has it. Where it is right
    and another variant is wrong, that variant's optimizations are at fault.
    `FOLLOWS_VERSIONS`: whether operators have the meaning of the file's opset, rather than always
    that of the newest version.
    """

    PACKAGES: tuple[str, ...]
    VARIANTS: Mapping[str, str]
    AS_WRITTEN: str
    FOLLOWS_VERSIONS: bool

    def prepare(self) -> None:
        """Import what the runtime needs; raises ImportError if that is not installed."""

    def load(self, path: Path, variant: str) -> Session:
        """Load a file by path, since external data is next to it; one thread, prints nothing."""

    def run(self, session: Any, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs as numpy arrays (ml_dtypes' dtypes where numpy has none)."""

    def script(self, variant: str) -> str:
        """Lines of a script that define `run(path, inputs)` without using this package.

        `inputs` maps names to numpy arrays; `run` returns the outputs in order.
        """

    def classify(self, error: Exception, phase: Phase) -> tuple[RunOutcome, str]:
        """The outcome that an exception of `load` or `run` means, and its full one-line message."""


def load(name: str) -> Runtime:
    """The module of a runtime."""
    return cast(Runtime, plugins.load("runtimes", name))


def others(name: str) -> Iterator[Runtime]:
    """The other installed runtimes, for a second opinion; those that follow versions first."""
    found = [load(other) for other in plugins.names("runtimes") if other != name]
    for runtime in sorted(found, key=lambda runtime: not runtime.FOLLOWS_VERSIONS):
        try:
            runtime.prepare()
        except ImportError:
            continue
        yield runtime
