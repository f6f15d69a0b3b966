"""Check whether opset-atlas itself failed anywhere in a run.

`python -m opset_atlas conclude results` lists the failures; the exit status is 1 if there are any,
else 0. This is the last rule of a run, after the tables and the report have been written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opset_atlas.base.files import read_json
from opset_atlas.findings.answer_lines import again, failure


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas conclude", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the stages' folders")
    options = parser.parse_args(arguments)
    failed = [
        row
        for stage in ("tables", "report")
        for row in read_json(options.results / stage / "failures.json")
    ]
    for row in failed:
        print(failure(row), file=sys.stderr)
    if failed:
        print(f"report: {options.results / 'report' / 'index.html'}", file=sys.stderr)
        print(again(failed, str(options.results)), file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
