"""The closed set of differences that two versions of an operator can have.

`operators.compare` finds them; `operators.definitions` makes them available.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

# What a change is about, on its "to" side, or on its "from" side if it is gone from "to".
Role = Literal["operator", "input", "output", "attribute"]


class Kind(StrEnum):
    """The kind of a change."""

    INPUT_ADDED = "input added"
    INPUT_REMOVED = "input removed"
    INPUT_RENAMED = "input renamed"
    INPUT_MOVED = "input moved"
    OUTPUT_ADDED = "output added"
    OUTPUT_REMOVED = "output removed"
    OUTPUT_RENAMED = "output renamed"
    OUTPUT_MOVED = "output moved"
    BECAME_OPTIONAL = "required to optional"
    BECAME_REQUIRED = "optional to required"
    ARITY_CHANGED = "arity changed"
    ATTRIBUTE_TO_INPUT = "attribute to input"
    INPUT_TO_ATTRIBUTE = "input to attribute"
    ATTRIBUTE_ADDED = "attribute added"
    ATTRIBUTE_REMOVED = "attribute removed"
    ATTRIBUTE_RENAMED = "attribute renamed"
    ATTRIBUTE_TYPE_CHANGED = "attribute type changed"
    ATTRIBUTE_BECAME_OPTIONAL = "attribute required to optional"
    ATTRIBUTE_BECAME_REQUIRED = "attribute optional to required"
    DEFAULT_CHANGED = "default changed"
    TYPES_WIDENED = "types widened"
    TYPES_NARROWED = "types narrowed"
    TYPES_CHANGED = "types changed"
    TYPES_UNTIED = "types untied"
    TYPES_TIED = "types tied"
    TYPES_RETIED = "types retied"
    FUNCTION_ADDED = "function body added"
    FUNCTION_REMOVED = "function body removed"
    FUNCTION_CHANGED = "function body changed"
    DEPRECATED = "deprecated"
    UNDEPRECATED = "no longer deprecated"
    TEXT_CHANGED = "text changed"

    @property
    def mirror(self) -> Kind:
        """The kind of the same difference in the other direction."""
        return _MIRROR.get(self, self)


_PAIRS = (
    (Kind.INPUT_ADDED, Kind.INPUT_REMOVED),
    (Kind.OUTPUT_ADDED, Kind.OUTPUT_REMOVED),
    (Kind.BECAME_OPTIONAL, Kind.BECAME_REQUIRED),
    (Kind.ATTRIBUTE_TO_INPUT, Kind.INPUT_TO_ATTRIBUTE),
    (Kind.ATTRIBUTE_ADDED, Kind.ATTRIBUTE_REMOVED),
    (Kind.ATTRIBUTE_BECAME_OPTIONAL, Kind.ATTRIBUTE_BECAME_REQUIRED),
    (Kind.TYPES_WIDENED, Kind.TYPES_NARROWED),
    (Kind.TYPES_UNTIED, Kind.TYPES_TIED),
    (Kind.FUNCTION_ADDED, Kind.FUNCTION_REMOVED),
    (Kind.DEPRECATED, Kind.UNDEPRECATED),
)
_MIRROR = {left: right for pair in _PAIRS for left, right in (pair, pair[::-1])}

TEXT = frozenset({Kind.TEXT_CHANGED})
FUNCTION = frozenset({Kind.FUNCTION_ADDED, Kind.FUNCTION_REMOVED, Kind.FUNCTION_CHANGED})
OPTIONALITY = frozenset(
    {
        Kind.BECAME_OPTIONAL, Kind.BECAME_REQUIRED, Kind.ARITY_CHANGED,
        Kind.ATTRIBUTE_BECAME_OPTIONAL, Kind.ATTRIBUTE_BECAME_REQUIRED,
    }
)  # fmt: skip
TYPES = frozenset(
    {
        Kind.TYPES_WIDENED, Kind.TYPES_NARROWED, Kind.TYPES_CHANGED,
        Kind.TYPES_UNTIED, Kind.TYPES_TIED, Kind.TYPES_RETIED,
    }
)  # fmt: skip


@dataclass(frozen=True)
class SchemaChange:
    """One difference between two versions of an operator.

    `parameter` is the name on the "to" side, or on the "from" side if it is gone; "" for the
    operator as a whole. `formerly` is the name on the "from" side, if it differs. `before` and
    `after` describe each side, `detail` describes the change in words.
    """

    kind: Kind
    role: Role
    parameter: str
    before: str
    after: str
    detail: str
    formerly: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """The parameter's names on both sides, as far as it exists there."""
        return self.formerly or self.parameter, self.parameter
