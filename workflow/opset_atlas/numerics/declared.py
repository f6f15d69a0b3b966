"""Compare what a file declares of its inputs and outputs with the tensors of a run.

A declaration is a promise to anyone who allocates a buffer or joins two files. A runtime may
compute the right numbers from a file that states the wrong shape, so parity alone does not detect
this. What is not declared (no type, no rank, no size) is not a promise and is never reported.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opset_atlas.base.arrays import dtype_name
from opset_atlas.models.sizes import is_traced
from opset_atlas.records import Declared, DeclaredPort, Misdeclared


@dataclass(frozen=True)
class Disagreement:
    """One promise that one run broke; the fields are those of `records.Misdeclared`."""

    port: str
    output: bool
    what: str
    axis: int | None
    declared: str
    given: str

    @property
    def key(self) -> tuple[Any, ...]:
        """Identifies the promise, whatever the run gave."""
        return self.port, self.output, self.what, self.axis, self.declared


def disagreements(
    declared: Declared, inputs: Mapping[str, Any], outputs: Sequence[Any]
) -> list[Disagreement]:
    """Where one run contradicts what the file declares.

    Within a run, a symbolic size stands for one number, in inputs and outputs alike. An expression
    over such names (`length + 1`) is evaluated; one that cannot be parsed is treated as a name.

    Args:
        inputs: the tensors that were fed, by the names of the graph.
        outputs: the results, in the order of the graph; anything but an array is skipped.
    """
    known: dict[str, int] = {}
    found: list[Disagreement] = []
    for port in declared["inputs"]:
        if isinstance(array := inputs.get(port["name"]), np.ndarray):
            found += _port(port, array, known, output=False)
    for port, value in zip(declared["outputs"], outputs, strict=False):
        if isinstance(value, np.ndarray):
            found += _port(port, value, known, output=True)
    return found


def _port(
    port: DeclaredPort, array: np.ndarray[Any, Any], known: dict[str, int], output: bool
) -> Iterator[Disagreement]:
    name, shape = port["name"], port["shape"]
    given = dtype_name(array.dtype)
    if port["dtype"] and port["dtype"] != given:
        yield Disagreement(name, output, "dtype", None, port["dtype"], given)
    if shape is None:
        return
    if len(shape) != array.ndim:
        yield Disagreement(name, output, "rank", None, _spell(shape), _spell(array.shape))
        return
    for axis, (size, actual) in enumerate(zip(shape, array.shape, strict=True)):
        if size is None or size == actual:
            continue
        if isinstance(size, int):
            yield Disagreement(name, output, "size", axis, str(size), str(actual))
            continue
        expected = evaluate(size, known)
        if expected is None:
            known[size] = actual
        elif expected != actual:
            text = f"{actual}, where {size} is {expected}"
            yield Disagreement(name, output, "symbol", axis, size, text)


def _spell(shape: Iterable[int | str | None]) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
# As torch prints its symbolic expressions (torch/utils/_sympy/functions.py).
_FUNCTIONS: dict[str, Callable[..., int]] = {
    "Max": max,
    "Min": min,
    "max": max,
    "min": min,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "PythonMod": operator.mod,
}
_LARGEST = 1 << 62  # sizes are int64; anything larger was not meant to be computed


def evaluate(size: str, known: Mapping[str, int]) -> int | None:
    """The number that a name or an expression stands for; None where it is unknown."""
    if size in known:
        return known[size]
    try:
        return _value(ast.parse(size, mode="eval").body, known)
    except (SyntaxError, ValueError, KeyError, ArithmeticError, TypeError, RecursionError):
        return None


def _value(node: ast.expr, known: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, known)
        case ast.BinOp(left=left, op=op, right=right):
            return _apply(_OPERATORS[type(op)], [_value(left, known), _value(right, known)])
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]):
            return _apply(_FUNCTIONS[name], [_value(each, known) for each in given])
    raise ValueError(ast.dump(node))


def _apply(function: Callable[..., int], values: list[int]) -> int:
    if function is operator.pow and not 0 <= values[1] <= 8:
        raise ValueError("an exponent outside the range that sizes use")
    result = function(*values)
    if abs(result) > _LARGEST:
        raise ValueError("a number too large for a size")
    return result


def summary(by_set: Mapping[str, Sequence[Disagreement]]) -> list[Misdeclared]:
    """Each broken promise once, with the first input set that shows it.

    Args:
        by_set: disagreements of every input set that ran, including sets without any.
    """
    sets: dict[tuple[Any, ...], dict[str, Disagreement]] = {}
    for name, found in by_set.items():
        for each in found:
            sets.setdefault(each.key, {})[name] = each
    traced = [name for name in by_set if is_traced(name)]
    rows: list[Misdeclared] = []
    for shown in sets.values():
        name, first = next(iter(shown.items()))
        at = "every size" if all(each in shown for each in traced) else "other values"
        if not any(each in shown for each in traced):
            at = "other sizes"
        rows.append({**vars(first), "set": name, "at": at})  # type: ignore[typeddict-item]
    return rows
