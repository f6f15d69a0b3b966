"""What differs between two ONNX files, and why.

`python -m opset_atlas diff A.onnx B.onnx` prints it. The exit status is 0 where both files mean the
same, 1 where something differs that can matter or that the files leave open, and 2 after an error.

Who wrote a file, the names of its nodes and values and the order of its nodes change nothing, nor
does another way to write the same value. The names of the model's inputs and outputs do matter:
whoever runs the file uses them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from opset_atlas.base.files import write_text
from opset_atlas.base.messages import describe
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import compare
from opset_atlas.graph.reading import read
from opset_atlas.graph.spelling import visible
from opset_atlas.records import Change


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas diff", description=__doc__)
    parser.add_argument("files", type=Path, nargs=2, metavar="FILE.onnx", help="two files")
    parser.add_argument("--json", action="store_true", help="print the changes as data")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write them as a page, too")
    options = parser.parse_args(arguments)
    left, right = options.files
    return diff(left, right, options.json, options.html)


def diff(left: Path, right: Path, as_json: bool = False, html: Path | None = None) -> int:
    """Print what differs, and return the exit status."""
    try:
        one, old = read(left)
        other, new = read(right)
    except Exception as error:
        print(f"{left}, {right}: {describe(error)}", file=sys.stderr)
        return 2
    changes = compare(one, other, Situation(_opset(old), _opset(new)))
    if as_json:
        print(json.dumps(changes, indent=1, ensure_ascii=False))
    else:
        print(f"{left}: opset {_opset(old)}\n{right}: opset {_opset(new)}")
        print("\n".join(_spelled(change) for change in changes) or "no difference")
        if changes:
            print(f"\n{_summary(changes)}")
    if html:
        from opset_atlas.stages.report import pair

        files = pair.File(left.name, _opset(old), one), pair.File(right.name, _opset(new), other)
        write_text(html, pair.page(*files, changes))
    return int(any(not change["neutral"] for change in changes))


def _summary(changes: Sequence[Change]) -> str:
    """What the exit status says, in words."""
    matter = sum(not change["neutral"] for change in changes)
    same = len(changes) - matter
    if not matter:
        return (
            f"Equal in meaning; {same} {'difference' if same == 1 else 'differences'} in encoding."
        )
    words = f"{matter} {'difference' if matter == 1 else 'differences'} that can matter"
    return f"{words}, {same} in encoding alone." if same else f"{words}."


def _opset(imports: Mapping[str, int]) -> int:
    return imports.get("", 0)


def _spelled(change: Change) -> str:
    mark = "=" if change["neutral"] else "≠"
    where = f" ({len(change['places'])} places)" if len(change["places"]) > 1 else ""
    name = " ".join(filter(None, [change["op_type"], change["parameter"]]))
    lines = [
        f"{mark} {name}{where}: {change['before']} → {change['after']}",
        f"  {change['explanation']}",
    ]
    lines += [f"  {change['url']}"] if change["url"] else []
    return "\n" + "\n".join(visible(line, 4000) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
