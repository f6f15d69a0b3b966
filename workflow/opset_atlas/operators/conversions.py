"""Why a version conversion failed, in words: `no adapter for TopK 11 → 10: TopK-11 changes …`.

onnx's converter goes one opset at a time and stops at the first operator for which it has no
adapter. Its message names the operator and opset; the schemas tell what differs between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import onnx

from opset_atlas.operators import definitions
from opset_atlas.operators.changes import FUNCTION, TEXT, TYPES
from opset_atlas.operators.definitions import Kind, SchemaChange, Summary

# How a cell's detail introduces these texts.
FAILED = "the conversion failed: "

_STEP = re.compile(r"No Adapter (From|To) Version (?:[\w.]*\$)?(\d+) for (\w+)")
_NEW = re.compile(r"No Previous Version of (\w+) exists")
_NONE = re.compile(r"No Adapter For (\w+)")
_TYPES = re.compile(
    r"DataType \((\d+)\) of Input or Output of operator '(\w+)'"
    r" is unallowed for Opset Version (\d+)"
)
_ATTRIBUTE = re.compile(r"failed: .*\b[Aa]ttribute (\w+) (?:must|is)")
_ADAPTER = re.compile(r"/version_converter/.*? failed: (.+)", re.DOTALL)
_MOST_TOLD = 4
_MOST_TYPES = 6


def refusal(message: str, requested: int, usable: Sequence[int] = ()) -> str:
    """A refusal of `onnx.version_converter` in words; "" for any other message.

    The messages come from `onnx/version_converter/BaseConverter.h` (`adapter_lookup`), which goes
    one opset at a time, and from `adapters/no_previous_version.h`. `usable` are the opsets of the
    same sweep that were delivered; they include the opset that all are converted from.
    """
    if step := _STEP.search(message):
        opset = int(step[2])
        return _missing(step[1], opset, step[3], _direction(opset, requested, usable))
    if new := _NEW.search(message):
        known = definitions.versions(new[1])
        return f"{new[1]} exists only since opset {known[0]}" if known else ""
    if types := _TYPES.search(message):
        name = onnx.TensorProto.DataType.Name(int(types[1])).lower()
        return f"{types[2]} takes no tensor({name}) at opset {types[3]}"
    if none := _NONE.search(message):
        return f"no adapter for any version of {none[1]}"
    if adapter := _ADAPTER.search(message):
        return f"the converter gives up: {adapter[1].strip()}"
    return ""


def named(message: str) -> tuple[str, str]:
    """The operator that a refusal names, else the attribute at which an adapter stops."""
    operator = named_operator(message)
    found = None if operator else _ATTRIBUTE.search(message)
    return operator, found[1] if found else ""


def named_operator(message: str) -> str:
    """The operator that a refusal of `onnx.version_converter` names; "" if it names none."""
    found = _STEP.search(message)
    if found:
        return found[3]
    if found := _TYPES.search(message):
        return found[2]
    found = _NEW.search(message) or _NONE.search(message)
    return found[1] if found else ""


def _missing(which: str, opset: int, op: str, step: int) -> str:
    """`From` names the opset before the step, `To` the one after it, in either direction."""
    source, target = (opset, opset + step) if which == "From" else (opset - step, opset)
    old, new = definitions.in_force(op, source), definitions.in_force(op, target)
    if old is None or new is None or old == new:  # unknown direction or operator
        return f"no adapter {which.lower()} version {opset} for {op}"
    return f"no adapter for {op} {old} → {new}: {what_lies_between(op, old, new)}"


def _direction(opset: int, requested: int, usable: Sequence[int]) -> int:
    """1 up, -1 down, 0 if unknown. Conversion goes from the base towards the requested opset."""
    if requested != opset:
        return 1 if requested > opset else -1
    if usable and (min(usable) > requested or max(usable) < requested):
        return 1 if max(usable) < requested else -1
    return 0


def what_lies_between(op: str, old: int, new: int) -> str:
    """The schema change that a converter step from `old` to `new` has to bridge, in a clause.

    Always described upwards, whatever the direction: `Relu-14 only adds types (int8, …), so …`.
    """
    low, high = sorted((old, new))
    upward = definitions.transition(op, low, high)
    if definitions.down_is_types_only(op, high, low):
        types = _added_types(upward.changes)
        return (
            f"{op}-{high} only adds types ({types}),"
            f" so a node of the older types means the same in {op}-{low}"
        )
    told = {
        Summary.NONE: "nothing",
        Summary.TEXT_ONLY: "its text only",
        Summary.FUNCTION_ONLY: "its function body only",
    }
    weighty = _told(upward.changes)
    what = f"more than types ({weighty})" if weighty else "its types and its text"
    what = told.get(upward.summary, what)
    numeric = any(note.numeric for note in definitions.notes(op, low, high))
    return f"{op}-{high} changes {what}" + (", and results can differ" if numeric else "")


def _added_types(changes: Iterable[SchemaChange]) -> str:
    added = {
        name
        for change in changes
        if change.kind is Kind.TYPES_WIDENED
        for name in change.detail.removeprefix("adds ").split(", ")
    }
    shown = sorted(added)[:_MOST_TYPES]
    more = len(added) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _told(changes: Iterable[SchemaChange]) -> str:
    """The more important changes, one clause each."""
    clauses = list(
        dict.fromkeys(
            _clause(change) for change in changes if change.kind not in TEXT | FUNCTION | TYPES
        )
    )
    more = len(clauses) - _MOST_TOLD
    return ", ".join(clauses[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


def _clause(change: SchemaChange) -> str:
    """`input roi added`, `axis default changed`."""
    kind = change.kind.value
    if kind.startswith(f"{change.role} ") and " to " not in kind:
        return f"{change.role} {change.parameter} {kind.removeprefix(f'{change.role} ')}"
    return f"{change.parameter} {kind}".strip()
