"""Torch's own way out of a refusal, or of a value that tracing froze: see `ways_out.yaml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from opset_atlas.records import Cell, Message


@dataclass(frozen=True)
class WayOut:
    """What to do instead, and the page of torch's documentation that says how.

    `line`: the line of the user's code that the tracer warned about, or "".
    """

    advice: str
    url: str
    line: str = ""


NONE = WayOut("", "")


@dataclass(frozen=True)
class _Entry:
    says: str
    warns: str
    code: str
    way: WayOut


def of(cell: Cell, wrong: bool, messages: Iterable[Message]) -> WayOut:
    """The way out for a cell that was refused, or whose file is wrong; `NONE` for any other.

    Args:
        wrong: whether a runtime computes something else, at any size.
        messages: of the cell, or of that which its file was converted from.
    """
    if cell["outcome"] == "refused":
        return _first("says", cell["detail"], cell["source"])
    if not wrong:
        return NONE
    for each in messages:
        way = _first("warns", each["text"], each["place"]) if each["place"] else NONE
        if way.advice:
            return replace(way, line=each["place"])
    return NONE


def _first(kind: str, text: str, line: str) -> WayOut:
    for entry in _entries():
        pattern = getattr(entry, kind)
        if pattern and re.search(pattern, text) and re.search(entry.code, line):
            return entry.way
    return NONE


@functools.cache
def _entries() -> tuple[_Entry, ...]:
    import yaml  # only needed here, and only where something was refused or is wrong

    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return tuple(
        _Entry(
            says=entry.get("says", ""),
            warns=entry.get("warns", ""),
            code=entry.get("code", ""),
            way=WayOut(entry["advice"], entry["url"]),
        )
        for entry in yaml.safe_load(text)
    )
