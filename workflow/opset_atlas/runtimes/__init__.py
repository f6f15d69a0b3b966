"""Runtimes: one module each, found by its name. To add one, add a file with what `Runtime` lists.

A module imports its packages inside `prepare` and the functions that need them, so that naming
runtimes costs nothing, and no session ever exists in a process that forks. Nothing here judges a
result; a runtime loads a file, runs it and says in its own words why it could not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from opset_atlas import plugins
from opset_atlas.records import RunOutcome

Phase = Literal["load", "run"]


class Session(Protocol):
    """A loaded file. The names are those of the graph, in its order, without initializers."""

    @property
    def input_names(self) -> Sequence[str]:
        """Inputs that must be fed."""

    @property
    def output_names(self) -> Sequence[str]:
        """Outputs in the order in which `run` returns them."""


class Runtime(Protocol):
    """What a runtime's module offers.

    `PACKAGES`: the distributions whose versions decide what it computes.
    `VARIANTS`: names under which results are recorded, each with what sets it apart; the first is
    named like the module, and is what a user gets who asks for nothing.
    `AS_WRITTEN`: the plain one of these, which runs the graph node by node as the file has it. What
    it computes correctly and another variant does not is the fault of that variant's optimizations.
    `FOLLOWS_VERSIONS`: whether operators mean what the opset in the file says, and not always the
    newest version's meaning.
    """

    PACKAGES: tuple[str, ...]
    VARIANTS: Mapping[str, str]
    AS_WRITTEN: str
    FOLLOWS_VERSIONS: bool

    def prepare(self) -> None:
        """Import what it needs; raises ImportError where that is not installed."""

    def load(self, path: Path, variant: str) -> Session:
        """Load a file, by path, since external data lies beside it; one thread, no output."""

    def run(self, session: Any, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs as numpy arrays (ml_dtypes' dtypes where numpy has none)."""

    def script(self, variant: str) -> str:
        """Lines of a script without this package, which define `run(path, inputs)`.

        `inputs` maps names to arrays of numpy; it returns the outputs in their order.
        """

    def classify(self, error: Exception, phase: Phase) -> tuple[RunOutcome, str]:
        """What an exception of `load` or `run` means, and its message in one line, unshortened."""


def load(name: str) -> Runtime:
    """The module of a runtime."""
    return cast(Runtime, plugins.load("runtimes", name))


def others(name: str) -> Iterator[Runtime]:
    """The installed runtimes but `name`, for a second opinion; those that follow versions first."""
    found = [load(other) for other in plugins.names("runtimes") if other != name]
    for runtime in sorted(found, key=lambda runtime: not runtime.FOLLOWS_VERSIONS):
        try:
            runtime.prepare()
        except ImportError:
            continue
        yield runtime
