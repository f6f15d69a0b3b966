"""Reads `notes.yaml`: what new versions of operators mean, in hand-written words."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opset_atlas.operators.pages import operator_url, url


@dataclass(frozen=True)
class Note:
    """A hand-written word on what a change means.

    `old` is None where the operator itself is new. `numeric`: results can differ. `says` stands in
    the newer version's text and not in the older one's, `said` the other way round: the evidence.
    `when` (attribute or input → values, () for any) and `case` name the nodes that it is about,
    `adds` the values of the parameter that are new, `as_before` the value that means what `old`
    does, `instead` what did the parameter's work before it came (parameters, operators), `renames`
    what the older version calls a value → what the newer one does.
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
        """The ONNX page of the change, or of the operator where it is new."""
        if self.old is None:
            return operator_url(self.op, self.domain) or ""
        return url(self.op, self.old, self.new, self.domain) or ""


@functools.cache
def all_notes() -> tuple[Note, ...]:
    """Every note of the file, in its order; an entry about several operators gives one each."""
    import yaml  # only needed here, and this module is imported by every stage

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it was built
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
