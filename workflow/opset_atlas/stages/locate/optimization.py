"""The part of a file that a runtime computes correctly as written, but not when optimized."""

from __future__ import annotations

from collections.abc import Callable

from opset_atlas.onnx_files.parts import Region, Wires

MOST_CUTS = 64  # up to this many nodes are tried one by one; more by bisection


def locate(wires: Wires, output: str, fails: Callable[[Region], bool]) -> Region | None:
    """The smallest part that still fails when run alone; None if there is none.

    It finds the earliest wrong value, then removes as many nodes before it as possible. A value
    made an output cannot be optimized away, so each value is tried in a separate cut.

    Args:
        fails: whether a part, run alone on right inputs, gives another result when optimized.
    """
    everything = wires.region(output, ())
    if not fails(everything):
        return None
    targets = [
        name for i in everything.nodes for name in wires.nodes[i].output if name in wires.varying
    ]
    target = _first(targets, lambda name: fails(wires.region(name, ()))) or output
    best = wires.region(target, ())
    before = [n for i in best.nodes for n in wires.nodes[i].output if n in wires.varying]
    given = _most(before, lambda names: fails(wires.region(target, names)))
    for name in before[-MOST_CUTS:]:
        if name not in given and name != target and fails(wires.region(target, [*given, name])):
            given.append(name)
    return wires.region(target, given)


def _first(names: list[str], fails: Callable[[str], bool]) -> str | None:
    """The first name that fails, by bisection if there are many, assuming that failures persist."""
    while len(names) > MOST_CUTS:
        middle = len(names) // 2
        names = names[: middle + 1] if fails(names[middle]) else names[middle + 1 :]
    return next((name for name in names if fails(name)), None)


def _most(names: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """The longest prefix of `names` that can be fed as inputs while the rest still fails."""
    low, high = 0, len(names) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fails(names[:middle]):
            low = middle
        else:
            high = middle - 1
    return names[:low]
