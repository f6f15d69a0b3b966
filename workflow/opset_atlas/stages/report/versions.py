"""The versions of an operator side by side: a row per parameter, a column per version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opset_atlas.operators import definitions
from opset_atlas.operators.changes import TEXT
from opset_atlas.operators.compare import default_text
from opset_atlas.operators.definitions import (
    AttributeParameter,
    FormalParameter,
    Kind,
    SchemaChange,
    Transition,
)

_RENAMED = {Kind.INPUT_RENAMED, Kind.OUTPUT_RENAMED, Kind.ATTRIBUTE_RENAMED}
_SIGNED = {"int8", "int16", "int32", "int64"}
_UNSIGNED = {"uint8", "uint16", "uint32", "uint64"}
# A group is named if a schema allows all its types; the first match takes its members.
_GROUPS = (
    ("ints", _SIGNED | _UNSIGNED),
    ("signed ints", _SIGNED),
    ("unsigned ints", _UNSIGNED),
    ("floats", {"float16", "float", "double"}),
    ("complex", {"complex64", "complex128"}),
    ("float8", {"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"}),
    ("4-bit", {"int4", "uint4", "float4e2m1"}),
    ("4-bit ints", {"int4", "uint4"}),
    ("2-bit ints", {"int2", "uint2"}),
)
_CONTAINERS = (("seq(", "sequences"), ("optional(", "optionals"), ("map(", "maps"))


@dataclass(frozen=True)
class VersionCell:
    """A parameter in one version.

    `presence` and `default` are words; `types` names groups of types and `all_types` each of them.
    `mark` is the difference to the version before: `new`, `changed`, `text` (only the description),
    a change of sides (`was an attribute`), or "" for none.
    """

    name: str
    presence: str
    default: str
    variable: str
    types: str
    all_types: str
    mark: str


@dataclass
class VersionRow:
    """A parameter in all versions that have it. `cells` is keyed by version.

    `gone` says, per version, what became of a parameter that the version before still had.
    """

    role: str
    cells: dict[int, VersionCell] = field(default_factory=dict)
    gone: dict[int, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its last name."""
        return self.cells[self.last].name

    @property
    def last(self) -> int:
        """The last version that has it."""
        return max(self.cells)


@dataclass(frozen=True)
class Statement:
    """Equal changes of several parameters, merged."""

    kind: str
    parameters: list[str]
    detail: str


def side_by_side(op: str, domain: str = "") -> list[VersionRow]:
    """All inputs, outputs and attributes that an operator has ever had, in that order.

    Within a role, those of the newest version come first, in its order. A renamed parameter keeps
    its row.
    """
    return [row for role in ("input", "output", "attribute") for row in _rows(op, domain, role)]


def statements(transition: Transition) -> list[Statement]:
    """What a transition changes besides text; equal changes of several parameters are one."""
    found: dict[tuple[str, str], Statement] = {}
    for change in transition.changes:
        if change.kind in TEXT:
            continue
        kind, detail = change.kind.value, _detail(change)
        statement = found.setdefault((kind, detail), Statement(kind, [], detail))
        if change.parameter and change.parameter not in statement.parameters:
            statement.parameters.append(change.parameter)
    return list(found.values())


def summarize(types: Iterable[str]) -> str:
    """Type strings in short: `ints, floats, bfloat16`."""
    left = [_plain(text) for text in types]
    words = []
    for word, members in _GROUPS:
        if members <= set(left):
            words.append(word)
            left = [name for name in left if name not in members]
    for prefix, word in _CONTAINERS:
        inside = [name for name in left if name.startswith(prefix)]
        if len(inside) > 1:
            words.append(f"{len(inside)} {word}")
            left = [name for name in left if name not in inside]
    return ", ".join([*words, *left])


def _plain(text: str) -> str:
    inner = text.removeprefix("tensor(").removesuffix(")")
    return inner if text == f"tensor({inner})" and "(" not in inner else text


def _rows(op: str, domain: str, role: str) -> list[VersionRow]:
    found: list[VersionRow] = []
    rows: dict[str, VersionRow] = {}  # the same rows, under their names in the version just read
    places: dict[tuple[int, str], int] = {}
    before = None
    for since in definitions.versions(op, domain):
        parameters = _parameters(op, since, domain, role)
        places |= {(since, name): place for place, name in enumerate(parameters)}
        passed: tuple[SchemaChange, ...] = ()
        if before is not None:
            passed = definitions.transition(op, before, since, domain).changes
        own = [change for change in passed if change.role == role]
        for change in own:
            if change.kind in _RENAMED:
                rows[change.parameter] = rows.pop(change.formerly)
        for name, parameter in parameters.items():
            if name not in rows:
                rows[name] = VersionRow(role)
                found.append(rows[name])
            mark = _mark(name, own, before in rows[name].cells) if before is not None else ""
            rows[name].cells[since] = _cell(parameter, mark)
        for name, row in rows.items():
            if before in row.cells and name not in parameters:
                row.gone[since] = _fate(name, passed)
        before = since
    return sorted(found, key=lambda row: (-row.last, places[row.last, row.name]))


def _parameters(
    op: str, since: int, domain: str, role: str
) -> Mapping[str, FormalParameter | AttributeParameter]:
    if role == "attribute":
        return definitions.attributes(op, since, domain)
    formal = definitions.inputs if role == "input" else definitions.outputs
    return {parameter.name: parameter for parameter in formal(op, since, domain)}


def _mark(name: str, own: Iterable[SchemaChange], known: bool) -> str:
    kinds = {change.kind for change in own if change.parameter == name}
    if Kind.ATTRIBUTE_TO_INPUT in kinds:
        return "was an attribute"
    if Kind.INPUT_TO_ATTRIBUTE in kinds:
        return "was an input"
    if not known:
        return "new"
    return "changed" if kinds - TEXT else "text" if kinds else ""


def _fate(name: str, passed: Iterable[SchemaChange]) -> str:
    """What became of a parameter that the version before had."""
    kinds = {change.kind for change in passed if change.names[0] == name}
    if Kind.ATTRIBUTE_TO_INPUT in kinds:
        return "now an input"
    return "now an attribute" if Kind.INPUT_TO_ATTRIBUTE in kinds else "gone"


def _cell(parameter: FormalParameter | AttributeParameter, mark: str) -> VersionCell:
    if isinstance(parameter, AttributeParameter):
        presence = "required" if parameter.required else "optional"
        default = "" if parameter.default is None else default_text(parameter.default)
        kind = parameter.type
        return VersionCell(parameter.name, presence, default, "", kind, kind, mark)
    presence = {"single": "required", "optional": "optional"}.get(
        parameter.option, f"variadic, at least {parameter.min_arity}"
    )
    return VersionCell(
        name=parameter.name,
        presence=presence,
        default="",
        variable=parameter.type_variable,
        types=summarize(parameter.types),
        all_types=", ".join(_plain(text) for text in parameter.types),
        mark=mark,
    )


def _detail(change: SchemaChange) -> str:
    """What the only side that has it says, if the other side has nothing."""
    if change.kind.value.endswith(" added"):
        return change.after.removeprefix("attribute, ")
    if change.kind.value.endswith(" removed"):
        return change.before.removeprefix("attribute, ")
    return change.detail
