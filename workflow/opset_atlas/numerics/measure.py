"""Measure one output of a runtime against the eager module; judging the measure is done elsewhere.

Errors are measured against the eager module in float64 (`y64`), in the unit
`u = eps(dtype) * max|y64|`, so that torch's own rounding error is the yardstick and no tolerance
has to be guessed. A later judgement under other tolerances needs no new run: the slices and the
differences from the eager output are kept as the few extreme points that decide.

How zero and small slices are treated, and why:

* An all-zero channel (a dead ReLU) has no unit. Before the ReLU its values did have rounding errors
  of the tensor's scale, so 1e-9 there is no alarm: the channel is judged with the whole tensor.
* A maximum over few elements says too little about torch's own error: of two single errors, one is
  over ten times the other in 6 % of cases. A slice is therefore judged separately only where at
  least `MIN_SLICE` expected values are nonzero; otherwise it is judged with the whole tensor.
* The unit never falls below the smallest number that arithmetic must preserve: runtimes may flush
  subnormal numbers to zero (float16 is computed in float32 and keeps its subnormals).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from opset_atlas.base.arrays import Array, dtype_name, is_float
from opset_atlas.records import Measure

Floats = NDArray[np.float64]

MIN_SLICE = 16
MAX_FRONTIER = 64  # a smooth wrong function has a hull of thousands of points, which is thinned out
_THINNING = 1e-3


def measure(
    name: str,
    set_name: str,
    got: Array | None,
    eager: Array,
    exact64: Array | None,
    least_precise: str = "",
) -> Measure:
    """Measure output `name` on input set `set_name`.

    Args:
        got: the runtime's output; None where it returned none.
        eager: the eager module's output in the model's own dtype: any float (also ml_dtypes'),
            complex, integer, boolean or string dtype, any shape.
        exact64: the output of a float64 run, of `eager`'s shape; None where it is not usable. It is
            ignored for a float64 output, since it is no more exact than the output itself.
        least_precise: the least precise type that the model computes anything in. It sets the unit
            where torch's error is as large as this type's, or is unknown for lack of a truth.
    """
    blank = blank_measure(name, set_name, dtype_name(eager.dtype))
    structure = _structure(got, eager)
    if structure or got is None:
        return {**blank, "structure": structure}
    if not is_float(eager.dtype):
        return _measure_discrete(blank, got, eager)
    with np.errstate(all="ignore"):
        return _measure_floats(blank, got, eager, exact64, least_precise)


def blank_measure(name: str, set_name: str, dtype: str, structure: str = "") -> Measure:
    """A measure with no elements compared; `structure` says why where that is a failure."""
    return {
        "output": name,
        "set": set_name,
        "dtype": dtype,
        "structure": structure,
        "masks": "",
        "float64": False,
        "elements": 0,
        "constant": False,
        "exact": False,
        "max_abs": None,
        "max_rel": None,
        "p99": None,
        "rms_ratio": None,
        "snr_db": None,
        "one_minus_cosine": None,
        "ulp": None,
        "worst_index": None,
        "n_torch": None,
        "n_runtime": None,
        "slices": [],
        "frontier": [],
        "flips": 0,
        "flip_margin": None,
        "flip_error": None,
    }


def is_flat(inputs: Sequence[Array]) -> bool:
    """Whether every float input is constant; `judge` decides what follows from that.

    Without float inputs, whether every integer input is: an embedding gives equal rows for equal
    tokens.
    """
    floats: list[Array] = [a.astype(np.complex128) for a in inputs if is_float(a.dtype) and a.size]
    varied = floats or [a for a in inputs if a.dtype.kind in "iu" and a.size > 1]
    return bool(varied) and all(bool((a == a.flat[0]).all()) for a in varied)


def _structure(got: Array | None, eager: Array) -> str:
    if got is None:
        return "missing"
    if dtype_name(got.dtype) != dtype_name(eager.dtype):
        return f"dtype {dtype_name(got.dtype)} where {dtype_name(eager.dtype)} was expected"
    if got.shape != eager.shape:
        return f"shape {list(got.shape)} where {list(eager.shape)} was expected"
    return ""


def _measure_discrete(blank: Measure, got: Array, eager: Array) -> Measure:
    """Integers, booleans and strings: every difference is a flip."""
    different = np.asarray(got != eager)
    flips = int(np.count_nonzero(different))
    result: Measure = {
        **blank,
        "elements": eager.size,
        "constant": eager.size > 1 and bool((eager == eager.flat[0]).all()),
        "exact": flips == 0,
        "flips": flips,
    }
    if not eager.size:
        return result
    distance = different.astype(np.float64)
    if result["dtype"] != "string":
        wide = np.uint64 if eager.dtype.kind == "u" else np.int64
        high, low = (f(got.astype(wide), eager.astype(wide)) for f in (np.maximum, np.minimum))
        # Two's complement: the unsigned difference is correct even where the signed one overflows.
        distance = (high.astype(np.uint64) - low.astype(np.uint64)).astype(np.float64)
        result["max_abs"] = float(distance.max())
    result["worst_index"] = _index(distance) if flips else None
    return result


def _measure_floats(
    blank: Measure, got: Array, eager: Array, exact64: Array | None, least_precise: str
) -> Measure:
    """Values are float64 arrays of shape [..., parts]: 2 parts for complex, else 1."""
    result = blank
    eps, smallest, spacing = _precision(eager.dtype)
    g, e = _parts(got), _parts(eager)
    finite = np.isfinite(g) & np.isfinite(e)
    result["masks"] = _compare_masks(g, e)
    result["elements"] = int(np.count_nonzero(finite))
    result["exact"] = _same_bits(got, eager)
    if not result["elements"]:
        return result
    truth = _truth(exact64, eager, finite)
    result["float64"] = truth is not None
    y = e if truth is None else truth
    if least_precise and _shows(least_precise, eager.dtype, e[finite], y[finite], truth is None):
        result["computed_in"] = least_precise
        eps, smallest, spacing = _precision(_dtype(least_precise))
    result["constant"] = _constant(e, finite) or _constant(y, finite)
    every = result["elements"] == finite.size
    if not every:  # a zero error at an expected zero changes none of the maxima below
        g, e, y = (np.where(finite, values, 0.0) for values in (g, e, y))

    def flat(values: Floats) -> Floats:
        return values.ravel() if every else values[finite]

    error, size = np.abs(g - y), np.abs(y)
    result["worst_index"] = _index(error)[:-1]
    result |= _errors(flat(error), flat(size), eps, spacing)  # type: ignore[typeddict-item]
    result["one_minus_cosine"] = _one_minus_cosine(g, y)
    result["frontier"] = frontier(flat(np.abs(e)), flat(np.abs(g - e)))
    if size.max() > 0:
        own = np.abs(e - y)  # all zero where the eager output itself serves as the truth
        unit = max(eps * float(size.max()), smallest)
        if truth is not None:
            result["rms_ratio"] = _ratio(_rms(flat(error)), _rms(flat(own)))
            result["n_torch"] = _number(own.max() / unit)
        result["n_runtime"] = _number(error.max() / unit)
        result["slices"] = _slices(own, error, size, eager.ndim, eps, smallest)
    return result


def _shows(
    least: str, own: np.dtype[np.generic], eager: Floats, exact: Floats, untold: bool
) -> bool:
    """Whether an output is computed in a less precise type than its own.

    Args:
        eager, exact: finite values of torch's output and of the float64 run, shape [n].
        untold: there is no truth, so this output may be computed in the less precise type.
    """
    eps = float(ml_dtypes.finfo(_dtype(least)).eps)
    if eps <= float(ml_dtypes.finfo(own).eps):
        return False
    return untold or bool(np.abs(eager - exact).max() > eps / 8 * np.abs(exact).max())


def _dtype(name: str) -> np.dtype[np.generic]:
    return np.dtype(getattr(ml_dtypes, name, name))


def _precision(dtype: np.dtype[np.generic]) -> tuple[float, float, float]:
    """The dtype's eps, the smallest unit for an error in it, and its smallest spacing."""
    info = ml_dtypes.finfo(dtype)
    eps, normal = float(info.eps), float(info.smallest_normal)
    keeps_subnormals = normal > float(np.finfo(np.float32).smallest_normal)
    return eps, normal * eps if keeps_subnormals else normal, normal * eps


def _parts(values: Array) -> Floats:
    """The values in float64, with a last axis for the real and imaginary parts."""
    if values.dtype.kind == "c":
        return np.stack([values.real, values.imag], axis=-1).astype(np.float64)
    return values.astype(np.float64)[..., np.newaxis]


def _truth(exact64: Array | None, eager: Array, finite: NDArray[np.bool_]) -> Floats | None:
    """`exact64` in parts, where it can serve as the truth for `eager`."""
    if exact64 is None or exact64.shape != eager.shape or not is_float(exact64.dtype):
        return None
    parts = 2 if eager.dtype.kind == "c" else 1
    if eager.dtype.itemsize >= 8 * parts or exact64.dtype.itemsize < 8 * parts:
        return None
    values = _parts(exact64)
    return values if bool(np.isfinite(values[finite]).all()) else None


def _compare_masks(got: Floats, eager: Floats) -> str:
    """Compare the positions of NaN, +inf and -inf: "" or a sentence about what differs."""
    kinds: dict[str, Callable[[Floats], NDArray[np.bool_]]] = {
        "NaN": np.isnan,
        "+inf": np.isposinf,
        "-inf": np.isneginf,
    }
    found = []
    for kind, is_kind in kinds.items():
        mine, theirs = is_kind(got), is_kind(eager)
        differs = mine != theirs
        if differs.any():
            first = _index(differs.astype(np.float64))[:-1]
            found.append(
                f"{kind} at {np.count_nonzero(mine)} positions, torch has "
                f"{np.count_nonzero(theirs)} (first difference at {first})"
            )
    return "; ".join(found)


def _same_bits(got: Array, eager: Array) -> bool:
    """Whether both are bit-equal, apart from NaN payloads. -0.0 differs from 0.0."""
    a, b = np.ascontiguousarray(got).ravel(), np.ascontiguousarray(eager).ravel()
    if a.dtype.kind == "c":
        a, b = a.view(a.real.dtype), b.view(b.real.dtype)
    bits = np.dtype(f"u{a.dtype.itemsize}")
    different = a.view(bits) != b.view(bits)
    return not different.any() or bool((np.isnan(a) & np.isnan(b))[different].all())


def _constant(values: Floats, finite: NDArray[np.bool_]) -> bool:
    """Whether the values are all equal, so that a comparison with them says nothing.

    A single element cannot vary; it says nothing only where it is zero.
    """
    for part in range(values.shape[-1]):
        v = values[..., part][finite[..., part]]
        if v.size and (v.min() != v.max() or (v.size == 1 and v[0] != 0)):
            return False
    return True


def _index(values: Floats) -> list[int]:
    return [int(i) for i in np.unravel_index(int(np.argmax(values)), values.shape)]


def _errors(error: Floats, size: Floats, eps: float, spacing: float) -> dict[str, float | None]:
    """Statistics of the errors, given the magnitudes of the expected values; both of shape [n].

    Relative error and ULP cover only the elements whose expected value is not zero.
    """
    nonzero = size > 0
    relative = np.divide(error, size, out=np.zeros_like(error), where=nonzero)
    place = error.size - 1 - error.size // 100
    last_places = np.maximum(np.ldexp(eps, np.frexp(size)[1] - 1), spacing)
    ulps = np.divide(error, last_places, out=last_places, where=nonzero)
    rms = _rms(error)
    return {
        "max_abs": _number(error.max()),
        "max_rel": _number(relative.max()) if nonzero.any() else None,
        "p99": _number(np.partition(error, place)[place]),
        "snr_db": _number(20 * np.log10(_rms(size) / rms)) if rms and nonzero.any() else None,
        "ulp": _number(ulps.max(where=nonzero, initial=0.0)) if nonzero.any() else None,
    }


def _rms(values: Floats) -> float:
    """Root mean square, scaled because squares of float64 values may overflow.

    Not computed by `np.dot`, whose last digits depend on the number of BLAS threads.
    """
    top = float(np.abs(values).max())
    scaled = (values / top).ravel() if 0 < top < np.inf else values.ravel()
    return (top if top else 1.0) * float(np.sqrt(np.square(scaled).sum() / scaled.size))


def _one_minus_cosine(a: Floats, b: Floats) -> float | None:
    """Computed from the distance of the unit vectors, since 1 - cosine would cancel at 1e-16."""
    norms = [_rms(v) * np.sqrt(v.size) for v in (a, b)]
    if not all(0 < norm < np.inf for norm in norms):
        return None
    apart = (a / norms[0] - b / norms[1]).ravel()
    return _number(np.square(apart).sum() / 2)


def _ratio(a: float, b: float) -> float | None:
    return _number(a / b) if b > 0 else None


def _number(value: float | np.floating) -> float | None:
    """A float that JSON can hold; an overflow becomes the largest float64 number."""
    number = float(value)
    if np.isnan(number):
        return None
    return max(-sys.float_info.max, min(sys.float_info.max, number))


def _slices(
    own: Floats, error: Floats, size: Floats, ndim: int, eps: float, smallest: float
) -> list[list[float]]:
    """Pareto front of (n_torch, n_runtime): the tensor and its slices along axis 1 and the last.

    A slice passes iff `n_runtime <= max(factor * n_torch, floor)`. So a slice with both a larger
    n_runtime and a larger n_runtime / n_torch dominates another, whatever the factor and floor.
    """
    unit = max(eps * float(size.max()), smallest)
    pairs = [np.array([[own.max() / unit, error.max() / unit]])]
    for axis in sorted({1, ndim - 1} & set(range(ndim))):
        if size.size < MIN_SLICE * size.shape[axis]:
            continue
        others = tuple(a for a in range(size.ndim) if a != axis)
        speaks = np.count_nonzero(size, axis=others) >= MIN_SLICE
        units = np.maximum(eps * size.max(axis=others)[speaks], smallest)
        pairs.append(np.stack([v.max(axis=others)[speaks] / units for v in (own, error)], axis=1))
    return slice_front(np.concatenate(pairs))


def allowed_error(
    eager: Array, exact64: Array | None, noise_factor: float, noise_floor: float
) -> Floats:
    """The error allowed as noise for each element of a float output, of shape `eager.shape`.

    It is the strictest bound of the whole tensor and of the slices through the element. Each allows
    `max(noise_factor * n_torch, noise_floor)` units, just as the `slices` of a measure are judged.
    """
    e = _parts(eager)
    eps, smallest, _ = _precision(eager.dtype)
    finite = np.isfinite(e)
    truth = _truth(exact64, eager, finite)
    y = e if truth is None else truth
    own, size = (np.where(finite, np.abs(values), 0.0) for values in (e - y, y))
    allowed = np.full(e.shape, np.inf)
    every = tuple(range(e.ndim))
    for axis in (None, *sorted({1, eager.ndim - 1} & set(range(eager.ndim)))):
        others = tuple(a for a in every if a != axis)
        speaks = np.count_nonzero(size, axis=others, keepdims=True) >= MIN_SLICE
        unit = np.maximum(eps * size.max(axis=others, keepdims=True, initial=0.0), smallest)
        noise = noise_factor * own.max(axis=others, keepdims=True, initial=0.0)
        limit = np.maximum(noise, noise_floor * unit)
        allowed = np.minimum(allowed, limit if axis is None else np.where(speaks, limit, np.inf))
    strictest: Floats = allowed.min(axis=-1)
    return strictest


def slice_front(pairs: Floats) -> list[list[float]]:
    """The deciding pairs (n_torch, n_runtime), shape [n, 2], with the largest ratio first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(pairs[:, 1] > 0, pairs[:, 1] / pairs[:, 0], 0.0)
    front: list[list[float]] = []
    for i in np.lexsort((pairs[:, 0], -pairs[:, 1], -ratio)):
        if not front or pairs[i, 1] > front[-1][1]:
            front.append([_number(v) or 0.0 for v in pairs[i]])
    return front


def frontier(expected: Floats, difference: Floats) -> list[list[float]]:
    """The points that decide `difference <= atol + rtol * expected` for every rtol, atol >= 0.

    These are the vertices of the upper left hull, found by quickhull, which avoids sorting ten
    million elements. The hull is exact to float64 rounding up to `MAX_FRONTIER` points; a larger
    one is thinned out so that a difference counts as at most a thousandth smaller than it is.

    Args:
        expected, difference: non-negative and finite, shape [n], n > 0.
    """
    difference = np.minimum(difference, sys.float_info.max)
    low, top = float(expected.min()), float(difference.max())
    left = (low, float(difference[expected == low].max()))
    right = (float(expected[difference == top].min()), top)
    if left == right:
        return [list(left)]
    with np.errstate(over="ignore", invalid="ignore"):  # a slope between subnormal numbers
        points = _between(left, right, expected, difference, 0.0, MAX_FRONTIER)
        points = points or _between(left, right, expected, difference, _THINNING, None)
    return [list(point) for point in points]


def _between(
    left: tuple[float, float],
    right: tuple[float, float],
    x: Floats,
    d: Floats,
    slack: float,
    most: int | None,
) -> list[tuple[float, float]]:
    """The hull's vertices from `left` to `right`, in order; none if there were more than `most`."""
    points = {left, right}
    todo = [(left, right, x, d)]
    while todo:
        if most and len(points) > most:
            return []
        a, b, x, d = todo.pop()
        slope = (b[1] - a[1]) / (b[0] - a[0])
        chord = a[1] + slope * (x - a[0])
        above = (x > a[0]) & (x < b[0]) & (d > chord * (1 + slack))
        if not above.any():
            continue
        x, d, height = x[above], d[above], (d - chord)[above]
        top = int(np.argmax(height))
        middle = (float(x[top]), float(d[top]))
        points.add(middle)
        todo += [(a, middle, x, d), (middle, b, x, d)]
    return sorted(points)
