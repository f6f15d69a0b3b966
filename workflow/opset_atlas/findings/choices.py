"""What exporters write differently, over all models: equal differences share a row.

The table of contrasts has a row per difference, model, pair of exporters and range of opsets:
thousands in a run of a hundred models. Here, differences are equal if the same two ways of writing
are opposed, whichever file comes first and whatever the values are. If both ways mean the same (a
default written or omitted, a constant as a node or as an initializer), one row covers all
operators, listed by how often they occur.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]

MOST_NAMED = 6  # operators in one row
# The wording of `differences`: how a value is given, then its type, shape and content.
_GIVEN = re.compile(r"(constant|initializer|computed|the input)\b")
_DEFAULT = re.compile(r"\((written|left to the default)\)$")
_FOLDED = re.compile(r"\(computed from .+\)$")
_SIZE = re.compile(r"axis \d+ is (.+)")
_COUNT = re.compile(r"\b\d+ (?=[A-Z])")
_WORDS = {"constant": "a Constant node", "initializer": "an initializer"}
# Kinds that the wording describes completely: the operators do not matter, or it names them.
_ANY_OPERATOR = {"encoding", "identity", "operators", "declaration"}


def rows(contrasts: Iterable[Row]) -> list[dict[str, Any]]:
    """The groups: what can matter first, then unexplained ones, then by number of models.

    Args:
        contrasts: rows of the table of contrasts.
    """
    groups: dict[tuple[Any, ...], list[tuple[tuple[str, str], Row]]] = {}
    for row in contrasts:
        one, other = _form(row, row["before"]), _form(row, row["after"])
        writers = row["left"], row["right"]
        if one > other:
            one, other, writers = other, one, writers[::-1]
        own = "" if row["kind"] in _ANY_OPERATOR else _name(row)
        key = (row["kind"], own, one, other, row["neutral"], row["cause"])
        groups.setdefault(key, []).append((writers, row))
    found = [_group(key[2], key[3], members) for key, members in groups.items()]
    return sorted(found, key=_importance)


def _importance(row: Row) -> tuple[bool, bool, bool, int, int]:
    unexplained = row["cause"] == "unexplained"
    counts = -row["models"], -row["differences"]
    return row["neutral"], not unexplained, not row["numeric"], *counts


def _group(one: str, other: str, members: list[tuple[tuple[str, str], Row]]) -> dict[str, Any]:
    example = members[0][1]
    writers = Counter(f"{ours} against {theirs}" for (ours, theirs), _ in members)
    return {
        "kind": example["kind"],
        "operators": _operators(row for _, row in members),
        "one": one,
        "other": other,
        "writers": "; ".join(f"{names}: {count}" for names, count in writers.most_common()),
        "neutral": example["neutral"],
        "numeric": any(row["numeric"] for _, row in members),
        "cause": example["cause"],
        "differences": len(members),
        "models": len({row["model"] for _, row in members}),
        "example": example["model"],
        "left": example["left"],
        "right": example["right"],
        "opset": int(re.split(r"[–,]", example["opsets"])[0]),
        "explanation": example["explanation"],
        "url": example["url"],
    }


def _form(row: Row, text: str) -> str:
    """How something is written, without the values of a model."""
    if default := _DEFAULT.search(text):
        return default[1]
    if row["kind"] == "declaration" and (size := _SIZE.fullmatch(text)):
        return "a fixed size" if size[1].isdigit() else "an open size"
    if _FOLDED.search(text):
        return "computed from constants"
    if given := _GIVEN.match(text):
        return _WORDS.get(given[1], given[1])
    return _COUNT.sub("", text) if row["kind"] == "identity" else text


def _name(row: Row) -> str:
    """`roi of Resize`, the operator, or an input or output of the graph."""
    return " of ".join(filter(None, [row["parameter"], row["op_type"]]))


def _operators(members: Iterable[Row]) -> str:
    """The operators by how often they occur; only the first ones if there are many."""
    names = [name for name, _ in Counter(map(_name, members)).most_common()]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
