"""Which operator versions a finished run covers, and which steps it did not reach.

`findings/coverage.py` defines the counts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from opset_atlas.base.files import read_json
from opset_atlas.findings.coverage import FIRST, summarize
from opset_atlas.tools import _command


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("coverage", __doc__, "  opset-atlas coverage results")
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Command line: the coverage of a finished run."""
    folder = parser().parse_args(arguments).results / "dump"
    dumped = [read_json(path, "dump") for path in sorted(folder.glob("*/record.json"))]
    found = summarize(dumped)
    print(f"{found['operators']} operators in the files of {found['models']} models")
    print(
        f"{found['reached']} of {found['within']} structural transitions from opset {FIRST} to"
        f" {found['last']} reached; onnx has {found['known']} in all"
    )
    for name in found["missing"]:
        print(f"not reached: {name}")


if __name__ == "__main__":
    main()
