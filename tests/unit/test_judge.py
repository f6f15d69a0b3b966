"""Verdicts follow only from measures and tolerances."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opset_atlas.base.files import write_json
from opset_atlas.numerics.measure import blank_measure, measure
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import judge_output
from opset_atlas.records import Measure, OutputVerdict, ParityRecord, RunCell, Verdict
from opset_atlas.stages.judge import judge

F4 = np.float32
EPS = float(np.finfo(F4).eps)
PASSES = {"exact", "within-noise"}
DEFAULTS = Tolerances()


def computed(
    shape: tuple[int, ...] = (2, 8, 12), seed: int = 0, own: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, torch and runtime, the two `own` ULP off the truth at random."""
    rng = np.random.default_rng(seed)
    exact = rng.normal(size=shape)
    near = [(exact + own * EPS * rng.normal(size=shape)).astype(F4) for _ in range(2)]
    return exact, *near


def of(got: Any, eager: Any, exact: Any = None, name: str = "random-0") -> Measure:
    return measure("y", name, got, eager, exact)


def verdict(*measures: Measure, **changes: Any) -> OutputVerdict:
    return judge_output(measures, DEFAULTS.updated(changes))


@pytest.mark.parametrize("seed", range(100))
def test_clean_runs_raise_no_alarm(seed: int) -> None:
    shapes = [(2, 8, 12), (1, 1000), (64,), (1, 5, 300), (4, 1, 7, 7), (3, 2)]
    scale = F4(10.0 ** np.random.default_rng(seed).integers(-6, 6))
    exact, eager, got = (a * scale for a in computed(shapes[seed % 6], seed, 1 + seed % 3))
    assert verdict(of(got, eager, exact))["verdict"] in PASSES


@pytest.mark.parametrize("seed", range(20))
def test_clean_float16_runs_raise_no_alarm(seed: int) -> None:
    exact, eager, got = computed((2, 6, 40), seed, own=float(2**13))
    halves = eager.astype(np.float16), got.astype(np.float16)
    assert verdict(of(halves[1], halves[0], exact))["verdict"] in PASSES


def bug(name: str, y: np.ndarray) -> np.ndarray:
    """The runtime's output with an injected bug."""
    y = y.copy()
    if name == "channel scaled by 1.001":
        y[:, 3] *= F4(1.001)
    elif name == "transposed":
        y = y.swapaxes(1, 2).reshape(y.shape)
    elif name == "rolled by one":
        y = np.roll(y, 1, axis=-1)
    elif name == "last element lost":
        y[..., -1] = 0
    elif name == "float16 inside":
        y = y.astype(np.float16).astype(F4)
    elif name == "bfloat16-like truncation":
        y = (y.view(np.uint32) & np.uint32(0xFFFF0000)).view(F4)
    elif name == "small offset":
        y += F4(1e-4)
    elif name == "scaled by 1.0001":
        y *= F4(1.0001)
    elif name == "negative values clipped":
        y = np.maximum(y, F4(0))
    elif name == "batch swapped":
        y = y[::-1].copy()
    elif name == "one element wrong":
        y[1, 4, 5] += F4(3e-4)
    elif name == "one NaN":
        y[0, 1, 2] = np.nan
    elif name == "one infinity":
        y[0, 1, 2] = np.inf
    elif name == "wrong dtype":
        return y.astype(np.float64)
    elif name == "wrong shape":
        return y[:1]
    elif name == "sign":
        y = -y
    elif name == "zeros":
        y[:] = 0
    else:
        raise AssertionError(name)
    return y


@pytest.mark.parametrize(
    "name",
    [
        "channel scaled by 1.001",
        "transposed",
        "rolled by one",
        "last element lost",
        "float16 inside",
        "bfloat16-like truncation",
        "small offset",
        "scaled by 1.0001",
        "negative values clipped",
        "batch swapped",
        "one element wrong",
        "one NaN",
        "one infinity",
        "wrong dtype",
        "wrong shape",
        "sign",
        "zeros",
    ],
)
def test_bugs_are_mismatches(name: str) -> None:
    exact, eager, got = computed()
    good = verdict(of(got, eager, exact))
    assert good["verdict"] in PASSES
    assert verdict(of(bug(name, got), eager, exact))["verdict"] == "mismatch"


def test_one_wrong_element_in_a_million_is_found() -> None:
    exact, eager, got = computed((1000, 1000))
    assert verdict(of(got, eager, exact))["verdict"] == "within-noise"
    got[123, 456] += F4(1e-4)
    found = of(got, eager, exact)
    assert verdict(found)["verdict"] == "mismatch" and found["worst_index"] == [123, 456]


def test_beyond_noise_inside_assert_close_is_above_noise() -> None:
    exact, eager, got = computed()
    found = verdict(of(got + F4(9e-6), eager, exact))
    assert found["verdict"] == "above-noise"
    assert (found["n_runtime"] or 0) > 8 and "torch's own error" in found["detail"]


def test_detail_names_the_set_and_the_numbers() -> None:
    exact = np.linspace(-1, 1, 64)
    eager = exact + 4.0 * EPS
    got = exact + 12.4 * EPS
    found = of(got, eager, None)
    found |= {"dtype": "float32", "float64": True, "n_torch": 4.0, "n_runtime": 12.4}
    found |= {"slices": [[4.0, 12.4]], "set": "large"}
    assert verdict(found)["detail"] == (
        "worst on large: off by 12.4 units of rounding, 3.1× torch's own error (4.0)"
    )


def test_bit_equal_is_exact_with_and_without_a_noise_floor() -> None:
    exact, eager, _ = computed()
    assert verdict(of(eager.copy(), eager, exact))["verdict"] == "exact"
    assert verdict(of(eager.copy(), eager))["verdict"] == "exact"


def test_without_float64_a_pass_is_labeled() -> None:
    exact, eager, got = computed()
    found = verdict(of(got, eager), of(eager, eager, exact, "random-1"))
    assert (found["verdict"], found["set"]) == ("no-noise-floor", "random-0")
    assert "assert_close allows" in found["detail"]
    assert verdict(of(got + F4(1e-3), eager))["verdict"] == "mismatch"


def test_ill_conditioned_is_no_pass_even_if_bit_equal() -> None:
    exact, eager, got = computed(own=5000)
    for mine in (got, eager.copy()):
        found = verdict(of(mine, eager, exact))
        assert found["verdict"] == "ill-conditioned" and "torch's own error" in found["detail"]
    assert verdict(of(-got, eager, exact))["verdict"] == "mismatch"


def test_a_vacuous_set_counts_only_if_no_other_is_left() -> None:
    exact, eager, got = computed()
    zero = np.zeros((2, 3), F4)
    vacuous = of(zero, zero, zero.astype(float), "zeros")
    found = verdict(vacuous, of(got, eager, exact))
    assert found["verdict"] == "within-noise" and found["detail"].endswith("; vacuous on zeros")
    assert verdict(vacuous)["verdict"] == "vacuous"
    nan = np.full(3, np.nan, F4)
    both = verdict(vacuous, of(nan, nan, nan.astype(float), "large"))
    assert both["verdict"] == "vacuous" and both["detail"].endswith("on zeros, large")


def test_constant_input_softens_noise_but_no_bug() -> None:
    """Zeros through an instance normalization: torch sums equal values exactly, others do not."""
    exact, eager, got = computed()
    good = of(got, eager, exact)
    off = of(got + F4(1e-4), eager, exact, "zeros")
    assert verdict(good, off)["verdict"] == "mismatch"
    flat: Any = {**off, "flat_input": True}
    found = verdict(good, flat)
    assert found["verdict"] == "within-noise" and found["detail"].endswith("; vacuous on zeros")
    assert verdict(flat)["verdict"] == "vacuous"
    assert verdict(good, flat, ill_conditioned=100)["verdict"] == "mismatch"
    worse: Any = {**of(got + F4(1e-2), eager, exact, "zeros"), "flat_input": True}
    assert verdict(good, worse)["verdict"] == "mismatch"


def test_a_difference_counts_although_a_pass_would_be_vacuous() -> None:
    """A dropped bias shows on zeros, where a right output is constant."""
    expected = np.full((1, 1, 8, 8), 0.25, F4)
    got = expected - F4(0.25)
    assert verdict(of(got, expected, expected.astype(float)))["verdict"] == "mismatch"
    zero = np.zeros((2, 64), F4)
    assert verdict(of(zero + F4(1), zero, zero.astype(float)))["verdict"] == "mismatch"


def test_discrete_outputs_are_exact_or_a_mismatch() -> None:
    expected = np.arange(6)
    assert verdict(of(expected.copy(), expected))["verdict"] == "exact"
    found = verdict(of(expected[::-1].copy(), expected))
    assert found["verdict"] == "mismatch" and "6 of 6 values differ" in found["detail"]
    yes = np.ones(4, bool)
    assert verdict(of(yes.copy(), yes))["verdict"] == "vacuous"


def test_the_worst_set_decides() -> None:
    exact, eager, got = computed()
    sets = [of(got, eager, exact, "a"), of(got + F4(9e-6), eager, exact, "b")]
    assert (verdict(*sets)["verdict"], verdict(*sets)["set"]) == ("above-noise", "b")
    missing = blank_measure("y", "c", "float32", "missing")
    found = verdict(*sets, missing)
    assert (found["verdict"], found["detail"]) == ("mismatch", "worst on c: missing")


positive = st.floats(0.01, 1e6)


@given(
    st.integers(0, 50),
    st.sampled_from([1.0, 30.0, 3e3, 1e5]),
    st.sampled_from([0.0, 1e-6, 3e-5, 1e-2]),
    positive,
    positive,
    positive,
    st.floats(0, 1e-2),
    st.floats(0, 1e-2),
)
def test_new_tolerances_on_stored_measures_judge_like_the_arrays(
    seed: int,
    own: float,
    offset: float,
    factor: float,
    floor: float,
    ill: float,
    rtol: float,
    atol: float,
) -> None:
    """From the JSON alone the same verdict as the rule written out over the arrays."""
    exact, eager, got = computed((2, 4, 10), seed, own)
    got[:, 1] += F4(offset)
    stored = json.loads(json.dumps(of(got, eager, exact), allow_nan=False))
    close = {"float32": {"rtol": rtol, "atol": atol}}
    found = verdict(
        stored, noise_factor=factor, noise_floor=floor, ill_conditioned=ill, close=close
    )
    e, g = eager.astype(float), got.astype(float)
    excess = np.abs(g - e) - atol - rtol * np.abs(e)
    assume(abs(excess.max()) > 1e-14)
    views = [slice(None), *(np.s_[:, i] for i in range(4)), *(np.s_[..., i] for i in range(10))]
    speaking = [v for v in views if exact[v].size >= 16]
    assert len(speaking) == 5

    def n(values: np.ndarray, view: Any) -> float:
        return float(np.abs(values - exact)[view].max() / (EPS * np.abs(exact[view]).max()))

    noise = all(n(g, view) <= max(factor * n(e, view), floor) for view in speaking)
    expected = "within-noise" if noise else "above-noise" if excess.max() < 0 else "mismatch"
    if n(e, slice(None)) > ill and expected != "mismatch":
        expected = "ill-conditioned"
    assert found["verdict"] == expected


def record(*cells: RunCell, model: str = "m") -> ParityRecord:
    return {
        "version": 1,
        "stage": "parity",
        "model": model,
        "runtime": "onnxruntime",
        "versions": {},
        "fingerprint": "",
        "cells": list(cells),
    }  # type: ignore[typeddict-unknown-key]


def cell(*measures: Measure, outcome: Any = "ran", detail: str = "") -> RunCell:
    return {
        "exporter": "dynamo",
        "requested": 18,
        "runtime": "onnxruntime",
        "outcome": outcome,
        "detail": detail,
        "sha256": "0",
        "measures": list(measures),
        "misdeclared": [],
    }


def test_a_cell_has_the_worst_verdict_of_its_outputs_or_its_outcome() -> None:
    exact, eager, got = computed()
    good = of(got, eager, exact)
    bad = {**of(-got, eager, exact), "output": "z"}
    cells = judge(
        [
            record(
                cell(good, bad, detail="output z is called z2"),
                cell(good),
                cell(outcome="no-kernel", detail="no Max(13)"),
                cell(),
            )
        ],
        {},
    )["cells"]
    assert [c["verdict"] for c in cells] == ["mismatch", "within-noise", "no-kernel", "vacuous"]
    assert [o["verdict"] for o in cells[0]["outputs"]] == ["within-noise", "mismatch"]
    assert cells[0]["detail"].startswith("z: worst on random-0")
    assert cells[0]["detail"].endswith("; output z is called z2")
    assert cells[2]["detail"] == "no Max(13)"


def test_a_cell_says_that_only_degenerate_sets_show_its_fault() -> None:
    exact, eager, got = computed()
    good = of(got, eager, exact)
    zeros: Any = {**of(got + F4(1e-2), eager, exact, "zeros"), "flat_input": True}
    bad = of(got + F4(1e-2), eager, exact, "large")

    def sets(*measures: Measure) -> list[str] | None:
        judged = judge([record(cell(*measures))], {})["cells"][0]
        assert judged["verdict"] == "mismatch"
        return judged.get("degenerate_only")

    assert sets(good, zeros) == ["zeros"]
    assert sets(good, zeros, bad) is None
    assert sets(zeros) is None  # nothing else was tried


def test_a_models_own_tolerances_stand_over_the_common_ones() -> None:
    exact, eager, got = computed()
    off = of(got + F4(1e-3), eager, exact)
    spec = {
        "tolerances": {"noise_factor": 12},
        "models": {"loose": {"close": {"float32": {"atol": 1}}}},
    }
    cells = judge([record(cell(off), model=m) for m in ("strict", "loose")], spec)["cells"]
    assert [c["verdict"] for c in cells] == ["mismatch", "above-noise"]


def test_unknown_tolerances_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown nose_factor"):
        judge([], {"tolerances": {"nose_factor": 3}})


def test_the_order_has_every_verdict_once() -> None:
    assert len(set(get_args(Verdict))) == len(get_args(Verdict))


def run(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opset_atlas.stages.judge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=dict(env), check=False)


def test_the_program_needs_neither_numpy_nor_a_runtime(tmp_path: Path) -> None:
    """It starts quickly and reads only records; a poisoned numpy proves it."""
    import opset_atlas

    (tmp_path / "numpy.py").write_text("raise SystemExit('numpy was imported')")
    env = {"PYTHONPATH": f"{tmp_path}:{Path(opset_atlas.__file__).parents[1]}"}
    exact, eager, got = computed()
    for name in ("a", "b"):
        path = tmp_path / "parity" / name / "onnxruntime.json"
        path.parent.mkdir(parents=True)
        write_json(path, record(cell(of(got, eager, exact)), model=name))
    output, spec = tmp_path / "verdicts.json", tmp_path / "run.json"
    spec.write_text('{"order": ["a", "b"], "runtimes": ["onnxruntime"]}')
    command = ["--spec", f"@{spec}", "--parity", f"{tmp_path}/parity", "--output", str(output)]
    done = run(*command, env=env)
    assert done.returncode == 0, done.stderr
    written = json.loads(output.read_text())
    assert [(c["model"], c["verdict"]) for c in written["cells"]] == [
        ("a", "within-noise"),
        ("b", "within-noise"),
    ]
    assert "above-noise" in run("--help", env=env).stdout
    write_json(path, {"version": 1, "stage": "dump"})
    done = run(*command, env=env)
    assert done.returncode != 0 and "expected a record of stage 'parity'" in done.stderr
