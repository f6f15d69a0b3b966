"""Text for people: colors where a terminal shows them, lines as wide as it is.

What is not a terminal gets whole lines without colors, so that `grep` finds sentences. NO_COLOR
(https://no-color.org), FORCE_COLOR, TERM and COLUMNS are respected. Colors are those of the
terminal's own palette, which its owner has chosen to be legible on its background.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import Literal, TextIO

Role = Literal["good", "bad", "warn", "strong", "faint"]
_CODES: dict[Role, str] = {"good": "32", "bad": "31", "warn": "35", "strong": "1", "faint": "2"}
NARROWEST = 40


@dataclass(frozen=True)
class Terminal:
    """Where text goes. `width` is None where lines are not wrapped."""

    width: int | None
    colors: bool

    @classmethod
    def of(cls, stream: TextIO) -> Terminal:
        """What a stream can show."""
        shown = stream.isatty()
        width = shutil.get_terminal_size().columns if shown or os.environ.get("COLUMNS") else None
        colors = (shown and os.environ.get("TERM") != "dumb") or bool(os.environ.get("FORCE_COLOR"))
        return cls(width and max(width, NARROWEST), colors and not os.environ.get("NO_COLOR"))

    def paint(self, text: str, role: Role) -> str:
        """`text` in the color of a role."""
        return f"\x1b[{_CODES[role]}m{text}\x1b[0m" if self.colors and text else text

    def wrap(self, text: str, indent: str = "", first: str | None = None) -> str:
        """`text` in lines; an address is never broken.

        Args:
            indent: begins every line; `first`, if given, the first one instead.
        """
        start = indent if first is None else first
        if self.width is None:
            return f"{start}{text}"
        return "\n".join(
            textwrap.wrap(
                text,
                self.width,
                initial_indent=start,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
