"""The rank of an input, if the text of the schema states it plainly.

The type constraints of a schema leave the rank open; its prose often does not: "4-D tensor of shape
(N, C, H, W)" in GridSample-16. Only sentences that state one rank for every case are read.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from opset_atlas.operators.definitions import inputs
from opset_atlas.operators.prose import sentences

_EXACT = (
    (re.compile(r"^It must be a scalar ?\(tensor of empty shape\)"), 0),
    (re.compile(r"\b(\d)-?D (?:tensor|Tensor|feature map|input of shape)\b"), None),
    (re.compile(r"\b(\d)-dimensional (?:scale |bias )?tensor\b"), None),
    (re.compile(r"\bexpected to have rank (\d)\b"), None),
    (re.compile(r"^Rank (\d) tensor\b"), None),
)
_LEAST = (
    re.compile(r"\b[Tt]ensor of rank [rq] ?>= ?(\d)"),
    re.compile(r"\btensor of rank (\d) or higher"),
)
# Sentences about a case or a choice, and words that make a rank another tensor's.
_CASES = re.compile(r"\b(if|when|unless|or (a )?\d-?D|or (a )?scalar)\b", re.IGNORECASE)
_NOT_PLAIN = re.compile(r"\b(or|for|can|may|could|flattened|coerced|broadcast\w*)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Rank:
    """The rank that a version requires of an input: `least`, or more if not `exact`."""

    least: int
    exact: bool
    sentence: str

    def allows(self, rank: int) -> bool:
        """Whether the text allows a tensor of this rank."""
        return rank == self.least if self.exact else rank >= self.least

    def __str__(self) -> str:
        return f"rank {self.least}" if self.exact else f"rank {self.least} or more"


@functools.cache
def ranks(op: str, since: int, domain: str = "") -> dict[str, Rank]:
    """Formal input → its rank according to the text of this version."""
    found = {}
    for parameter in inputs(op, since, domain):
        if parameter.option != "variadic" and (rank := _stated(parameter.description)):
            found[parameter.name] = rank
    return found


def _stated(description: str) -> Rank | None:
    for sentence in sentences(description):
        for pattern in _LEAST:
            if match := pattern.search(sentence):
                return Rank(int(match[1]), False, sentence)
        for pattern, fixed in _EXACT:
            match = pattern.search(sentence)
            if match and not (
                _CASES.search(sentence) or _NOT_PLAIN.search(sentence[: match.start()])
            ):
                return Rank(fixed if fixed is not None else int(match[1]), True, sentence)
    return None
