"""The completion scripts that `opset-atlas completion` prints, made by shtab from the parsers.

`python tools/make_completion.py` writes `opset_atlas/tools/completions`; `--check` only compares.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import shtab
from opset_atlas.__main__ import COMMANDS
from opset_atlas.operators import definitions
from opset_atlas.operators.parameters import history
from opset_atlas.tools.completion import FOLDER, SHELLS


def scripts() -> dict[str, str]:
    """File name to content."""
    parser = whole()
    return {f"opset-atlas.{shell}": shtab.complete(parser, shell) for shell in SHELLS}


def whole() -> argparse.ArgumentParser:
    """All commands as one parser; every positional path completes as a file."""
    parser = argparse.ArgumentParser(prog="opset-atlas")
    parser.add_argument("--version", action="store_true", help="show the versions")
    commands = parser.add_subparsers()
    for name, what in COMMANDS.items():
        module = importlib.import_module(f"opset_atlas.tools.{name}")
        own: argparse.ArgumentParser = module.parser()
        made = commands.add_parser(name, parents=[own], add_help=False, help=what)
        for action in made._actions:
            _complete(action)
    return parser


def _complete(action: argparse.Action) -> None:
    """What follows an argument: an operator, or a file where it takes one."""
    if action.dest == "operator":
        action.choices = [
            f"{domain}.{op}" if domain else op
            for domain in sorted(history())
            for op in sorted(definitions.operators(domain))
        ]
    elif action.type is Path or "FILE" in str(action.metavar) or action.dest == "model":
        action.complete = shtab.FILE  # type: ignore[attr-defined]


def main() -> int:
    """Write the scripts, or compare them with `--check`."""
    made = scripts()
    stale = [
        name
        for name, text in made.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != text
    ]
    if "--check" in sys.argv:
        told = [f"stale: {name}; run `python tools/make_completion.py`" for name in stale]
        print("\n".join(told) or "up to date")
        return int(bool(stale))
    FOLDER.mkdir(exist_ok=True)
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
