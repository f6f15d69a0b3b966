"""Metrics of the user's: what counts as moved, the verdict, what a configuration may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opset_atlas.config.places import located
from opset_atlas.config.settings import ConfigError, resolve
from opset_atlas.config.specs import Specs
from opset_atlas.findings.advice import surprises
from opset_atlas.numerics.measure import measure
from opset_atlas.numerics.verdicts import moves
from opset_atlas.records import CellVerdict
from opset_atlas.stages.judge import judge

METRICS = """
def top1(outputs, labels): return 1.0
def mean(outputs): return 1.0
def odd(outputs, images): return 1.0
"""


@pytest.mark.parametrize(
    ("torch", "file", "tolerance", "expected"),
    [
        (0.75, 0.75, 0, (False, 0.0)),
        (0.75, 0.5, 0, (True, -0.25)),
        (0.75, 0.76, 0.01, (False, pytest.approx(0.01))),  # not 0.010000000000000009
        (0.75, 0.77, 0.01, (True, pytest.approx(0.02))),
        ("nan", "nan", 0, (False, 0.0)),
        ("inf", "inf", 0, (False, 0.0)),
        (0.75, "nan", 10, (True, None)),
        ("inf", "-inf", 10, (True, None)),
        (0.75, None, 10, (True, None)),  # it raised for the file's outputs alone
        (None, None, 0, (False, None)),  # it raised for torch's too
    ],
)
def test_moving_is_being_further_away_than_the_tolerance(
    torch: Any, file: Any, tolerance: float, expected: Any
) -> None:
    assert moves(torch, file, tolerance) == expected


def judged(error: float, value: float | None, tolerance: float = 0.0) -> CellVerdict:
    """A file that is `error` off in one element, whose top-1 is `value` and torch's 0.75."""
    eager = np.linspace(1, 2, 64, dtype=np.float32).reshape(4, 16)
    got = eager.copy()
    got[1, 2] += error
    cell = {
        **{"exporter": "dynamo", "requested": 18, "runtime": "onnxruntime", "outcome": "ran"},
        **{"detail": "", "sha256": "0", "misdeclared": []},
        "measures": [measure("y", "random-0", got, eager, eager.astype(np.float64))],
        "metrics": [{"metric": "top1", "value": value, "detail": "" if value else "no"}],
    }
    record: Any = {
        **{"model": "net", "runtime": "onnxruntime", "cells": [cell]},
        "metrics": [{"metric": "top1", "value": 0.75, "detail": ""}],
    }
    (found,) = judge([record], {"metrics": {"net": {"top1": tolerance}}})["cells"]
    return found


def test_a_metric_that_moves_outweighs_elements_that_are_within_noise() -> None:
    assert judged(0, 0.75)["verdict"] == "exact"
    found = judged(0, 0.5)
    assert found["verdict"] == "metric-moved"
    assert found["detail"].startswith("top1 moves from 0.75 to 0.5 (-0.25); ")
    assert judged(0, 0.5, tolerance=0.25)["verdict"] == "exact"
    cell = {"model": "net", "exporter": "dynamo", "requested": 18, "outcome": "ok", "detail": ""}
    (row,) = surprises([cell], [found])
    assert row["kind"] == "metric-moved" and "from 0.75 to 0.5" in row["sentence"]


def test_where_elements_differ_it_is_said_which_metric_does_not_move() -> None:
    found = judged(0.5, 0.75)
    assert found["verdict"] == "mismatch"
    assert found["detail"].endswith("; top1 does not move (0.75)")
    assert "top1 moves from 0.75 to 0.5" in judged(0.5, 0.5)["detail"]


def test_a_difference_too_small_for_six_digits_is_still_told() -> None:
    assert judged(0, 0.75000001)["detail"].startswith("top1 moves from 0.75 to 0.75000001 (+1e-08)")


def test_a_metric_that_only_fails_for_the_file_counts_as_moved() -> None:
    found = judged(0, None)
    assert found["verdict"] == "metric-moved"
    assert found["detail"].startswith("top1 is 0.75 in torch and has no value here: no; ")


def config(metric: Any, **top: Any) -> dict[str, Any]:
    model = {"factory": "net.py:Net", "inputs": [{"name": "x", "shape": [2]}], "metric": metric}
    return {"models": {"net": model}, **top}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text("class Net: pass\n")
    (tmp_path / "metrics.py").write_text(METRICS)
    (tmp_path / "labels.json").write_text("[1]")
    return tmp_path


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("metrics.py:mea", "metrics.py\" defines no 'mea'; did you mean 'mean'?"),
        ("other.py:mean", 'no such file: "other.py"'),
        ("metrics.py:odd", "metrics.py:odd has an argument 'images'; a metric gets outputs, "),
        ("metrics.py:top1", "metrics.py:top1 has an argument 'labels', and no `labels` is given"),
        ({"callable": "metrics.py:mean", "labels": "labels.json"}, "has no argument 'labels', and"),
        ({"callable": "metrics.py:top1", "labels": "labels.txt"}, "ends in .npy, .npz, .json, or"),
        ({"callable": "metrics.py:top1", "labels": "no.npy"}, 'no such file of labels: "no.npy"'),
        ({"callable": "metrics.py:mean", "tolerance": -1}, "expected a number of at least 0"),
        (
            ["metrics.py:mean", {"callable": "metrics.py:mean", "tolerance": 1}],
            "give each a `name`",
        ),
    ],
)
def test_a_metric_that_cannot_be_called_is_told_before_the_run(
    metric: Any, told: str, root: Path
) -> None:
    with pytest.raises(ConfigError, match=r"^config: models\.net\.metric") as raised:
        resolve(config(metric), root)
    assert told in str(raised.value)


def test_a_metric_needs_data(root: Path) -> None:
    with pytest.raises(ConfigError, match="expected an input set other than large, ones, zeros"):
        resolve(config("metrics.py:mean", input_sets=["zeros", "large"]), root)


def test_what_a_metric_is_made_of_counts_for_parity_and_its_tolerance_for_judge(root: Path) -> None:
    given = {"callable": "metrics.py:top1", "labels": "labels.json", "tolerance": 0.1}
    settings = resolve(config([given, "metrics.py:mean"]), root)
    parity = Specs(settings).parity(model="net", runtime="onnxruntime")
    assert parity["metric_files"] == ["metrics.py", "labels.json"]
    assert [each["name"] for each in parity["metrics"]] == ["top1", "mean"]
    assert "0.1" not in str(parity)
    assert Specs(settings).judge()["metrics"] == {"net": {"top1": 0.1, "mean": 0}}
    assert resolve(settings.as_config(), root) == settings


def test_paths_of_metrics_may_start_at_the_configurations_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text(METRICS)
    (tmp_path / "labels.json").write_text("[1]")
    given = [{"callable": "metrics.py:top1", "labels": "labels.json"}, "metrics.py:mean", "m:mean"]
    found = located(config(given), tmp_path, tmp_path.parent)["models"]["net"]["metric"]
    here = tmp_path.name
    top1 = {"callable": f"{here}/metrics.py:top1", "labels": f"{here}/labels.json"}
    assert found == [top1, f"{here}/metrics.py:mean", "m:mean"]
