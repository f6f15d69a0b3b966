"""The line of the user's code that a message, a traceback or a file refers to.

The form is `models/net.py:21, forward: ` and the line itself. Paths are relative to the project or
to site-packages, so they do not show where these are on the machine. Frames of torch, onnx and this
package are skipped, since a user cannot change the code there.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opset_atlas.base.messages import WHOLE, clean, shorten

_PACKAGE = str(Path(__file__).parents[1])
_ROOT = str(Path(__file__).parents[3])
# Packages whose frames are between the user's line and the fault.
_TOOLS = frozenset({
    "functorch", "numpy", "onnx", "onnx_ir", "onnxruntime", "onnxscript", "opset_atlas", "sympy",
    "torch", "torchgen",
})  # fmt: skip
_MOST = 3  # lines named where there are several
_MOST_CODE = 100  # characters of a line of code

# Innermost last: `File "net.py", line 21, in forward` and the code, as Python writes it and as
# the torch.export exporter keeps it in a node's metadata.
_PYTHON = re.compile(
    r'File "(?P<path>[^"\n]+)", line (?P<line>\d+), in (?P<function>[^\n]+)'
    r"(?:\n[ \t]+(?P<code>(?!File )\S[^\n]*))?"
)
# Innermost first: `net.py(21): forward`, as the tracer writes it.
_TRACER = re.compile(r"(?P<path>[^\s:,()'\"]+\.py)\((?P<line>\d+)\): (?P<function>[^\n]+)")
# `# net.py:21:0`, as TorchScript prints a node.
_PRINTED = re.compile(r"# (?P<path>[^\s:]+\.py):(?P<line>\d+):\d+")
_INSTALLED = re.compile(r"/(?:site|dist)-packages/")


@dataclass(frozen=True)
class _Frame:
    path: str
    line: int
    function: str = ""
    code: str = ""


def in_text(text: str) -> str:
    """The innermost line of the user's code that a traceback or message names, or ""."""
    frames = [_frame(match) for match in _PYTHON.finditer(text)]
    return _innermost(reversed(frames)) or _innermost(
        _frame(match) for pattern in (_TRACER, _PRINTED) for match in pattern.finditer(text)
    )


def in_traceback(error: BaseException) -> str:
    """The innermost line of the project in the traceback of an exception or its cause.

    Lines of libraries are left out: users would not look into code that torch calls on its way.
    """
    seen: set[int] = set()
    found = ""
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = [
            _Frame(each.filename, each.lineno or 0, each.name, each.line or "")
            for each in traceback.extract_tb(current.__traceback__)
        ]
        own = [frame for frame in frames if _name(frame.path)[1]]
        found = _innermost(reversed(own)) or found
        current = current.__cause__ or current.__context__
    return found


def at(path: str, line: int) -> str:
    """The line of the given file and number; "" where the file is not the user's."""
    return _innermost([_Frame(path, line)])


def of_warning(place: str, line: str) -> bool:
    """Whether a warning's place is the line that a node was made from; only that has a function."""
    return bool(place) and place.partition(": `")[0] == line.partition(": `")[0].partition(", ")[0]


def with_nodes(place: str, lines: Mapping[str, str]) -> str:
    """A warning's place, with the nodes that were made from this line.

    Args:
        lines: the line of each node, by its name.
    """
    nodes = [f"`{name}`" for name, line in lines.items() if of_warning(place, line)]
    return f"{place}, node {listed(nodes, ', ')}" if nodes else place


def listed(lines: Iterable[str], comma: str = "; ") -> str:
    """Some lines, each once, in the form used for a cell."""
    distinct = list(dict.fromkeys(line for line in lines if line))
    more = len(distinct) - _MOST
    return comma.join(distinct[:_MOST]) + (f"{comma}and {more} more" if more > 0 else "")


def _frame(match: re.Match[str]) -> _Frame:
    parts = match.groupdict()
    return _Frame(
        parts["path"], int(parts["line"]), parts.get("function") or "", parts.get("code") or ""
    )


def _innermost(frames: Iterable[_Frame]) -> str:
    """The first frame of the project, else the first of a library; frames go outwards."""
    library = ""
    for frame in frames:
        name, own = _name(frame.path)
        if name and own:
            return _spell(name, frame)
        library = library or (_spell(name, frame) if name else "")
    return library


def _name(path: str) -> tuple[str, bool]:
    """The displayed name of a file ("" for a tool's file), and whether it is the project's own."""
    for mark in ("<project>/", "<opset-atlas>/"):
        if path.startswith(mark):
            rest = path.removeprefix(mark)
            return ("", False) if rest.startswith("workflow/opset_atlas/") else (rest, True)
    if path.startswith("<site-packages>/"):
        return _library(path.removeprefix("<site-packages>/"))
    if path.startswith("<"):
        return "", False
    if path.partition("/")[0] in _TOOLS:  # `torch/fx/…`, as torch calls some of its own files
        return "", False
    path = os.path.abspath(path)  # noqa: PTH100 (many frames; Path.resolve asks the disk)
    if library := _INSTALLED.split(path, maxsplit=1)[1:]:
        return _library(library[0])
    if path.startswith((f"{_PACKAGE}/", f"{sysconfig.get_path('stdlib')}/")):
        return "", False
    for folder in _folders():
        if path.startswith(f"{folder}/"):
            return path.removeprefix(f"{folder}/"), True
    return path.rpartition("/")[2], True


def _library(path: str) -> tuple[str, bool]:
    return ("" if path.partition("/")[0] in _TOOLS else path), False


def _folders() -> Iterator[str]:
    """The project, this repository and all other import folders, the deepest first."""
    yield from (str(Path.cwd()), _ROOT)
    yield from sorted((p for p in sys.path if p.startswith("/")), key=len, reverse=True)


def _spell(name: str, frame: _Frame) -> str:
    code = (frame.code or linecache.getline(_file(frame.path), frame.line)).strip()
    place = clean(f"{name}:{frame.line}", WHOLE)
    if frame.function and not frame.function.startswith("<"):
        place += f", {frame.function.strip()}"
    code = shorten(clean(code, WHOLE).replace("`", "'"), _MOST_CODE)
    return f"{place}: `{code}`" if code else place


def _file(path: str) -> str:
    """The path of a file that a cleaned message names."""
    for mark, folder in (("<project>/", str(Path.cwd())), ("<opset-atlas>/", _ROOT)):
        if path.startswith(mark):
            return f"{folder}/{path.removeprefix(mark)}"
    return path
