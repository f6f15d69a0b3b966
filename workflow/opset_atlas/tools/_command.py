"""What the commands share: their help, and reading untrusted files within limits."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS, MEMORY_MB = 300.0, 8000


@dataclass(frozen=True)
class Limits:
    """Seconds of wall time, and MiB of address space, that reading a file may take."""

    seconds: float = SECONDS
    memory_mb: int = MEMORY_MB


class Refusal(Exception):
    """A file that a command cannot work with; the text says which, and why."""


def parser(name: str, description: str, examples: str = "") -> argparse.ArgumentParser:
    """The parser of a command.

    Args:
        description: the docstring of its module; `#` begins a comment in `examples`.
    """
    return argparse.ArgumentParser(
        prog=f"opset-atlas {name}",
        description=description,
        epilog=f"examples:\n{examples.strip(chr(10))}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_limits(parser: argparse.ArgumentParser) -> None:
    """The options for `limits`."""
    group = parser.add_argument_group("limits, since files are untrusted")
    group.add_argument(
        "--seconds", type=float, default=SECONDS, help="for each step (default: %(default)g)"
    )
    group.add_argument(
        "--memory-mb", type=int, default=MEMORY_MB, help="address space (default: %(default)s)"
    )


def limits(options: argparse.Namespace) -> Limits:
    """What the options of `add_limits` say."""
    return Limits(options.seconds, options.memory_mb)


def isolated(what: str, item: Any, work: Callable[[Any], Any], given: Limits) -> Any:
    """The result of `work(item)`, a JSON value, from a child process that is held to the limits.

    Raises:
        Refusal: it raised one, took too long or died. A defect of opset-atlas itself is named as
            such, with its traceback on standard error.
    """
    from opset_atlas.execution.isolate import run_isolated

    def told(item: Any) -> dict[str, Any]:
        try:
            return {"value": work(item)}
        except Refusal as refusal:
            return {"refusal": str(refusal)}

    ((_, result),) = run_isolated([item], told, given.seconds, given.memory_mb)
    if result.status == "internal-error":
        print(result.traceback, file=sys.stderr)
        raise Refusal(f"opset-atlas itself failed: {result.detail}")
    if result.status != "done":
        raise Refusal(f"{what}: {result.status}, {result.detail}")
    if "refusal" in result.value:
        raise Refusal(result.value["refusal"])
    return result.value["value"]


def reading(path: Path, error: Exception) -> Refusal:
    """The refusal of a file that raised `error` while it was read.

    Raises:
        Exception: `error` itself, where it is not the file's fault.
    """
    from opset_atlas.base.messages import describe
    from opset_atlas.onnx_files.facts import says_of_file

    if isinstance(error, OSError) or says_of_file(error):
        return Refusal(f"{path.name} cannot be read: {describe(error)}")
    raise error


def refused(refusal: Refusal, *paths: Path) -> int:
    """Say why a command stops; returns its exit status."""
    print(f"{', '.join(map(str, paths))}: {refusal}", file=sys.stderr)
    return 2
