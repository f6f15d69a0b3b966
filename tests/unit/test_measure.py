"""What is measured is exact, fit for JSON, and enough for any tolerance."""

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from opset_atlas.numerics.measure import MAX_FRONTIER, Floats, frontier, measure, slice_front
from opset_atlas.records import Measure

EPS = float(np.finfo(np.float32).eps)


def noisy(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """A float64 truth and two float32 computations of it with independent rounding errors."""
    rng = np.random.default_rng(seed)
    exact = rng.normal(size=shape) * scale
    near = [(exact * (1 + EPS * rng.normal(size=shape))).astype(np.float32) for _ in range(2)]
    return exact, *near


def of(got: np.ndarray | None, eager: np.ndarray, exact: np.ndarray | None = None) -> Measure:
    found = measure("y", "random-0", got, eager, exact)
    json.dumps(found, allow_nan=False)
    return found


def worst(found: Measure, factor: float, floor: float) -> bool:
    """Whether every slice passes."""
    return all(n_r <= max(factor * n_t, floor) for n_t, n_r in found["slices"])


small = st.integers(0, 1000).map(float)
pairs = st.lists(st.tuples(small, small), min_size=1, max_size=60)


@given(pairs, st.integers(0, 4000), st.integers(0, 1500))
def test_the_frontier_decides_like_all_elements(
    points: list[tuple[float, float]], rtol_1024: int, atol: int
) -> None:
    """On numbers whose products and sums are exact, the decision is the same, bit for bit."""
    rtol = rtol_1024 / 1024
    y, d = np.array(points).T
    kept = frontier(y, d)
    assert {tuple(point) for point in kept} <= set(points)
    assert bool((d <= atol + rtol * y).all()) == all(b <= atol + rtol * a for a, b in kept)


positive = hnp.arrays(np.float64, 50, elements=st.floats(0, 1e30))


@given(positive, positive, st.floats(0, 10))
def test_the_frontier_keeps_the_largest_excess_of_any_floats(
    y: Floats, d: Floats, rtol: float
) -> None:
    every, kept = (float((q - rtol * p).max()) for p, q in [(y, d), np.array(frontier(y, d)).T])
    assert kept == pytest.approx(every, rel=1e-12, abs=1e-12 * max(d.max(), rtol * y.max()))


def test_a_long_frontier_is_thinned_to_a_thousandth() -> None:
    y = np.linspace(0, 1, 100_000)
    d = np.sqrt(y)
    kept = np.array(frontier(y, d))
    assert MAX_FRONTIER < 100 and len(kept) < 4 * MAX_FRONTIER
    for rtol in (0.0, 0.5, 1.0, 5.0, 100.0):
        excess = (d - rtol * y).max()
        assert (kept[:, 1] * 1.001 - rtol * kept[:, 0]).max() >= excess
        assert (kept[:, 1] - rtol * kept[:, 0]).max() <= excess


@given(pairs, st.integers(0, 40), st.integers(0, 1200))
def test_the_slices_kept_decide_like_all_slices(
    points: list[tuple[float, float]], factor: int, floor: int
) -> None:
    kept = slice_front(np.array(points))
    assert {tuple(pair) for pair in kept} <= set(points)
    passes = [all(n_r <= max(factor * n_t, floor) for n_t, n_r in some) for some in (points, kept)]
    assert passes[0] == passes[1]


anything = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=200)
@given(
    hnp.arrays(np.float32, (2, 3, 4), elements=anything),
    hnp.arrays(np.float32, (2, 3, 4), elements=anything),
    hnp.arrays(np.float64, (2, 3, 4), elements=st.floats(allow_nan=True)),
)
def test_any_values_give_a_record_that_json_can_hold(
    got: np.ndarray, eager: np.ndarray, exact: np.ndarray
) -> None:
    found = of(got, eager, exact)
    same = np.isnan(got) == np.isnan(eager)
    same &= np.isposinf(got) == np.isposinf(eager)
    same &= np.isneginf(got) == np.isneginf(eager)
    assert (found["masks"] == "") == same.all()
    assert found["elements"] == np.count_nonzero(np.isfinite(got) & np.isfinite(eager))


def test_errors_are_in_units_of_the_truths_largest_value() -> None:
    exact = np.linspace(-4, 4, 64).reshape(4, 16)
    eager = exact.astype(np.float32)
    got = eager.copy()
    got[1, 2] += np.float32(2**-10)
    found = of(got, eager, exact)
    assert found["n_runtime"] == pytest.approx(2**-10 / (EPS * 4), rel=1e-3)
    assert found["max_abs"] == pytest.approx(2**-10, rel=1e-3)
    assert found["worst_index"] == [1, 2]
    assert found["float64"] and not found["exact"] and found["n_torch"] is not None


def test_ulp_snr_and_ratio_match_their_definitions() -> None:
    exact, eager, got = noisy((64, 64))
    found = of(got, eager, exact)
    error = np.abs(got - exact)
    assert found["ulp"] == pytest.approx((error / np.spacing(np.abs(exact).astype("f4"))).max())
    assert found["rms_ratio"] == pytest.approx(
        np.sqrt((error**2).mean() / ((eager - exact) ** 2).mean())
    )
    assert found["snr_db"] == pytest.approx(10 * np.log10((exact**2).sum() / (error**2).sum()))
    assert found["p99"] == np.sort(error.ravel())[error.size - 1 - error.size // 100]
    assert found["max_rel"] == pytest.approx((error / np.abs(exact)).max())
    double = got.astype("f8")
    cosine = (double * exact).sum() / np.sqrt((double**2).sum() * (exact**2).sum())
    assert found["one_minus_cosine"] == pytest.approx(1 - cosine, abs=1e-15)
    assert 0 < (found["one_minus_cosine"] or 0) < 1e-13


def test_a_small_channel_is_not_hidden_by_a_large_one() -> None:
    """Boxes of 640 beside scores of 1: one norm over both would allow 6e-4 in a score."""
    exact, eager, got = noisy((1, 5, 100))
    scale = np.array([640, 640, 640, 640, 1.0]).reshape(1, 5, 1)
    exact, eager, got = (a * scale.astype(a.dtype) for a in (exact, eager, got))
    assert worst(of(got, eager, exact), 10, 8)
    got[0, 4, 7] += np.float32(1e-4)
    found = of(got, eager, exact)
    assert (found["n_runtime"] or 0) <= 8 and not worst(found, 10, 8)


def test_rounding_in_a_dead_channel_raises_no_alarm() -> None:
    exact, eager, got = noisy((2, 4, 8, 8))
    exact[:, 2] = eager[:, 2] = got[:, 2] = 0
    got[0, 2, 3, 3] = 1e-9
    assert worst(of(got, eager, exact), 10, 8)
    exact[1, 2, 0, 0], eager[1, 2, 0, 0] = 3e-9, 0.0  # nearly dead: one value just above zero
    got[1, 2, 0, 0] = 5e-8
    assert worst(of(got, eager, exact), 10, 8)
    got[0, 2, 3, 3] = 1e-3  # still judged: as part of the whole
    assert not worst(of(got, eager, exact), 10, 8)


def test_single_elements_are_no_slices() -> None:
    """[1, 1000] logits: two single rounding errors differ by ten times too often."""
    exact, eager, got = noisy((1, 1000))
    eager[0, ::2] = exact[0, ::2]
    assert len(of(got, eager, exact)["slices"]) == 1


def test_an_all_zero_truth_has_no_unit() -> None:
    zero = np.zeros((2, 3, 4), np.float32)
    found = of(zero + np.float32(1e-9), zero, zero.astype("f8"))
    assert found["constant"] and found["float64"]
    assert found["n_torch"] is None and found["slices"] == [] and found["frontier"] != []


def test_subnormal_numbers_may_be_flushed() -> None:
    exact = np.full((1, 4, 32), 1e-39) * np.arange(1, 129).reshape(1, 4, 32) / 16
    eager = exact.astype(np.float32)
    assert worst(of(np.zeros_like(eager), eager, exact), 10, 8)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_narrow_floats_have_units_of_their_own(dtype: type) -> None:
    exact = np.random.default_rng(3).uniform(0.1, 1, size=(2, 8, 8))
    eager = exact.astype(dtype)
    found = of(eager.copy(), eager, exact)
    assert found["exact"] and found["float64"] and 0.1 < (found["n_torch"] or 0) <= 1
    assert found["dtype"] == np.dtype(dtype).name


def test_complex_values_are_measured_by_part() -> None:
    exact, eager, got = (a + 1j * b for a, b in zip(noisy((3, 40)), noisy((3, 40), 1), strict=True))
    assert got.dtype == np.complex64
    assert worst(of(got, eager, exact), 10, 8)
    got[2, 5] += np.complex64(1e-3j)
    found = of(got, eager, exact)
    assert found["worst_index"] == [2, 5] and not worst(found, 10, 8)
    assert of(np.ones(3, "c8"), np.ones(3, "c8"))["constant"]


def test_a_float64_output_has_no_better_truth_than_itself() -> None:
    exact, *_ = noisy((4, 5))
    found = of(exact, exact, exact)
    assert not found["float64"] and found["exact"] and found["n_torch"] is None


def test_a_truth_that_overflows_or_has_another_shape_is_none() -> None:
    exact, eager, got = noisy((4, 5))
    assert not of(got, eager, exact[:2])["float64"]
    assert not of(got, eager, exact.astype(np.float32))["float64"]
    exact[0, 0] = np.nan
    assert not of(got, eager, exact)["float64"]


def test_huge_float64_differences_stay_finite() -> None:
    found = of(np.array([1e308, 1.0]), np.array([-1e308, 2.0]))
    assert found["max_abs"] == np.finfo(np.float64).max


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (None, "missing"),
        (np.ones((2, 3)), "dtype float64 where float32 was expected"),
        (np.ones((3, 2), np.float32), "shape [3, 2] where [2, 3] was expected"),
        (np.ones((2, 3, 1), np.float32), "shape [2, 3, 1] where [2, 3] was expected"),
    ],
)
def test_structure_comes_first(got: np.ndarray | None, expected: str) -> None:
    found = of(got, np.ones((2, 3), np.float32))
    assert found["structure"] == expected and found["elements"] == 0 and found["frontier"] == []


def test_masks_say_what_stands_where() -> None:
    eager = np.array([np.nan, np.inf, -np.inf, 1.0, 2.0], np.float32)
    assert of(eager.copy(), eager)["masks"] == ""
    assert of(eager.copy(), eager)["exact"]
    got = eager.copy()
    got[1] = -np.inf
    assert of(got, eager)["masks"] == (
        "+inf at 0 positions, torch has 1 (first difference at [1]); "
        "-inf at 2 positions, torch has 1 (first difference at [1])"
    )


@pytest.mark.parametrize(
    ("values", "constant"),
    [([1, 1, 1], True), ([1, 1, 2], False), ([5], False), ([0], True), ([], False)],
)
def test_what_cannot_vary_is_constant(values: list[float], constant: bool) -> None:
    eager = np.array(values, np.float32)
    assert of(eager, eager)["constant"] == constant


def test_empty_scalar_and_nothing_finite() -> None:
    empty = np.zeros((0, 3), np.float32)
    assert of(empty, empty)["elements"] == 0 and of(empty, empty)["exact"]
    nan = np.full(3, np.nan, np.float32)
    assert of(nan, nan)["elements"] == 0 and of(nan, nan)["masks"] == ""
    scalar = of(np.float32(2).reshape(()), np.float32(3).reshape(()), np.float64(3).reshape(()))
    assert scalar["max_abs"] == 1 and scalar["worst_index"] == []


def test_minus_zero_is_not_bit_equal() -> None:
    found = of(np.array([-0.0, 1], "f4"), np.array([0.0, 1], "f4"), np.array([0.0, 1]))
    assert not found["exact"] and found["n_runtime"] == 0


@pytest.mark.parametrize(
    ("got", "eager", "flips", "max_abs"),
    [
        (np.array([1, 2, 3]), np.array([1, 2, 3]), 0, 0.0),
        (np.array([1, 5, 3]), np.array([1, 2, 3]), 1, 3.0),
        (np.array([True, False]), np.array([False, False]), 1, 1.0),
        (np.array([2**63 - 1, 0]), np.array([-(2**63), 0]), 1, float(2**64 - 1)),
        (np.array([0], "u8"), np.array([2**64 - 1], "u8"), 1, float(2**64 - 1)),
        (np.array(["a", "b"], object), np.array(["a", "c"]), 1, None),
        (np.array(3), np.array(4), 1, 1.0),
        (np.zeros(0, "i8"), np.zeros(0, "i8"), 0, None),
    ],
)
def test_discrete_values_are_counted(
    got: np.ndarray, eager: np.ndarray, flips: int, max_abs: float | None
) -> None:
    found = of(got, eager)
    assert (found["flips"], found["max_abs"]) == (flips, max_abs)
    assert found["exact"] == (flips == 0)


def test_an_output_computed_in_half_precision_is_measured_in_its_unit() -> None:
    exact, _, _ = noisy((4, 32))
    rng = np.random.default_rng(1)
    half = float(ml_dtypes.finfo(ml_dtypes.bfloat16).eps)
    got, eager = (
        (exact * (1 + half * rng.normal(size=exact.shape))).astype(np.float32) for _ in range(2)
    )
    found = measure("y", "random-0", got, eager, exact, "bfloat16")
    assert found.get("computed_in") == "bfloat16"
    assert 0 < (found["n_torch"] or 0) < 8 and 0 < (found["n_runtime"] or 0) < 8
    assert (of(got, eager, exact)["n_torch"] or 0) > 4096  # the control: in units of float32
    assert measure("y", "random-0", got, eager, None, "bfloat16").get("computed_in") == "bfloat16"


def test_a_half_precision_step_that_an_output_does_not_suffer_from_loosens_nothing() -> None:
    exact, got, eager = noisy((4, 32))
    assert measure("y", "random-0", got, eager, exact, "float16") == of(got, eager, exact)
    own = eager.astype(np.float16)
    assert measure("y", "random-0", own, own, exact, "float32") == of(own, own, exact)
