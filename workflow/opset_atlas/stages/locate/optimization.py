"""The part of a file that a runtime computes correctly as written, and not once optimized."""

from __future__ import annotations

from collections.abc import Callable

from opset_atlas.onnx_files.parts import Region, Wires

MOST_CUTS = 64  # up to here every node is tried; above, halves are


def locate(wires: Wires, output: str, fails: Callable[[Region], bool]) -> Region | None:
    """The smallest part that still fails when it is run alone; None where there is none.

    First the earliest value that comes out wrong is found, then as many nodes before it as possible
    are removed. A value that is made an output cannot be optimized away, so each is tried in a cut
    of its own.

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
    """The first name that fails; found by halves where there are many, as if order were all."""
    while len(names) > MOST_CUTS:
        middle = len(names) // 2
        names = names[: middle + 1] if fails(names[middle]) else names[middle + 1 :]
    return next((name for name in names if fails(name)), None)


def _most(names: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """The longest beginning of `names` that can be given with the rest still failing."""
    low, high = 0, len(names) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fails(names[:middle]):
            low = middle
        else:
            high = middle - 1
    return names[:low]
