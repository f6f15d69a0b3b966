"""Names of variable dimensions; `past+length` names one that always has the sum of their sizes."""

from __future__ import annotations

from collections.abc import Mapping


def is_sum(name: str) -> bool:
    """Whether a name is made of others."""
    return "+" in name


def terms(name: str) -> list[str]:
    """The names and numbers that are added: `past+length+1`."""
    return [term.strip() for term in name.split("+")]


def size(name: str, sizes: Mapping[str, int]) -> int:
    """The size of a dimension, from those that are named by themselves.

    Raises:
        KeyError: a term is none of these.
    """
    return sum(int(term) if term.isdecimal() else sizes[term] for term in terms(name))


def problem(name: str, sizes: Mapping[str, int], actual: int) -> str:
    """Why a sum cannot be the size `actual` of a dimension, or ""."""
    unknown = [term for term in terms(name) if not term.isdecimal() and term not in sizes]
    if unknown:
        return f"no dimension {unknown[0]!r}, of which {name!r} is made"
    if (expected := size(name, sizes)) != actual:
        return f"{name!r} is {expected} and the size here is {actual}"
    return ""
