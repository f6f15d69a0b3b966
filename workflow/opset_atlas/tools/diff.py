"""What differs between two ONNX files, and why.

The exit status is 0 if both files mean the
same, 1 if there is a difference that can matter or that the files do not settle, and 2, with the
reason, if they could not be compared.

The producer of a file, the names of its nodes and values, the order of its nodes and different ways
to write the same value do not matter. The names of the model's inputs and outputs do, because
callers use them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opset_atlas.base.files import write_text
from opset_atlas.base.messages import describe
from opset_atlas.causes import Situation
from opset_atlas.comparison.steps import compare
from opset_atlas.execution.isolate import run_isolated
from opset_atlas.graph.reading import read
from opset_atlas.graph.spelling import visible
from opset_atlas.onnx_files.facts import says_of_file
from opset_atlas.records import Change
from opset_atlas.tools import _command
from opset_atlas.tools._command import MEMORY_MB, SECONDS

_EXAMPLES = """
  opset-atlas diff old.onnx new.onnx
  opset-atlas diff old.onnx new.onnx --html page.html    # both graphs side by side
"""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("diff", __doc__, _EXAMPLES)
    parser.add_argument("files", type=Path, nargs=2, metavar="FILE.onnx", help="two files")
    parser.add_argument("--json", action="store_true", help="print the changes as data")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write them as a page, too")
    _command.add_limits(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    left, right = options.files
    limits = options.seconds, options.memory_mb
    return diff(left, right, options.json, options.html, limits)


def diff(
    left: Path,
    right: Path,
    as_json: bool = False,
    html: Path | None = None,
    limits: tuple[float, int] = (SECONDS, MEMORY_MB),
) -> int:
    """Print what differs, and return the exit status.

    Args:
        limits: seconds and MiB of address space that it may take. The files are read in a separate
            process, since they are untrusted.
    """
    ((_, result),) = run_isolated([(left, right, bool(html))], _compared, *limits)
    found = result.value or {"refusal": ""}
    if result.status == "internal-error":
        print(result.traceback, file=sys.stderr)
        found = {"refusal": f"opset-atlas itself failed: {result.detail}"}
    elif result.status != "done":
        found = {"refusal": f"comparing them: {result.status}, {result.detail}"}
    if "refusal" in found:
        print(f"{left}, {right}: {found['refusal']}", file=sys.stderr)
        return 2
    changes, (old, new) = found["changes"], found["opsets"]
    if as_json:
        print(json.dumps(changes, indent=1, ensure_ascii=False))
    else:
        print(f"{left}: opset {old}\n{right}: opset {new}")
        print("\n".join(_spelled(change) for change in changes) or "no difference")
        if changes:
            print(f"\n{_summary(changes)}")
    if html:
        write_text(html, found["page"])
    return int(any(not change["neutral"] for change in changes))


def _compared(given: tuple[Path, Path, bool]) -> dict[str, Any]:
    """In a child process: the changes between two files, and their page if requested."""
    left, right, wanted = given
    graphs, opsets = [], []
    for path in (left, right):
        try:
            graph, imports = read(path)
        except Exception as error:
            if isinstance(error, OSError) or says_of_file(error):
                return {"refusal": f"{path.name} cannot be read: {describe(error)}"}
            raise
        graphs.append(graph)
        opsets.append(_opset(imports))
    changes = compare(graphs[0], graphs[1], Situation(opsets[0], opsets[1]))
    found: dict[str, Any] = {"changes": changes, "opsets": opsets}
    if wanted:
        from opset_atlas.stages.report import pair

        one, other = (
            pair.File(path.name, opset, graph)
            for path, opset, graph in zip((left, right), opsets, graphs, strict=True)
        )
        found["page"] = pair.page(one, other, changes)
    return found


def _summary(changes: Sequence[Change]) -> str:
    """The meaning of the exit status in words."""
    matter = sum(not change["neutral"] for change in changes)
    same = len(changes) - matter
    if not matter:
        return (
            f"Equal in meaning; {same} {'difference' if same == 1 else 'differences'} in encoding."
        )
    words = f"{matter} {'difference' if matter == 1 else 'differences'} that can matter"
    return f"{words}, {same} only in encoding." if same else f"{words}."


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
