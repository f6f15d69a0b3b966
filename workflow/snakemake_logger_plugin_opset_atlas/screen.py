"""Where the console writes: streams with their color and width, and the one line that changes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from typing import TextIO

WIDE = 100  # columns where there is no terminal
_WIDEST = 120  # columns; longer lines are hard to read
_STYLES = {"strong": "1", "good": "32", "bad": "31", "warn": "33", "dim": "2", "loud": "1;31"}


class Stream:
    """A stream that may be a terminal, and may go away at any time."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str], nocolor: bool) -> None:
        self._stream = stream
        self._gone = False
        self.terminal = stream.isatty()
        dumb = environment.get("TERM", "") in {"", "dumb"}
        # https://no-color.org: any value but the empty one.
        self._color = self.terminal and not (dumb or nocolor or environment.get("NO_COLOR"))
        ci = environment.get("CI", "").lower() not in {"", "0", "false"}
        self.live = self.terminal and not dumb and not ci
        self._drawn = ""

    @property
    def width(self) -> int:
        """Columns to write in."""
        if not self.terminal:
            return WIDE
        try:
            return min(os.get_terminal_size(self._stream.fileno()).columns or WIDE, _WIDEST)
        except (OSError, ValueError):
            return WIDE

    def line(self, text: str = "", style: str = "plain") -> None:
        """Write a line above the one that changes."""
        text = printable(text)
        if self._color and style in _STYLES and text:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        self._write(f"{self._erased()}{text}\n")

    def draw(self, text: str) -> None:
        """Show this instead of what the changing line showed; cut to the terminal's width."""
        text = fit(printable(text), self.width - 1)
        if text != self._drawn:
            self._write(f"{self._erased()}{text}")
            self._drawn = text

    def redraw(self) -> None:
        """Draw the same again, over what others may have written."""
        if text := self._drawn:
            self._write(f"{self._erased()}{text}")
            self._drawn = text

    def erase(self) -> None:
        """Remove the changing line."""
        self._write(self._erased())

    def _erased(self) -> str:
        """What removes the changing line: back to its beginning, and clear to its end."""
        drawn, self._drawn = self._drawn, ""
        return "\r\x1b[K" if drawn else ""

    def _write(self, text: str) -> None:
        if self._gone or not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError):  # a closed pipe or terminal: the run goes on without it
            self._gone = True


def printable(text: str) -> str:
    """`text` without anything that would move the cursor or change the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def columns(char: str) -> int:
    """How many columns a character takes in a terminal."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis where it is cut."""
    if sum(map(columns, text)) <= width:
        return text
    kept, used = "", 0
    for char in text:
        if used + columns(char) > width - 1:
            break
        kept, used = kept + char, used + columns(char)
    return f"{kept.rstrip()}…" if width > 0 else ""
