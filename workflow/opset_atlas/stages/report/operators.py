"""A page per operator: its versions side by side, what changed, and where the run uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from opset_atlas.operators import definitions
from opset_atlas.operators.changes import TEXT
from opset_atlas.operators.definitions import Note, SchemaChange, Summary, Transition
from opset_atlas.records import Change
from opset_atlas.stages.report.changes import cited
from opset_atlas.stages.report.data import Data, Sweep
from opset_atlas.stages.report.versions import Statement, VersionRow, side_by_side, statements

Key = tuple[str, str]  # domain, operator
MOST_PLACES = 60  # links to one statement on a page
_COUNTED = re.compile(r"(?:(?P<domain>.+)::)?(?P<op>\w+)-(?P<since>\d+)", re.ASCII)
_TONES = {
    Summary.STRUCTURAL: "warn",
    Summary.DEFAULT_CHANGED: "warn",
    Summary.DEPRECATED: "bad",
    Summary.OPTIONALITY: "fair",
    Summary.RESTRICTED: "fair",
}


@dataclass(frozen=True)
class Use:
    """The opsets at which a sweep's files hold an operator in one version.

    `delivered` is the files' opset if it is not the requested one, else None.
    """

    model: str
    exporter: str
    version: int
    delivered: int | None
    opsets: list[int]
    nodes: tuple[int, int]


@dataclass(frozen=True)
class Occurrence:
    """A change in the run that is about an operator, and the steps that have it.

    `where` are (model, exporter, from, to); `more` counts those not shown on the page.
    """

    change: Change
    where: list[tuple[str, str, int, int]]

    @property
    def shown(self) -> list[tuple[str, str, int, int]]:
        """The places that the page shows."""
        return self.where[:MOST_PLACES]

    @property
    def more(self) -> int:
        """How many places are not shown."""
        return len(self.where) - len(self.shown)


@dataclass(frozen=True)
class Step:
    """A transition between neighbouring versions, as shown on the page."""

    transition: Transition
    tone: str
    statements: list[Statement]
    texts: list[SchemaChange]
    notes: list[Note]
    types_only: bool
    url: str | None
    occurrences: list[Occurrence]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return _anchor(self.transition.old, self.transition.new)


@dataclass
class Operator:
    """An operator that ONNX defines, and its part in the run."""

    domain: str
    op: str
    uses: list[Use] = field(default_factory=list)
    occurrences: dict[tuple[Any, ...], Occurrence] = field(default_factory=dict)
    aten: set[str] = field(default_factory=set)

    @property
    def file(self) -> str:
        """The file name of its page. onnx defines these names, so none hides a path."""
        return f"{self.domain}.{self.op}.html" if self.domain else f"{self.op}.html"

    @property
    def name(self) -> str:
        """The displayed name, with the domain if it is not ONNX's default domain."""
        return f"{self.domain}.{self.op}" if self.domain else self.op

    @property
    def used(self) -> list[int]:
        """The versions in the files of the run."""
        return sorted({use.version for use in self.uses})

    @property
    def models(self) -> list[str]:
        """The models whose files hold it."""
        return list(dict.fromkeys(use.model for use in self.uses))


class Catalog:
    """The operators of the run that get a page, and the links from changes to pages."""

    def __init__(self, data: Data) -> None:
        self._found: dict[Key, Operator] = {}
        for sweep in data.sweeps.values():
            self._add_uses(sweep)
            self._add_changes(sweep)

    @cached_property
    def entries(self) -> list[Operator]:
        """By name; ONNX's default domain first."""
        return sorted(self._found.values(), key=lambda each: (each.domain, each.op.lower()))

    @property
    def files(self) -> list[str]:
        """The pages that links lead to."""
        return [each.file for each in self.entries]

    def link(self, row: Mapping[str, Any]) -> str:
        """The page of a change's operator, at the transition it is about; "" if there is none."""
        found = self._operator(row["op_type"] or "", row.get("domain"))
        if found is None:
            return ""
        place = _transition_of(found, row) if cited(row)["op"] == found.op else None
        return found.file + (f"#{_anchor(*place)}" if place else "")

    def _operator(self, op: str, domain: str | None) -> Operator | None:
        """Rows of a table do not name a domain; ONNX's default domain is tried first."""
        if domain is not None:
            return self._found.get((domain, op))
        return next((each for each in self.entries if each.op == op), None)

    def _get(self, domain: str, op: str) -> Operator | None:
        if not definitions.versions(op, domain):
            return None  # the exporter's own function, or a runtime's operator
        return self._found.setdefault((domain, op), Operator(domain, op))

    def _add_uses(self, sweep: Sweep) -> None:
        delivered = {cell["requested"]: cell["delivered"] for cell in sweep.export["cells"]}
        found: dict[tuple[Key, int, int | None], tuple[list[int], list[int]]] = {}
        for cell in sweep.dump:
            if not cell["graph"]:
                continue
            asked, got = cell["requested"], delivered.get(cell["requested"])
            moved = got if got != asked else None
            graph = sweep.graphs[cell["graph"]]
            for op, names in graph.get("aten", {}).items():
                if made := self._get("", op):
                    made.aten.update(names)
            for text, count in graph["operators"].items():
                for key, version in _parse(text):
                    opsets, counts = found.setdefault((key, version, moved), ([], []))
                    opsets.append(asked)
                    counts.append(count)
        for (key, version, moved), (opsets, counts) in found.items():
            operator = self._get(*key)
            if operator:
                size = min(counts), max(counts)
                use = Use(sweep.model, sweep.exporter, version, moved, opsets, size)
                operator.uses.append(use)

    def _add_changes(self, sweep: Sweep) -> None:
        for step in sweep.compare["steps"]:
            where = (sweep.model, sweep.exporter, step["from_opset"], step["to_opset"])
            for change in step["changes"]:
                names = dict.fromkeys((change["op_type"], cited(change)["op"]))
                for operator in filter(None, (self._get(change["domain"], op) for op in names)):
                    key = (change["op_type"], change["parameter"], change["explanation"])
                    occurrence = operator.occurrences.setdefault(key, Occurrence(change, []))
                    if where not in occurrence.where:
                        occurrence.where.append(where)


def page(data: Data, operator: Operator) -> dict[str, Any]:
    """The variables of an operator page's template, except those of `overview.about`."""
    op, domain = operator.op, operator.domain
    known = definitions.versions(op, domain)
    by_step: dict[tuple[int, int] | None, list[Occurrence]] = {}
    for each in operator.occurrences.values():
        by_step.setdefault(_transition_of(operator, each.change), []).append(each)
    rows = side_by_side(op, domain)
    return {
        "spec": data.spec,
        "operator": operator,
        "versions": known,
        "spans_of": dict(_in_force(known)),
        "deprecated": [since for since in known if definitions.deprecated(op, since, domain)],
        "url": definitions.operator_url(op, domain),
        "groups": _groups(rows),
        "introduction": definitions.notes(op, None, known[0], domain),
        "steps": [
            _step(operator, old, new, by_step.get((old, new), [])) for old, new in pairwise(known)
        ],
        "others": by_step.get(None, []),
    }


def _in_force(known: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The opsets that use each version, in words."""
    for since, following in pairwise(known):
        last = following - 1
        yield since, f"opset {since}" if since == last else f"opsets {since}–{last}"
    yield known[-1], f"from opset {known[-1]}"


def _parse(text: str) -> Iterator[tuple[Key, int]]:
    """Parse `Resize-13`, as the dump counts operators; None if ONNX does not define it."""
    found = _COUNTED.fullmatch(text)
    if found:
        domain, op, since = found["domain"] or "", found["op"], int(found["since"])
        if since in definitions.versions(op, domain):
            yield (domain, op), since


def _transition_of(operator: Operator, change: Mapping[str, Any]) -> tuple[int, int] | None:
    """The transition at which a change is shown: the first that affects its parameter.

    None if the change does not cite a transition of this operator.
    """
    if cited(change)["op"] != operator.op or change["cause"] != "schema":
        return None
    ends = change["from_version"], change["to_version"]
    known = definitions.versions(operator.op, operator.domain)
    if ends[0] not in known or ends[1] not in known or ends[0] == ends[1]:
        return None
    low, high = sorted(ends)
    passed = [pair for pair in pairwise(known) if low <= pair[0] and pair[1] <= high]
    for pair in passed:
        transition = definitions.transition(operator.op, *pair, operator.domain)
        if change["parameter"] and transition.about(change["parameter"]):
            return pair
    return passed[-1]


def _step(operator: Operator, old: int, new: int, occurrences: Sequence[Occurrence]) -> Step:
    op, domain = operator.op, operator.domain
    transition = definitions.transition(op, old, new, domain)
    notes = definitions.notes(op, old, new, domain)
    weighty = "warn" if any(note.numeric for note in notes) else "plain"
    return Step(
        transition=transition,
        tone=_TONES.get(transition.summary, weighty),
        statements=statements(transition),
        texts=[change for change in transition.changes if change.kind in TEXT],
        notes=notes,
        types_only=definitions.down_is_types_only(op, new, old, domain),
        url=definitions.url(op, old, new, domain),
        occurrences=list(occurrences),
    )


def _groups(rows: Sequence[VersionRow]) -> list[tuple[str, list[VersionRow]]]:
    names = ("input", "output", "attribute")
    groups = [(f"{role}s", [row for row in rows if row.role == role]) for role in names]
    return [(title.capitalize(), group) for title, group in groups if group]


def _anchor(old: int, new: int) -> str:
    return f"v{old}-{new}"
