"""What `targets` of the configuration mean: the opsets and IR versions that each of them reads.

A target is a text: `opset<=11`, `opset>=13`, `opset==17`, `onnxruntime>=1.16`,
`onnxruntime==1.20.*`. Another kind is a function of its own in `_KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

from opset_atlas.records import Limit
from opset_atlas.runtimes import _gates

_TARGET = re.compile(r"\s*([a-z]+)\s*(>=|<=|==)\s*([0-9.*]+)\s*")
EXPECTED = (
    "a target such as onnxruntime>=1.16, onnxruntime==1.20.*, opset<=11, opset>=13 or opset==17"
)


def limit(text: str) -> Limit:
    """What a target reads.

    Raises:
        ValueError: with what was expected.
    """
    match = _TARGET.fullmatch(text)
    if not match or match[1] not in _KINDS:
        raise ValueError(f"expected {EXPECTED}")
    return _KINDS[match[1]](text.strip(), match[2], match[3])


def collision(targets: Iterable[str]) -> str:
    """The first two targets that no opset satisfies together, in words; "" if there are none."""
    for one, other in combinations(map(limit, targets), 2):
        for low, high in ((one, other), (other, one)):
            if low["lowest"] is None or high["highest"] is None or low["lowest"] <= high["highest"]:
                continue
            return (
                f"{one['target']} and {other['target']} exclude each other: {low['target']} begins"
                f" at opset {low['lowest']}, {high['target']} ends at {high['highest']}"
            )
    return ""


def problems(targets: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the key `targets`: one that cannot be read, else two that collide."""
    sound = True
    for number, text in enumerate(targets):
        try:
            limit(text)
        except ValueError as error:
            sound = False
            yield ("targets", str(number)), f"{error}, got {text!r}"
    if sound and (found := collision(targets)):
        yield ("targets",), found


def _opset(text: str, sign: str, number: str) -> Limit:
    if not number.isdigit():
        raise ValueError(f"expected a whole number in {text!r}")
    low, high = sign in (">=", "=="), sign in ("<=", "==")
    return {
        "target": text,
        "lowest": int(number) if low else None,
        "highest": int(number) if high else None,
        "ir_version": None,
    }


def _onnxruntime(text: str, sign: str, number: str) -> Limit:
    """All releases from this one on read what this one reads; the gates only open."""
    known = [gate.version for gate in _gates.ONNXRUNTIME]
    minor = ".".join(number.split(".")[:2])
    if sign == "<=" or minor not in known:
        raise ValueError(
            f"expected onnxruntime>=X.Y or ==X.Y.* with X.Y from {known[0]} to {known[-1]},"
            " the releases whose limits are measured"
        )
    gate = _gates.ONNXRUNTIME[known.index(minor)]
    return {
        "target": text,
        "lowest": None,
        "highest": gate.opset,
        "ir_version": gate.ir_version,
    }


_KINDS: dict[str, Callable[[str, str, str], Limit]] = {
    "opset": _opset,
    "onnxruntime": _onnxruntime,
}


def default_exporter(torch: str | None) -> str:
    """The exporter of a `torch.onnx.export` that names none: `dynamo=True` since torch 2.9."""
    found = re.match(r"(\d+)\.(\d+)", torch or "")
    return "torchscript" if found and (int(found[1]), int(found[2])) < (2, 9) else "dynamo"
