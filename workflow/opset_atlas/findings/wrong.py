"""A wrong result in plain words, and the tracker that it belongs to: see `wrong.yaml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opset_atlas.records import CellVerdict, Located


@dataclass(frozen=True)
class Words:
    """What is wrong, and what to write instead, or ""."""

    says: str
    write: str = ""
    known: bool = False  # by an entry of the list


@dataclass(frozen=True)
class Tracker:
    """The project at fault as far as is known. `sure`: the search has excluded the others."""

    name: str
    url: str
    sure: bool


@functools.cache
def _entries() -> Sequence[dict[str, str | int]]:
    import yaml  # only needed where something is wrong

    path = Path(__file__).with_suffix(".yaml")
    entries: list[dict[str, str | int]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return entries


def in_words(found: Located) -> Words:
    """What is wrong, from the nodes at fault where they tell it, else from the measured pattern."""
    nodes = ", ".join(node["text"] for node in found["nodes"])
    for entry in _entries():
        right = entry.get("right")
        if (
            re.search(str(entry["nodes"]), nodes)
            and re.search(str(entry.get("instead", "")), found["instead"])
            and (right is None or (found["right_at"] or 0) >= int(right))
        ):
            return Words(str(entry["says"]), str(entry["write"]), known=True)
    symptom = found.get("symptom")
    return Words(symptom["pattern"] if symptom else found["difference"] or "the result is wrong")


def operators(found: Located) -> str:
    """The blamed operators without their versions, as a name of the cause."""
    return ", ".join(dict.fromkeys(node["op"] for node in found["nodes"]))


def tracker(found: Located) -> Tracker:
    """Where to report it; a converted file goes to the exporter of a base that is wrong too."""
    sure = found["fault"] not in ("undecided", "unconfirmed")
    if found["fault"] in ("kernel", "optimization"):
        runtime = found["runtimes"][0].partition("-")[0] if found["runtimes"] else "onnxruntime"
        if runtime == "reference":
            return _tracker("onnx/onnx", sure)
        return _tracker(_RUNTIMES.get(runtime, "microsoft/onnxruntime"), sure)
    exporter = found["inherited"].partition(" ")[0] or found["exporter"]
    if exporter == "converter":
        return _tracker("onnx/onnx", sure)
    # From opset 18 on it writes what onnxscript's functions say; below, onnxscript converts that.
    converted = exporter == "dynamo" and found["right_at"] is not None
    return _tracker("microsoft/onnxscript" if converted else "pytorch/pytorch", sure)


_RUNTIMES = {"openvino": "openvinotoolkit/openvino", "opencv": "opencv/opencv"}


def _tracker(name: str, sure: bool) -> Tracker:
    return Tracker(name, f"https://github.com/{name}/issues/new", sure)


def degenerate_only(verdicts: Sequence[CellVerdict]) -> list[str]:
    """The input sets that a cell is wrong on if all of them are degenerate, over all runtimes.

    Nothing where some runtime is wrong on a set that tells something. Such a cell counts for less
    than one that is wrong on ordinary inputs.
    """
    wrong = [each for each in verdicts if each["verdict"] == "mismatch"]
    if not all(each.get("degenerate_only") for each in wrong):
        return []
    return list(dict.fromkeys(name for each in wrong for name in each["degenerate_only"]))
