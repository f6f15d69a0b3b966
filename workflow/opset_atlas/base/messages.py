"""Clean messages of other programs for records, so that they are equal on every machine and run."""

from __future__ import annotations

import functools
import os
import re
import sysconfig
import traceback
from pathlib import Path

LIMIT = 4000
WHOLE = 1 << 20  # characters; longer than any message
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_IN_PATH = re.compile(r"[\w./~+@%-]")
_GOES_ON = re.compile(r"[\w~+@%-]|\.\w")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# torch's tracer names every Python frame below a node. The lowest show how our process was started.
_STARTED = re.compile(
    r"^<(?:(?:opset-atlas|project)>/workflow|site-packages>)/opset_atlas/\S+\(\d+\): .*\n"
    r"|^<frozen runpy>\(\d+\): .*\n",
    re.MULTILINE,
)


def clean(text: str, limit: int = LIMIT) -> str:
    """`text` without anything that depends on the machine, cut to `limit` characters.

    Folders become `<project>`, `<site-packages>` …, and memory addresses `0x…`. Terminal escapes,
    control characters and the frames that started the process are removed.
    """
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written
    for folder, name in _folders(os.getcwd()):  # noqa: PTH109 (a Path per message costs more)
        text = replace_folder(text, folder, name)
    text = _STARTED.sub("", text)
    text = _CONTROL.sub("", _ADDRESS.sub("0x…", _ESCAPE.sub("", text))).strip()
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text)} characters)"


def replace_folder(text: str, folder: str, name: str) -> str:
    """`text` with a folder's path replaced by `name`, except where it is part of another path.

    `/a/b` is not replaced in `/a/bc` or `/x/a/b`, nor `b/` in `a/b/`; `/a/b` is in `-I/a/b`.

    Args:
        folder: a path. If it ends in a slash, any name in that folder may follow it.
    """
    if folder not in text:
        return text
    parts, done = [], 0
    for match in re.finditer(re.escape(folder), text):
        if _begins(text, match.start(), folder) and _ends(text, match.end(), folder):
            parts += [text[done : match.start()], name]
            done = match.end()
    return "".join([*parts, text[done:]])


def impersonal(detail: str, path: Path) -> str:
    """A message about a file without the file's folder."""
    for folder in (path.parent.resolve(), path.parent.absolute(), path.parent):
        detail = replace_folder(detail, f"{folder}/", "")
    return clean(detail)


def _begins(text: str, start: int, folder: str) -> bool:
    """Whether a path can begin here, that is, the text before it is not part of it."""
    before = start
    while before and _IN_PATH.match(text[before - 1]):
        before -= 1
    word = text[before:start]
    # `file://` and a doubled slash are not folders; an option's letter may precede the root.
    return not word.strip("/") or ("/" not in word and folder.startswith("/"))


def _ends(text: str, end: int, folder: str) -> bool:
    """Whether the name of a folder can end here."""
    return folder.endswith("/") or not _GOES_ON.match(text, end)


def describe(error: BaseException, limit: int = 300) -> str:
    """An exception in one line: its type and the first paragraph of its message."""
    # torch appends the graph around the culprit to the first line; the traceback keeps it.
    message = clean(text_of(error), WHOLE).partition("  [Caused by ")[0]
    message = shorten(paragraph(message), limit)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def text_of(value: object) -> str:
    """`str(value)`, or a substitute: the `__str__` of a model's exception may raise."""
    try:
        return str(value)
    except BaseException as error:
        return f"<no text: its __str__ raised {type(error).__name__}>"


def paragraph(text: str) -> str:
    """The first paragraph of a message in one line, without the addresses of C++ frames."""
    first = _PARAGRAPH.split(text.strip(), maxsplit=1)[0]
    return " ".join(first.partition("\nException raised from ")[0].split())


def shorten(text: str, limit: int = 300) -> str:
    """At most `limit` characters of `text`, cut in the middle, between words.

    Messages name their subject at the beginning, and shapes and numbers at the end.
    """
    if len(text) <= limit:
        return text
    head, tail = text[: limit * 3 // 5], text[-(limit - limit * 3 // 5) :]
    head = head.rpartition(" ")[0] or head
    tail = tail.partition(" ")[2] or tail
    return f"{head} … {tail}"


def trace(error: BaseException) -> str:
    """An exception's traceback, cleaned; only both ends of a long one.

    The exception that caused the others is at the beginning, the last one at the end.
    """
    return ends("".join(traceback.format_exception(error)))


def ends(text: str) -> str:
    """A cleaned text; only both ends of a long one."""
    text = clean(text, limit=WHOLE)
    if len(text) <= LIMIT:
        return text
    part = LIMIT // 2
    return f"{text[:part]}\n… ({len(text) - 2 * part} characters left out) …\n{text[-part:]}"


@functools.cache
def _folders(here: str) -> list[tuple[str, str]]:
    """Folders and their replacements, the longest first; `here` is the working directory."""
    paths = sysconfig.get_paths()
    named = [
        (paths["purelib"], "<site-packages>"),
        (paths["stdlib"], "<python>"),
        (str(Path(__file__).parents[3]), "<opset-atlas>"),
        (here, "<project>"),
    ]
    return sorted((pair for pair in named if pair[0] != "/"), key=lambda pair: -len(pair[0]))
