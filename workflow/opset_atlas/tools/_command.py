"""What the commands share: their help, and reading untrusted files within limits."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opset_atlas.numerics.random_runs import Choice

SECONDS, MEMORY_MB = 300.0, 8000
# For commands that need more than the comparison of files does.
INSTALL = (
    "Install the package with what the workflow needs: pip install 'opset-atlas[workflow]', or in a"
    " clone: pip install '.[workflow]'"
)


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


def add_run(parser: argparse.ArgumentParser, what: str) -> None:
    """The options for `choice`; `--run` itself if `what` describes it."""
    group = parser.add_argument_group("a run on random inputs, which needs onnxruntime")
    if what:
        group.add_argument("--run", action="store_true", help=what)
    group.add_argument(
        "--size", action="append", default=[], metavar="NAME=N", help="a size that is left open"
    )
    group.add_argument(
        "--shape", action="append", default=[], metavar="INPUT=N,N", help="the shape of an input"
    )
    group.add_argument(
        "--value", action="append", default=[], metavar="INPUT=X", help="all elements of an input"
    )
    group.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="random input sets (default: %(default)s)"
    )


def runs() -> bool:
    """Whether onnxruntime is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def choice(options: argparse.Namespace) -> Choice:
    """What the options of `add_run` say.

    Raises:
        Refusal: one of them cannot be read, or onnxruntime is not installed.
    """
    from opset_atlas.numerics.random_runs import Choice

    if not runs():
        raise Refusal("--run needs onnxruntime: pip install onnxruntime")
    sizes = {name: _numbers(text) for name, text in map(_named, options.size)}
    if long := next((name for name, numbers in sizes.items() if len(numbers) != 1), None):
        raise Refusal(f"--size {long}: expected one number; --shape takes several")
    if options.seeds < 1:
        raise Refusal("--seeds: expected a positive number")
    shapes = {name: _numbers(text) for name, text in map(_named, options.shape)}
    values = {name: _value(text) for name, text in map(_named, options.value)}
    one = {name: numbers[0] for name, numbers in sizes.items()}
    return Choice(one, shapes, values, options.seeds)


def _named(text: str) -> tuple[str, str]:
    name, _, value = text.rpartition("=")
    if not name:
        raise Refusal(f"{text!r}: expected a name, an equals sign and numbers, such as batch=4")
    return name, value


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refusal(f"{text!r}: expected a number, such as 0.5") from None


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise Refusal(f"{text!r}: expected numbers, such as 1,3,224,224")
    return [int(part) for part in parts]


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


def not_run(problem: str, **more: Any) -> Any:
    """The record of a run on random inputs that could not take place."""
    shared = {"runtime": "onnxruntime", "sets": [], "sizes": {}, "integers": 0}
    return {**shared, "problem": problem, "outputs": [], **more}


def reading(name: str, error: Exception) -> Refusal:
    """The refusal of the file `name` that raised `error` while it was read.

    Raises:
        Exception: `error` itself, where it is not the file's fault.
    """
    from opset_atlas.base.messages import describe
    from opset_atlas.onnx_files.facts import says_of_file

    if isinstance(error, OSError):
        return Refusal(f"{name} cannot be read: {error.strerror or error}")
    if says_of_file(error):
        return Refusal(f"{name} cannot be read: {describe(error)}")
    raise error


def stopped(named: Iterable[tuple[str, Path]], error: Exception) -> Exception:
    """What to raise where `error` stopped our own code at files that could be read.

    That is a refusal if one of them is invalid: nothing is claimed about such a file.
    """
    from opset_atlas.onnx_files import facts

    for name, path in named:
        if fault := facts.fault(path):
            return Refusal(f"{name} is not valid: {fault}")
    return error


def refused(name: str, refusal: Refusal) -> int:
    """Say why a command stops; returns its exit status."""
    print(f"opset-atlas {name}: {refusal}", file=sys.stderr)
    return 2
