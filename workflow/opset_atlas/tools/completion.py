"""Completion of opset-atlas by the TAB key: commands, options, operators and files.

  bash   echo 'eval "$(opset-atlas completion bash)"' >> ~/.bashrc
  zsh    opset-atlas completion zsh > "${fpath[1]}/_opset-atlas"
  fish   opset-atlas completion fish > ~/.config/fish/completions/opset-atlas.fish

Then open a new shell. The scripts are complete in themselves: TAB starts no Python.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opset_atlas.tools import _command

FOLDER = Path(__file__).parent / "completions"  # written by `tools/make_completion.py`
SHELLS = ("bash", "zsh", "fish")


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    example = '  eval "$(opset-atlas completion bash)"    # for this shell only'
    parser = _command.parser("completion", __doc__, example)
    parser.add_argument("shell", choices=SHELLS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    shell = parser().parse_args(arguments).shell
    sys.stdout.write((FOLDER / f"opset-atlas.{shell}").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
