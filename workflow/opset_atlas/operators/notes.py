"""Read `notes.yaml`: hand-written notes on what new versions of operators mean."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opset_atlas.operators.pages import operator_url, url


@dataclass(frozen=True)
class Note:
    """A hand-written note on what a change means.

    `old` is None if the operator itself is new. `numeric`: results can differ. As evidence, `says`
    quotes words found only in the newer version's text, `said` words found only in the older one's.
    `when` (attribute or input → values, () for any) and `case` select the nodes concerned, `adds`
    lists the parameter's new values, `as_before` is the value that keeps the meaning of `old`,
    `instead` lists what did the parameter's work before (parameters, operators), and `renames` maps
    the older version's name of a value to the newer one's.
    """

    op: str
    domain: str
    old: int | None
    new: int
    note: str
    parameter: str
    numeric: bool
    says: str
    said: str
    when: Mapping[str, tuple[Any, ...]]
    case: str
    adds: tuple[str, ...]
    as_before: str
    instead: tuple[str, ...]
    renames: Mapping[str, str]

    @property
    def source(self) -> str:
        """The ONNX page of the change, or of the operator if it is new."""
        if self.old is None:
            return operator_url(self.op, self.domain) or ""
        return url(self.op, self.old, self.new, self.domain) or ""


@functools.cache
def all_notes() -> tuple[Note, ...]:
    """Every note, in file order; an entry about several operators gives one note for each."""
    import yaml  # only needed here, and every stage imports this module

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if built
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return tuple(note for entry in yaml.load(text, loader) for note in _expand(entry))


def _expand(entry: dict[str, Any]) -> list[Note]:
    """One note per operator of an entry."""
    names = entry["op"] if isinstance(entry["op"], list) else [entry["op"]]
    old, new, domain = entry["from"], entry["to"], entry.get("domain", "")
    return [
        Note(
            op=op,
            domain=domain,
            old=old,
            new=new,
            note=entry["note"],
            parameter=entry.get("parameter", ""),
            numeric=entry["numeric"],
            says=entry.get("says", ""),
            said=entry.get("said", ""),
            when={
                name: () if values == "*" else tuple(values)
                for name, values in entry.get("when", {}).items()
            },
            case=entry.get("case", ""),
            adds=_several(entry.get("adds", ())),
            as_before=str(entry.get("as_before", "")),
            instead=tuple(entry.get("instead", ())),
            renames=entry.get("renames", {}),
        )
        for op in names
    ]


def _several(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
