"""The history of every operator's schema: what each version takes, and what changed in between.

Computed from `onnx.defs` of the installed onnx; `notes.yaml` in this folder adds the changes of
meaning that only the prose states. Versions are `since_version` numbers (`in_force` finds the one
that an opset uses). Functions that may meet an unknown operator in a file return None or names like
`input0`; those that take a version raise ValueError if it does not exist.
"""

from __future__ import annotations

import bisect
import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from opset_atlas.operators.changes import FUNCTION, OPTIONALITY, TEXT, TYPES, Kind, SchemaChange
from opset_atlas.operators.compare import compare
from opset_atlas.operators.notes import Note, all_notes
from opset_atlas.operators.pages import operator_url, url
from opset_atlas.operators.parameters import (
    AttributeParameter,
    FormalParameter,
    canonical_domain,
    history,
    last_opset,
    load,
)
from opset_atlas.operators.prose import condition_sentence, equality, sentences

__all__ = [
    "AttributeParameter",
    "FormalParameter",
    "Kind",
    "Note",
    "ParameterText",
    "SchemaChange",
    "Summary",
    "Transition",
    "attributes",
    "condition",
    "condition_value",
    "deprecated",
    "down_is_types_only",
    "explain_parameter",
    "in_force",
    "inputs",
    "newest_name",
    "notes",
    "operator_url",
    "operators",
    "outputs",
    "parameter_names",
    "transition",
    "url",
    "versions",
]


class Summary(StrEnum):
    """The class of a transition, by its most important changes; text may change in every class.

    `extended` only adds optional things, so a node of the older version stays valid; `restricted`
    is the reverse.
    """

    NONE = "none"
    TEXT_ONLY = "text only"
    FUNCTION_ONLY = "function body only"
    TYPES_ONLY = "types only"
    DEFAULT_CHANGED = "default changed"
    OPTIONALITY = "optionality"
    EXTENDED = "extended"
    RESTRICTED = "restricted"
    STRUCTURAL = "structural"
    DEPRECATED = "deprecated"


@dataclass(frozen=True)
class Transition:
    """What differs between two versions of an operator, from `old` to `new`.

    `changes` compares the two ends directly; `steps` are the transitions in between.
    """

    op: str
    domain: str
    old: int
    new: int
    changes: tuple[SchemaChange, ...]

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of change that occur."""
        return frozenset(change.kind for change in self.changes)

    @property
    def summary(self) -> Summary:
        """The class of the transition."""
        return _summary(self.changes)

    @property
    def steps(self) -> tuple[Transition, ...]:
        """One transition per pair of neighbouring versions, in the same direction."""
        low, high = sorted((self.old, self.new))
        passed = [since for since in versions(self.op, self.domain) if low <= since <= high]
        if self.old > self.new:
            passed.reverse()
        return tuple(transition(self.op, *pair, self.domain) for pair in pairwise(passed))

    def about(self, parameter: str) -> tuple[SchemaChange, ...]:
        """The changes of one parameter, by its name on either side, except text."""
        return tuple(
            change
            for change in self.changes
            if parameter in change.names and change.kind not in TEXT
        )


@dataclass(frozen=True)
class ParameterText:
    """`description`: the schema's first sentence; `condition`: when the parameter is read."""

    description: str
    condition: str | None


def in_force(op: str, opset: int, domain: str = "") -> int | None:
    """The version of an operator that an opset uses.

    None if onnx does not know the operator or the opset, or the operator is newer than the opset.
    """
    known = _versions(op, canonical_domain(domain))
    if opset > last_opset(canonical_domain(domain)):
        return None
    place = bisect.bisect_right(known, opset)
    return known[place - 1] if place else None


def versions(op: str, domain: str = "") -> list[int]:
    """All versions of an operator, ascending; empty for an unknown one."""
    return list(_versions(op, canonical_domain(domain)))


def operators(domain: str = "") -> list[str]:
    """The names of all operators that a domain has ever had."""
    return list(history().get(canonical_domain(domain), {}))


def deprecated(op: str, since: int, domain: str = "") -> bool:
    """Whether a version deprecates the operator."""
    return load(op, since, domain).deprecated


def inputs(op: str, since: int, domain: str = "") -> list[FormalParameter]:
    """The formal inputs, in order."""
    return list(load(op, since, domain).inputs)


def outputs(op: str, since: int, domain: str = "") -> list[FormalParameter]:
    """The formal outputs, in order."""
    return list(load(op, since, domain).outputs)


def attributes(op: str, since: int, domain: str = "") -> dict[str, AttributeParameter]:
    """The attributes by name, sorted."""
    return dict(load(op, since, domain).attributes)


def parameter_names(
    op: str, since: int | None, domain: str, count: int, output: bool = False
) -> list[str]:
    """The formal names of a node's first `count` inputs or outputs.

    A variadic parameter gives `name[0]`, `name[1]`, …; parameters without a schema are called
    `input0`, `output0`, ….
    """
    formal: list[FormalParameter] = []
    if since is not None:
        formal = outputs(op, since, domain) if output else inputs(op, since, domain)
    names = [f"{'output' if output else 'input'}{place}" for place in range(count)]
    for place in range(count):
        last = formal[min(place, len(formal) - 1)] if formal else None
        if last is not None and last.option == "variadic":
            names[place] = f"{last.name}[{place - last.index}]"
        elif last is not None and place < len(formal):
            names[place] = last.name
    return names


@functools.cache
def newest_name(op: str, since: int | None, parameter: str, domain: str = "") -> str:
    """The name in the newest version of an operator for a formal input of version `since`.

    BatchNormalization-9's `mean` is `input_mean` since 14; most names are unchanged.
    """
    known = versions(op, domain)
    if since is None or since not in known or since == known[-1]:
        return parameter
    changes = transition(op, since, known[-1], domain).changes
    names = [change.names for change in changes if change.role == "input"]
    return next((new for old, new in names if old == parameter), parameter)


@functools.cache
def transition(op: str, old: int, new: int, domain: str = "") -> Transition:
    """What changes from version `old` to version `new`, upwards or downwards.

    Raises:
        ValueError: the operator has no such version.
    """
    domain = canonical_domain(domain)
    ends = load(op, old, domain), load(op, new, domain)
    return Transition(op, domain, old, new, compare(*ends))


def down_is_types_only(op: str, new: int, old: int, domain: str = "") -> bool:
    """Whether going down only removes allowed types ("Relu 14 → 13 only adds types").

    Then a node that uses a type of `old` means the same in both. False if any version in between
    has a note that results can differ.
    """
    allowed = {Kind.TYPES_NARROWED, *FUNCTION, *TEXT}
    kinds = [step.kinds for step in transition(op, new, old, domain).steps]
    numeric = any(note.numeric for note in notes(op, old, new, domain))
    narrowed = any(Kind.TYPES_NARROWED in step for step in kinds)
    return new > old and narrowed and not numeric and all(step <= allowed for step in kinds)


def notes(op: str, old: int | None, new: int, domain: str = "") -> list[Note]:
    """The notes on every version between two, in either direction.

    With `old` None: from the operator's introduction on, including the note on the operator itself.
    """
    low, high = (None, new) if old is None else sorted((old, new))
    return [
        note
        for note in all_notes()
        if (note.op, note.domain) == (op, canonical_domain(domain))
        and note.new <= high
        and (low is None or (note.old is not None and note.old >= low))
    ]


def explain_parameter(op: str, since: int, name: str, domain: str = "") -> ParameterText:
    """What the schema says about an input, attribute or output; `inputs[2]` stands for `inputs`.

    Raises:
        ValueError: this version has no such parameter.
    """
    text = sentences(_description(op, since, name, domain))
    return ParameterText(text[0] if text else "", condition(op, since, name, domain))


def condition(op: str, since: int, parameter: str, domain: str = "") -> str | None:
    """The schema's sentence on when a parameter is read; None if there is none.

    Raises:
        ValueError: this version has no such parameter.
    """
    return condition_sentence(_description(op, since, parameter, domain))


def condition_value(
    op: str, since: int, parameter: str, domain: str = ""
) -> tuple[str, str] | None:
    """The attribute and value for which a parameter is read, if its condition names them.

    Resize's `roi` gives `("coordinate_transformation_mode", "tf_crop_and_resize")`.
    """
    sentence = condition(op, since, parameter, domain)
    found = equality(sentence) if sentence else None
    return found if found and found[0] in load(op, since, domain).attributes else None


def _versions(op: str, domain: str) -> tuple[int, ...]:
    return history().get(domain, {}).get(op, ())


def _summary(changes: tuple[SchemaChange, ...]) -> Summary:
    kinds = {change.kind for change in changes}
    weighty = kinds - TYPES - FUNCTION - TEXT
    if Kind.DEPRECATED in kinds:
        return Summary.DEPRECATED
    if not weighty:
        light = {
            Summary.TYPES_ONLY: TYPES,
            Summary.FUNCTION_ONLY: FUNCTION,
            Summary.TEXT_ONLY: TEXT,
        }
        return next((summary for summary, group in light.items() if kinds & group), Summary.NONE)
    if weighty == {Kind.DEFAULT_CHANGED}:
        return Summary.DEFAULT_CHANGED
    if weighty <= OPTIONALITY:
        return Summary.OPTIONALITY
    told = [change for change in changes if change.kind in weighty]
    if all(_adds(change.kind, change.after) for change in told):
        return Summary.EXTENDED
    if all(_adds(change.kind.mirror, change.before) for change in told):
        return Summary.RESTRICTED
    return Summary.STRUCTURAL


def _adds(kind: Kind, state: str) -> bool:
    """Whether a node of the older version stays valid, because all that is new is optional."""
    if kind in (Kind.INPUT_ADDED, Kind.OUTPUT_ADDED, Kind.ATTRIBUTE_ADDED):
        return not state.endswith("required")
    return kind in (Kind.BECAME_OPTIONAL, Kind.ATTRIBUTE_BECAME_OPTIONAL)


def _description(op: str, since: int, name: str, domain: str) -> str:
    """Inputs come before attributes and outputs: BatchNormalization-9 has two named `mean`."""
    found = load(op, since, domain)
    bare = re.sub(r"\[\d+\]$", "", name)
    of_name = {parameter.name: parameter.description for parameter in found.outputs}
    of_name |= {parameter.name: parameter.description for parameter in found.attributes.values()}
    of_name |= {parameter.name: parameter.description for parameter in found.inputs}
    if bare not in of_name:
        raise ValueError(f"{op}-{since} has no input, attribute or output {name!r}")
    return of_name[bare]
