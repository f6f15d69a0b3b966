"""Which setting to prefer among those that are right: the user's policy and targets, applied.

By default the exporter decides first: the one that the installed torch uses when none is named is
supported and will stay. Then the longest run of opsets that are right without a gap, and in it the
opset nearest to `HOME`. How many nodes a file has is no reason unless the policy says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from opset_atlas.records import Limit

Row = Mapping[str, Any]
Policy = Literal["default", "widest-reach", "fewest-nodes"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

# The lowest opset that `dynamo=True` has implementations for (TORCHLIB_OPSET in torch 2.13,
# torch/onnx/_internal/exporter/_constants.py); files of lower ones are converted from it.
# onnxruntime reads it since before its oldest measured release.
HOME = 18
DEPRECATED = "torchscript"  # its own warning says so since torch 2.9
# Exporters that users have in torch; a converter or a given file comes after, a plug-in between.
_OF_TORCH = ("dynamo", "torchscript")
_LAST = ("converter", "given_file")


@dataclass(frozen=True)
class Aim:
    """What a setting is wanted for.

    Args:
        default_exporter: the one that the installed `torch.onnx.export` uses if none is named.
    """

    policy: Policy = "default"
    limits: tuple[Limit, ...] = ()
    default_exporter: str = "dynamo"

    def refusal(self, opset: int, ir_version: int | None = None) -> str:
        """The first target that does not read such a file, in words; "" if all do."""
        return next(filter(None, (_refusal(each, opset, ir_version) for each in self.limits)), "")

    def up_to(self, opset: int) -> Aim:
        """The same, for a runtime that reads no newer opset."""
        limit: Limit = {
            "target": f"opset<={opset}",
            "lowest": None,
            "highest": opset,
            "ir_version": None,
        }
        return Aim(self.policy, (*self.limits, limit), self.default_exporter)

    def standing(self, exporter: str) -> int:
        """The place of an exporter: torch's default, torch's other one, plug-ins, converters."""
        if exporter == self.default_exporter:
            return 0
        return 1 if exporter in _OF_TORCH else 3 if exporter in _LAST else 2


@dataclass(frozen=True)
class Choice:
    """A setting, and the qualifying cells that it has: one for each model that it is right for."""

    exporter: str
    opset: int
    cells: Mapping[str, Row]


def of_spec(spec: Mapping[str, Any]) -> Aim:
    """The aim of a run, from the part `advice` of its specification."""
    given = spec.get("advice", {})
    return Aim(
        given.get("policy", "default"),
        tuple(given.get("limits", ())),
        given.get("default_exporter", "dynamo"),
    )


def choose(
    models: Collection[str], right: Iterable[Row], order: Sequence[str], aim: Aim | None = None
) -> Choice | None:
    """The setting that is right for most of these models; None if there is none for any.

    Of several, the one that the aim's policy prefers, then the order of the exporters.

    Args:
        right: qualifying cells, of these models and others.
    """
    aim = aim or Aim()
    found: dict[tuple[str, int], dict[str, Row]] = {}
    for cell in right:
        if cell["model"] in models and not aim.refusal(cell["requested"], cell.get("ir_version")):
            setting = cell["exporter"], cell["requested"]
            found.setdefault(setting, {})[cell["model"]] = cell
    if not found:
        return None
    most = max(map(len, found.values()))
    best = {setting: own for setting, own in found.items() if len(own) == most}

    def preference(setting: tuple[str, int]) -> tuple[int, ...]:
        exporter, opset = setting
        standing = aim.standing(exporter), order.index(exporter)
        near = abs(opset - HOME), opset
        if aim.policy == "widest-reach":
            return opset, *standing
        if aim.policy == "fewest-nodes":
            nodes = sum(cell["computing_nodes"] for cell in best[setting].values())
            return nodes, opset, order.index(exporter)
        own = spans(other for name, other in best if name == exporter)
        first, last = next(span for span in own if span[0] <= opset <= span[1])
        return *standing, first - last, *near

    exporter, opset = min(best, key=preference)
    return Choice(exporter, opset, best[exporter, opset])


def right_for_all(
    models: Collection[str], right: Iterable[Row], order: Sequence[str], aim: Aim
) -> dict[str, list[int]]:
    """Per exporter, the opsets that are right for every one of these models, preferred first."""
    found: dict[str, dict[int, set[str]]] = {}
    for cell in right:
        if cell["model"] in models and not aim.refusal(cell["requested"], cell.get("ir_version")):
            own = found.setdefault(cell["exporter"], {}).setdefault(cell["requested"], set())
            own.add(cell["model"])
    complete = {
        name: sorted(opset for opset, own in found[name].items() if len(own) == len(models))
        for name in sorted(found, key=lambda name: (aim.standing(name), order.index(name)))
    }
    return {name: opsets for name, opsets in complete.items() if opsets}


def exclusions(cells: Iterable[Row], aim: Aim) -> str:
    """What excluded opsets; "" if nothing did.

    `20: onnxruntime>=1.16 reads opset 19 at most; dynamo 9–19: onnxruntime>=1.16 reads IR …`: the
    exporter is named where another one's file of that opset may be read.
    """
    told: dict[tuple[str, str], set[int]] = {}
    for cell in cells:
        opset = cell["requested"]
        if said := aim.refusal(opset):
            told.setdefault(("", said), set()).add(opset)
        elif said := aim.refusal(opset, cell.get("ir_version")):
            told.setdefault((f"{cell['exporter']} ", said), set()).add(opset)
    return "; ".join(f"{who}{as_ranges(opsets)}: {said}" for (who, said), opsets in told.items())


def spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of consecutive integers as (first, last)."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def as_ranges(opsets: Iterable[int]) -> str:
    """`9–13, 15`"""
    parts = (str(a) if a == b else f"{a}–{b}" for a, b in spans(opsets))
    return ", ".join(parts)


def _refusal(limit: Limit, opset: int, ir_version: int | None) -> str:
    target = limit["target"]
    if limit["highest"] is not None and opset > limit["highest"]:
        return f"{target} reads opset {limit['highest']} at most"
    if limit["lowest"] is not None and opset < limit["lowest"]:
        return f"{target} reads opset {limit['lowest']} at least"
    if limit["ir_version"] is not None and (ir_version or 0) > limit["ir_version"]:
        return f"{target} reads IR version {limit['ir_version']} at most, not {ir_version}"
    return ""
