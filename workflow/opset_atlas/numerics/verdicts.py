"""Verdicts: what a measure means under given tolerances. No model runs and no array is read.

Each output gets a verdict on each input set first:

  exact           bit-equal to torch
  within-noise    every slice: n_runtime <= max(noise_factor * n_torch, noise_floor)
  above-noise     beyond that, but inside assert_close's tolerances for the dtype
  vacuous         nothing differs because nothing could: empty, constant or nothing finite
  no-noise-floor  no float64 run to distinguish noise from error (a float64 model never has one);
                  inside assert_close's tolerances, or within noise_floor units of torch's result
  ill-conditioned n_torch > ill_conditioned: torch's own result cannot be trusted; not a pass
  misdeclared     right, but the file declares another dtype, rank or size than the result has
  metric-moved    one of the user's own metrics differs by more than it may (a cell's verdict only)
  random          torch's own output changes from run to run: there is nothing to compare with
  fixed-size      a mismatch at a size other than the traced one, and none at the traced one
  mismatch        beyond both, or structure, masks or discrete values differ

The worst input set decides for the output, the worst output for the cell. A set on which an output
is vacuous (zeros through a convolution) says nothing and is left out, unless no other set remains.

Where every float input is constant (zeros, ones), torch's error is not a measure of noise: an
instance normalization has no variance there, torch's sums of equal values happen to be exact, and
another summation order is legitimately off by a hundred times more. Equal tokens have the same
effect on a model with only integer inputs. Such a set still finds missing outputs, NaN and errors
beyond `ill_conditioned`; smaller errors make it vacuous instead of a failure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from opset_atlas.models.sizes import is_traced, sizes_of
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.records import (
    Cell,
    CellVerdict,
    Measure,
    MetricVerdict,
    Misdeclared,
    Outcome,
    OutputVerdict,
    ParityRecord,
    RunCell,
    Verdict,
)

ORDER: tuple[str, ...] = get_args(Verdict)  # from best to worst

# Classes of verdicts, for all code that counts, colors or acts on them.
# `no-noise-floor` is judged by tolerances only: nothing else is available for a float64 model, or
# where a runtime's own result is the reference.
RIGHT = frozenset({"exact", "within-noise", "no-noise-floor"})
# These are not wrong, but not proven right either.
UNPROVEN = frozenset({"vacuous", "ill-conditioned", "above-noise"})
WRONG = frozenset({"mismatch", "fixed-size"})

_MOST_TOLD = 3


@dataclass(frozen=True)
class _Finding:
    """One judged measure: `badness` orders findings of equal verdict, `pair` is in units of u."""

    verdict: Verdict
    reason: str
    measure: Measure
    badness: float = 0.0
    pair: tuple[float | None, float | None] = (None, None)


def judge_cell(
    record: ParityRecord,
    cell: RunCell,
    tolerances: Tolerances,
    metrics: Mapping[str, float] | None = None,
) -> CellVerdict:
    """The worst verdict of a cell's outputs, or the runtime's outcome where it did not run.

    Args:
        metrics: how far each metric of the model may move; None: metrics are left out.
    """
    outputs: dict[str, list[Measure]] = {}
    for measure in cell["measures"]:
        outputs.setdefault(measure["output"], []).append(measure)
    verdicts = [
        _with_promises(judge_output(measures, tolerances), cell) for measures in outputs.values()
    ]
    verdict, detail = str(cell["outcome"]), cell["detail"]
    moved: list[MetricVerdict] = []
    if cell["outcome"] == "ran":
        verdict, reason = "vacuous", "no output was compared"
        if verdicts:
            worst = max(verdicts, key=lambda v: ORDER.index(v["verdict"]))
            verdict, reason = worst["verdict"], worst["detail"]
            reason = f"{worst['output']}: {reason}" if len(verdicts) > 1 else reason
        if cell["misdeclared"] and not _is_worse(verdict):
            verdict, reason = "misdeclared", told_otherwise(cell["misdeclared"])
        moved = [] if metrics is None else _judge_metrics(record, cell, metrics)
        if any(each["moved"] for each in moved) and not _is_worse(verdict):
            verdict = "metric-moved"
        reasons = [told_of_metrics(moved, verdict), reason]
        if verdict != "metric-moved":  # what decided comes first
            reasons.reverse()
        detail = "; ".join(filter(None, [*reasons, detail]))
    judged: CellVerdict = {
        "model": record["model"],
        "exporter": cell["exporter"],
        "requested": cell["requested"],
        "runtime": cell["runtime"],
        "verdict": verdict,
        "detail": detail,
        "note": cell["detail"] if cell["outcome"] == "ran" else "",
        "outputs": verdicts,
    }
    if moved:
        judged["metrics"] = moved
    degenerate = _degenerate_only(outputs.values(), tolerances) if verdict == "mismatch" else []
    if degenerate:
        judged["degenerate_only"] = degenerate
    return judged


def _degenerate_only(outputs: Iterable[Sequence[Measure]], tolerances: Tolerances) -> list[str]:
    """The sets with a mismatch if all of them are degenerate and some set is not; else nothing."""
    wrong: dict[str, bool] = {}
    telling = False
    for measures in outputs:
        for measure in measures:
            degenerate = bool(measure.get("flat_input"))
            telling |= not degenerate
            if _judge_measure(measure, tolerances).verdict == "mismatch":
                wrong[measure["set"]] = degenerate
    return list(wrong) if telling and all(wrong.values()) else []


def _judge_metrics(
    record: ParityRecord, cell: RunCell, tolerances: Mapping[str, float]
) -> list[MetricVerdict]:
    """Each metric of the model on a file that ran. Those of a random model cannot be compared."""
    values = {each["metric"]: each for each in cell.get("metrics", [])}
    random = any(measure.get("random") for measure in cell["measures"])
    found: list[MetricVerdict] = []
    for of_torch in record.get("metrics", []):
        name = of_torch["metric"]
        own = values.get(name, {**of_torch, "value": None})
        value = None if of_torch["value"] is None else own["value"]
        tolerance = tolerances.get(name, 0.0)
        moved, difference = moves(of_torch["value"], value, tolerance)
        found.append(
            {
                "metric": name,
                "reference": of_torch["value"],
                "value": value,
                "difference": difference,
                "tolerance": tolerance,
                "moved": moved and not random,
                "detail": of_torch["detail"] or own["detail"],
            }
        )
    return found


def moves(
    reference: float | str | None, value: float | str | None, tolerance: float
) -> tuple[bool, float | None]:
    """Whether a metric moved, and by how much; None where no difference can be told.

    It moves where it differs by more than `tolerance`, where only one of the two is finite, or
    where it has a value for torch's outputs and none for the file's. Two NaN, and equal infinities,
    are the same.
    """
    if reference is None or value is None:
        return reference is not None, None
    ours, theirs = float(reference), float(value)
    if ours == theirs or (math.isnan(ours) and math.isnan(theirs)):
        return False, 0.0
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return True, None
    difference = theirs - ours
    within = abs(difference) <= tolerance or math.isclose(abs(difference), tolerance)
    return not within, difference


def told_of_metrics(metrics: Sequence[MetricVerdict], verdict: str) -> str:
    """Which metrics moved and, where elements differ, which did not."""
    told = [_move(each) for each in metrics if each["moved"]]
    if verdict in WRONG | {"above-noise"}:
        stay = [each for each in metrics if not each["moved"] and each["value"] is not None]
        told += [f"{each['metric']} does not move ({_digits(each['value'])[0]})" for each in stay]
    return "; ".join(told)


def _move(metric: MetricVerdict) -> str:
    """`top1 moves from 0.75 to 0.5 (-0.25)`"""
    name, (before, after) = metric["metric"], _digits(metric["reference"], metric["value"])
    if metric["value"] is None:
        return f"{name} is {before} in torch and has no value here: {metric['detail']}"
    allowed = f", allowed {metric['tolerance']:.6g}" if metric["tolerance"] else ""
    if metric["difference"] is not None:
        allowed = f" ({metric['difference']:+.3g}{allowed})"
    return f"{name} moves from {before} to {after}{allowed}"


def _digits(*values: float | str | None) -> list[str]:
    """Six digits of each number, or as many as it takes to tell them apart."""
    for digits in (6, 9, 12, 17):
        told = [
            v if isinstance(v, str) else "none" if v is None else f"{v:.{digits}g}" for v in values
        ]
        if len(set(told)) == len(values):
            break
    return told


def _with_promises(found: OutputVerdict, cell: RunCell) -> OutputVerdict:
    """The verdict on an output, `misdeclared` where it is right but not as the file declares."""
    broken = [r for r in cell["misdeclared"] if r["output"] and r["port"] == found["output"]]
    if not broken or _is_worse(found["verdict"]):
        return found
    detail = f"{told_otherwise(broken)}; otherwise {found['verdict']}: {found['detail']}"
    return {**found, "verdict": "misdeclared", "set": broken[0]["set"], "detail": detail}


def _is_worse(verdict: str) -> bool:
    """Whether a verdict is worse for a file than `misdeclared` and than a metric that moved."""
    return ORDER.index(verdict) > ORDER.index("misdeclared")


def outcome_in_runtimes(cell: Cell, verdicts: Sequence[CellVerdict]) -> tuple[Outcome, str]:
    """The outcome of a cell and its detail, taking the runtimes into account.

    A file that the checker accepts but no runtime loads is invalid, in the first runtime's words.
    For other files, the runtimes' notes are added to the detail, each note once.

    Args:
        verdicts: those on this cell, one per runtime.
    """
    refused = bool(verdicts) and all(each["verdict"] == "rejected" for each in verdicts)
    if refused and cell["outcome"] in {"ok", "moved"}:
        reason = f"{verdicts[0]['runtime']}: {verdicts[0]['detail']}"
        return "invalid", "; ".join(filter(None, [cell["detail"], reason]))
    notes = dict.fromkeys(each["note"] for each in verdicts)
    return cell["outcome"], "; ".join(filter(None, [cell["detail"], *notes]))


def judge_output(measures: Sequence[Measure], tolerances: Tolerances) -> OutputVerdict:
    """The worst verdict of one output over its input sets, and the set that decided.

    Args:
        measures: those of one output, one per input set, at least one.
    """
    findings = [_judge_measure(measure, tolerances) for measure in measures]
    findings = _at_other_sizes(findings)
    telling = [finding for finding in findings if finding.verdict != "vacuous"]
    worst = max(telling or findings, key=lambda f: (ORDER.index(f.verdict), f.badness))
    vacuous = [f.measure["set"] for f in findings if f.verdict == "vacuous"]
    detail = f"worst on {worst.measure['set']}: {worst.reason}"
    if worst.verdict == "random":
        detail = worst.reason
    if worst.verdict == "fixed-size":
        detail = _with_sizes(worst, findings)
    if not telling:
        detail = f"{worst.reason} on {', '.join(vacuous)}"
    elif vacuous:
        detail += f"; vacuous on {', '.join(vacuous)}"
    return {
        "output": worst.measure["output"],
        "verdict": worst.verdict,
        "set": worst.measure["set"],
        "detail": detail,
        "max_abs": worst.measure["max_abs"],
        "max_rel": worst.measure["max_rel"],
        "n_torch": worst.pair[0],
        "n_runtime": worst.pair[1],
    }


def _at_other_sizes(findings: list[_Finding]) -> list[_Finding]:
    """Where the traced size has no mismatch, mismatches at other sizes become `fixed-size`.

    For a file that is wrong at the traced size, mismatches at other sizes add nothing.
    """
    wrong = [finding for finding in findings if finding.verdict == "mismatch"]
    if any(is_traced(finding.measure["set"]) for finding in wrong):
        return [f for f in findings if f.verdict != "mismatch" or is_traced(f.measure["set"])]
    return [replace(f, verdict="fixed-size") if f in wrong else f for f in findings]


def _with_sizes(worst: _Finding, findings: Sequence[_Finding]) -> str:
    """The sizes at which the output is wrong, and what is wrong at the worst one."""
    sets = [f.measure["set"] for f in findings if f.verdict == "fixed-size"]
    at, *others = [sizes_of(worst.measure["set"])] + [
        sizes_of(name) for name in sets if name != worst.measure["set"]
    ]
    also = f"; nor with {'; '.join(others)}" if others else ""
    return f"right at the traced size, not with {at}: {worst.reason}{also}"


def is_noise(measure: Measure, tolerances: Tolerances) -> bool:
    """Whether a value differs from another only by rounding, in every slice.

    assert_close is not consulted: for values near 1e-7 its absolute tolerance allows anything.
    """
    if measure["structure"] or measure["masks"]:
        return False
    if measure["exact"] or not measure["elements"]:
        return True
    if not measure["dtype"].startswith(("float", "bfloat", "complex")):
        return False
    if not measure["slices"]:  # zero throughout
        return measure["max_abs"] == 0
    return worst_slice(measure, tolerances)[2] <= 1


def _judge_measure(measure: Measure, tolerances: Tolerances) -> _Finding:
    """Judge one output on one input set. A difference counts even where a pass would be vacuous."""
    infinite = float("inf")
    if measure["structure"]:
        return _Finding("mismatch", measure["structure"], measure, infinite)
    if what := measure.get("random"):
        reason = f"torch's own {what} change{'s' * (what == 'shape')} from run to run"
        return _Finding("random", reason, measure)
    if measure["masks"]:
        return _Finding("mismatch", measure["masks"], measure, infinite)
    if not measure["elements"]:
        return _Finding("vacuous", "nothing to compare", measure)
    is_float = measure["dtype"].startswith(("float", "bfloat", "complex"))
    finding = _judge_floats(measure, tolerances) if is_float else _judge_discrete(measure)
    if measure["constant"] and finding.verdict not in ("above-noise", "mismatch"):
        return _Finding("vacuous", "torch's output is constant", measure)
    return finding


def _judge_discrete(measure: Measure) -> _Finding:
    if not measure["flips"]:
        return _Finding("exact", "equal to torch", measure)
    reason = f"{measure['flips']} of {measure['elements']} values differ"
    if measure.get("undecided"):
        return _Finding("vacuous", f"{reason}; allowed if the values are tied", measure)
    margin, error = measure["flip_margin"], measure["flip_error"]
    if margin is not None and error is not None and margin <= error:
        reason += f", all ties: {_short(margin)} apart, {_short(error)} off"
        return _Finding("within-noise", reason, measure)
    return _Finding("mismatch", reason, measure, measure["flips"])


def _judge_floats(measure: Measure, tolerances: Tolerances) -> _Finding:
    """Rules 2 to 4. An ill-conditioned output never passes, but it can still be a mismatch."""
    close, excess = _is_close(measure, tolerances)
    if not measure["float64"]:
        if measure["exact"]:
            return _Finding("exact", "bit-equal to torch", measure)
        # assert_close looks at each element separately, but where large terms cancel, a larger
        # error is legitimate: another summation order is within a few units of the whole output.
        tiny = bool(measure["slices"]) and worst_slice(measure, tolerances)[2] <= 1
        verdict: Verdict = "no-noise-floor" if close or tiny else "mismatch"
        units: tuple[float | None, float | None] = (None, measure["n_runtime"])
        reason = f"no float64 run; {excess}"
        return _Finding(verdict, reason, measure, measure["max_abs"] or 0.0, units)
    if not measure["slices"]:  # torch's exact output is zero throughout: there is no unit
        verdict = "vacuous" if close else "mismatch"
        reason = f"zero in float64; {excess}"
        return _Finding(verdict, reason, measure, measure["max_abs"] or 0.0)
    n_torch, n_runtime, badness = worst_slice(measure, tolerances)
    noise = _describe_noise(n_torch, n_runtime)
    flat = bool(measure.get("flat_input"))
    if measure["exact"]:
        verdict, noise = "exact", "bit-equal to torch"
    elif badness <= 1:
        verdict = "within-noise"
    elif flat and (measure["n_runtime"] or 0.0) <= tolerances.ill_conditioned:
        verdict, noise = "vacuous", f"{noise}, but the input is constant"
    else:
        verdict = "above-noise" if close else "mismatch"
    own = measure["n_torch"] or 0.0
    if own > tolerances.ill_conditioned and verdict != "mismatch":
        reason = f"torch's own error is {_short(own)} units of rounding"
        pair = (measure["n_torch"], measure["n_runtime"])
        return _Finding("ill-conditioned", reason, measure, own, pair)
    return _Finding(verdict, noise, measure, badness, (n_torch, n_runtime))


def worst_slice(measure: Measure, tolerances: Tolerances) -> tuple[float, float, float]:
    """The slice that exceeds its allowed error the most, and by what factor (at most 1: passes)."""

    def excess(pair: Sequence[float]) -> float:
        allowed = max(tolerances.noise_factor * pair[0], tolerances.noise_floor)
        if pair[1] <= allowed:
            return pair[1] / allowed if allowed else 0.0
        return max(pair[1] / allowed, 1 + 1e-15) if allowed else float("inf")

    n_torch, n_runtime = worst = max(measure["slices"], key=excess)
    return n_torch, n_runtime, excess(worst)


def _is_close(measure: Measure, tolerances: Tolerances) -> tuple[bool, str]:
    """Whether `|difference| <= atol + rtol * |expected|` everywhere, and a phrase that says so."""
    dtype = measure.get("computed_in", measure["dtype"])
    rtol, atol = tolerances.close.get(dtype, (0.0, 0.0))
    worst = max(measure["frontier"], key=lambda p: p[1] - (atol + rtol * p[0]))
    allowed = atol + rtol * worst[0]
    close = worst[1] <= allowed
    phrase = f"|difference| {_short(worst[1])}, assert_close allows {_short(allowed)}"
    return close, phrase


def _describe_noise(n_torch: float, n_runtime: float) -> str:
    if n_torch == 0:
        return f"off by {_short(n_runtime)} units of rounding, where torch is exact"
    ratio = _short(n_runtime / n_torch)
    off = f"off by {_short(n_runtime)} units of rounding"
    return f"{off}, {ratio}× torch's own error ({_short(n_torch)})"


def _short(value: float) -> str:
    """Two or three digits, as a person would write them."""
    return f"{value:.1f}" if 0.1 <= value < 1000 else f"{value:.2g}"


def told_otherwise(rows: Sequence[Misdeclared]) -> str:
    """The first few broken promises, in words."""
    told = list(dict.fromkeys(map(_promise, rows)))
    more = len(told) - _MOST_TOLD
    return "; ".join(told[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _promise(row: Misdeclared) -> str:
    """`axis 1 of y is declared as 5 and is 11 with length=11`"""
    port = f"`{row['port']}`" if row["output"] else f"the input `{row['port']}`"
    what = port if row["axis"] is None else f"axis {row['axis']} of {port}"
    text = f"{what} is declared as {row['declared']} and is {row['given']}"
    if row["at"] == "other sizes":
        fixes = ": the file fixes a size that varies" if row["what"] == "size" else ""
        return f"{text} with {sizes_of(row['set'])}{fixes}"
    if row["at"] == "other values":
        return f"{text} on the inputs {row['set']}: it depends on the values"
    return text
