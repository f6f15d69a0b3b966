"""An ONNX file as text: one line per node, port and attribute, in the order of the file.

Two files of the same meaning can still differ here; `opset-atlas diff` tells. The text is made for
`git diff`, which calls this command once two lines of configuration say so:

  echo '*.onnx diff=onnx' >> .gitattributes
  git config diff.onnx.textconv 'opset-atlas text'

Weights are shown by the start of their hash, so another number makes another line. Those in
external data that is not beside the file, as git leaves it, are shown by their type only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from opset_atlas.tools import _command
from opset_atlas.tools._command import Refusal

_EXAMPLES = """
  opset-atlas text model.onnx | less
  git diff HEAD~1 -- model.onnx     # once git knows the command, see above
"""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("text", __doc__, _EXAMPLES)
    parser.add_argument("file", type=Path, metavar="FILE.onnx")
    _command.add_limits(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        text = _command.isolated("reading it", options.file, _text, _command.limits(options))
    except Refusal as refusal:
        return _command.refused("text", refusal)
    sys.stdout.write(text)
    return 0


def _text(path: Path) -> str:
    """In a child process: the opsets that the file names, then its graph."""
    from opset_atlas.graph.as_text import as_text
    from opset_atlas.graph.reading import read

    try:
        graph, imports = read(path, lenient=True)
    except Exception as error:
        raise _command.reading(str(path), error) from error
    opsets = [f"opset {domain or 'ai.onnx'} {version}" for domain, version in imports.items()]
    return "\n".join([*sorted(opsets), as_text(graph)])


if __name__ == "__main__":
    sys.exit(main())
