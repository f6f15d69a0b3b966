"""The answer of a run in words, as lines for a terminal or a log."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from opset_atlas.base.failures import NAMED
from opset_atlas.base.files import read_json
from opset_atlas.records import (
    Answer,
    AnswerException,
    AnswerFinding,
    ModelFailure,
    Setting,
    SettingRange,
)

# How a line is meant. `loud`: a failure of this program itself.
Style = Literal["plain", "strong", "good", "bad", "dim", "loud"]
Line = tuple[Style, str]

KINDS = {
    "silently-wrong": "wrong",
    "fixed-size": "fixed size",
    "invalid": "invalid",
    "loads-nowhere": "runs nowhere",
    "metric-moved": "metric moves",
    "silently-moved": "moved",
}
OTHERS = {
    "misdeclared": "declaring something other than they return",
    "above-noise": "beyond float noise",
    "off-text": "not as the operator's text says",
}
MOST_FINDINGS = 20
MOST_MODELS = 10  # models that need another setting, or do not run
MOST_NAMED = 3  # models of one finding
MOST_FAILURES = 10
_WIDE = 60  # columns; narrower, less is indented
_LEAST_WHY = 30  # columns; a reason that would have fewer is left out


def read(results: Path) -> Answer:
    """The answer of a run, with the failures of the report, which is made after it."""
    answer: Answer = read_json(results / "answer.json", "answer")
    return {**answer, "failures": answer["failures"] + read_json(results / "report/failures.json")}


def pictures(results: Path) -> str:
    """What the report drew, and with what."""
    count = read_json(results / "report/pictures.json")["pairs"]
    return f"drawn: {_number(count, 'pair')} of graphs, by opset-atlas itself" if count else ""


def lines(answer: Answer, report: str, width: int = 100, drawn: str = "") -> Iterator[Line]:
    """The answer, in lines of at most `width` columns; a word or a path may be longer.

    Args:
        report: path of the report. drawn: see `pictures`.
    """
    yield from _wrapped("plain", _counts(answer), width)
    yield from _advice(answer, width)
    yield from _not_run(answer, width)
    if answer["findings"]:
        yield "plain", ""
        title = "Reported as a success, but not right (→ what to use instead):"
        yield from _wrapped("strong", title, width)
    shown = answer["findings"][:MOST_FINDINGS]
    column = max((len(KINDS[each["kind"]]) for each in shown), default=0) + 2
    for finding in shown:
        yield from _finding(finding, column, width)
    yield from _more(len(answer["findings"]) - MOST_FINDINGS, "surprises", width)
    if answer["others"]:
        counts = (f"{count} {OTHERS.get(kind, kind)}" for kind, count in answer["others"].items())
        yield from _wrapped("dim", f"Further surprises in the report: {', '.join(counts)}.", width)
    yield "plain", ""
    if drawn:
        yield from _wrapped("dim", drawn, width)
    yield "plain", f"report: {report}"
    yield from _failed(answer["failures"], width)


def in_words(ranges: Sequence[SettingRange], highest: int | None) -> str:
    """`dynamo ≥ 18 or torchscript 9–14`; `≥` up to the newest opset that was asked for."""
    parts = []
    for each in ranges:
        first, last = each["first"], each["last"]
        if first == last:
            parts.append(f"{each['exporter']} {first}")
        elif last == highest:
            parts.append(f"{each['exporter']} ≥ {first}")
        else:
            parts.append(f"{each['exporter']} {first}–{last}")
    return " or ".join(parts)


def failure(row: ModelFailure) -> str:
    """A failure of this program, in a sentence."""
    where = " × ".join(filter(None, [row["model"], row["what"]]))
    return f"{NAMED} in {row['stage']} of {where}: {row['detail']}"


def again(failed: Sequence[ModelFailure], results: str = "results") -> str:
    """What to do about failures of this program."""
    records = sorted({_record(row, results) for row in failed})
    return (
        "These results say nothing about the models; the report has the tracebacks. Please report"
        " them. The jobs run again when the code or the input changes, or with"
        f" `snakemake --cores 4 --forcerun {' '.join(records)}`."
    )


def _record(row: ModelFailure, results: str) -> str:
    """The record that contains a failure."""
    if row["stage"] == "parity":
        return f"{results}/parity/{row['model']}/{row['what'].split(' × ')[0]}.json"
    if row["stage"] in ("tables", "report"):
        return f"{results}/{row['stage']}" + "/failures.json" * (row["stage"] == "tables")
    if row["stage"] == "judge":
        return f"{results}/judge/verdicts.json"
    exporter = [row["what"].split(" × ")[0]] if row["stage"] == "export" else []
    return "/".join([results, row["stage"], row["model"], *exporter, "record.json"])


def _counts(answer: Answer) -> str:
    runtimes = " and ".join(answer["runtimes"]) or "no runtime"
    return (
        f"{_number(answer['models'], 'model')}, {_number(answer['exporters'], 'exporter')},"
        f" {_number(answer['cells'], 'export')}: {_number(answer['files'], 'file')} made,"
        f" {answer['right']} right in {runtimes}."
    )


def _advice(answer: Answer, width: int) -> Iterator[Line]:
    """One setting for all models that run, or what is nearest to it."""
    running = answer["models"] - len(answer["not_run"])
    others = answer["exceptions"]
    if answer["targets"] or answer["policy"] != "default":
        read = f"for {' and '.join(answer['targets'])}" if answer["targets"] else "for any runtime"
        yield from _wrapped("dim", f"Advice {read}, policy {answer['policy']}.", width)
    best = answer["setting"]
    whose = {1: "the model", 2: "both models"}.get(running, f"all {running} models")
    whose += " that run" * bool(answer["not_run"] and running > 1)
    if best and not others:
        yield from _wrapped("good", f"Use {_setting(best)}: right for {whose}.", width)
        alike = answer["for_all"]
        if len(alike) > 1 or any(each["first"] < each["last"] for each in alike):
            text = f"Right for all alike: {in_words(alike, answer['highest'])}."
            yield from _wrapped("plain", text, width)
    elif best:
        some = f"{_setting(best)} is right for {running - len(others)} of them"
        text = f"No setting is right for {whose}. {some}; for the others:"
        yield from _wrapped("strong", text, width)
    elif running:
        whose = "any of the models" if running > 1 else "the model"
        yield from _wrapped("bad", f"No setting is right for {whose}:", width)
    for each in others[:MOST_MODELS]:
        yield from _exception(each, width)
    yield from _more(len(others) - MOST_MODELS, "models", width)


def _exception(each: AnswerException, width: int) -> Iterator[Line]:
    if each["use"]:
        yield from _wrapped("plain", f"  {each['model']}: use {_setting(each['use'])}", width)
    else:
        yield "bad", _cut(f"  {each['model']}: {each['why']}", width)


def _not_run(answer: Answer, width: int) -> Iterator[Line]:
    broken = list(answer["not_run"].items())
    for model, why in broken[:MOST_MODELS]:
        yield "bad", _cut(f"  {model}: {why}", width)
    yield from _more(len(broken) - MOST_MODELS, "models", width)


def _finding(finding: AnswerFinding, column: int, width: int) -> Iterator[Line]:
    """What, where, what to use instead, and as much of why as fits into the line.

    Args:
        column: where the text begins.
    """
    models, use = finding["models"], finding["use"]
    names = ", ".join(models) if len(models) <= MOST_NAMED else f"{len(models)} models"
    nothing = "nothing is right" if len(models) == 1 else "nothing is right for all of them"
    instead = f"{use['exporter']} {use['opset']}" if use else nothing
    text = f"{KINDS[finding['kind']]:<{column}}{names}, {finding['where']} → {instead}"
    room = width - len(text) - 2
    if room >= _LEAST_WHY:
        text += f": {_cut(finding['why'], room)}"
    style: Style = "plain" if finding["kind"] == "silently-moved" else "bad"
    yield from _wrapped(style, text, width, " " * (column if width >= _WIDE else 2))


def _failed(failed: Sequence[ModelFailure], width: int) -> Iterator[Line]:
    if not failed:
        return
    yield "plain", ""
    for row in failed[:MOST_FAILURES]:
        yield from _wrapped("loud", failure(row), width, "  ")
    yield from _more(len(failed) - MOST_FAILURES, "failures", width, "loud")
    yield from _wrapped("loud", again(failed), width)


def _more(count: int, table: str, width: int, style: Style = "dim") -> Iterator[Line]:
    if count > 0:
        text = f"and {count} more: see the report, or results/tables/{table}.csv"
        yield from _wrapped(style, f"  {text}", width, "  ")


def _setting(setting: Setting) -> str:
    return f"{setting['exporter']} at opset {setting['opset']}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _cut(text: str, width: int) -> str:
    """In one line of at most this width; an indentation stays."""
    text = " " * (len(text) - len(text.lstrip(" "))) + " ".join(text.split())
    return text if len(text) <= width else f"{text[: max(1, width - 1)].rstrip()}…"


def _wrapped(style: Style, text: str, width: int, indent: str = "") -> Iterator[Line]:
    found = textwrap.wrap(
        text,
        max(width, 20),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in found:
        yield style, line
