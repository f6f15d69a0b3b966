"""What a reader of a model's page must know about the reference for its files."""

from __future__ import annotations

from collections.abc import Iterator

from opset_atlas.records import DefineRecord

MOST_NAMED = 6


def remarks(definition: DefineRecord) -> Iterator[str]:
    """A sentence each: mode, call, randomness, sets without a float64 reference, sizes not run."""
    if definition["outcome"] != "ok":
        return
    if names := definition["set_to_eval"]:
        number = "1 part was" if len(names) == 1 else f"{len(names)} parts were"
        yield (
            f"Set to eval() before anything was run; {number} in training mode, which computes"
            f" something else: {_listed(names)}."
        )
    if definition.get("flattened"):
        yield (
            f"Called as {definition.get('call', '')}; the exporters got it with a forward that"
            " takes and returns only these tensors."
        )
    random = {name: what for each in definition["sets"] for name, what in each["random"].items()}
    for name, what in random.items():
        yield (
            f"Its output {name} is random: in torch its {what}"
            f" change{'s' * (what == 'shape')} from run to run, so there is nothing to compare a"
            " file with."
        )
    least = definition["least_precise"]
    if least in ("float16", "bfloat16") and {p["dtype"] for p in definition["outputs"]} - {least}:
        yield (
            f"Part of it computes in {least}; outputs that are no more exact than that are judged"
            f" in units and with tolerances of {least}."
        )
    yield from _without_truth(definition)
    if definition["detail"]:
        yield definition["detail"]


def _without_truth(definition: DefineRecord) -> Iterator[str]:
    """Why there is no float64 run to tell noise from error."""
    floats = [port["dtype"] for port in definition["outputs"] if "float" in port["dtype"]]
    if floats and set(floats) == {"float64"}:
        yield "It computes in float64, so it is judged by tolerances, without a noise floor."
        return
    reasons: dict[str, list[str]] = {}
    for each in definition["sets"]:
        if not each["float64"]:
            reasons.setdefault(each["why_not"], []).append(each["name"])
    for why, sets in reasons.items():
        where = "" if len(sets) == len(definition["sets"]) else f" on {_listed(sets)}"
        yield f"Judged without a noise floor{where}: there is no float64 reference, because {why}."


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
