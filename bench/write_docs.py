"""The tables and the plot of docs/speed.md from bench/results/*.jsonl: `make bench-docs`.

For each case, the newest run of the command is used. Nothing is measured here and nothing is
rounded twice; the text around the tables is written by hand.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from plot import BARS, draw, short

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/results"
PAGE = ROOT / "docs/speed.md"
PLOT = ROOT / "docs/speed.svg"
NAMES = {
    "config": "default",
    "zoo": "whole zoo",
    "medium": "40 to 436 MB",
    "two": "two models, two exporters",
}
TORCH = ", torch "  # in the name of a case: measured under that version
PARTS = {
    "snakemake": "Snakemake",
    "shells": "shells and clients",
    "worker": "worker: imports, forks",
}
THEN = {
    "nothing": "nothing to do",
    "opset": "one more opset",
    "model": "one model's file",
    "added": "one more model",
    "tolerance": "another tolerance",
    "template": "another template",
}
# Aim, way or change, what it is relative to (empty if absolute), cases, upper limit.
AIMS = (
    ("cold run ÷ straight loop", "workflow", "straight", ("config",), 0.4),
    ("cold run ÷ straight loop", "workflow", "straight", ("zoo", "zoo, chunks"), 0.2),
    ("cold run ÷ accelerated loop", "workflow", "accelerated", ("zoo",), 1.0),
    ("nothing to do, seconds", "nothing", "", ("config",), 1.2),
    ("nothing to do, seconds", "nothing", "", ("zoo, 100 models",), 2.5),
    ("nothing to do, seconds", "nothing", "", ("zoo, 1000 models",), 8.0),
    ("one more opset ÷ loop over it", "opset", "over opset", ("config",), 0.7),
    ("one more opset ÷ loop over it", "opset", "over opset", ("zoo, 100 models",), 0.25),
    ("one model's file ÷ loop over it", "model", "over model", ("config", "zoo, 100 models"), 0.8),
    ("one more model ÷ loop over it", "added", "over added", ("config", "zoo, 100 models"), 0.8),
    ("another tolerance, seconds", "tolerance", "", ("config",), 3.0),
    ("another tolerance, seconds", "tolerance", "", ("zoo, 100 models",), 8.0),
    ("another template, seconds", "template", "", ("config",), 2.5),
    ("another template, seconds", "template", "", ("zoo, 100 models",), 4.0),
)
# Of the workflow with the memory of sweeps, and without it: ÷ straight loop.
TORCH_AIMS = {"workflow": 0.2, "plain": 0.6}
WORDS = {"workflow": "full", "plain": "plain"}
NOTHING = "Not measured yet: `make bench-all`."

Line = dict[str, Any]


def main() -> None:
    """Rewrite the text between the markers, and the plot."""
    every = read(RESULTS / "speed.jsonl", "case")
    cases = {case: lines for case, lines in every.items() if TORCH not in case}
    others = read(RESULTS / "others.jsonl", "opset")
    parts = {
        "torch": _torches({case: lines for case, lines in every.items() if TORCH in case}),
        "machine": _machines(cases),
        "plot": ["![Seconds of each way per case](speed.svg)"] if cases else [NOTHING],
        "ways": _ways(cases),
        "aims": _aims(cases),
        "then": _then(cases),
        "profile": _profiles(cases),
        "others": _others(others),
        "found": _found(others),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in parts.items():
        text = fill(text, name, "\n".join(table))
    PAGE.write_text(text, encoding="utf-8")
    if cases:
        draw({_name(case): _bars(lines) for case, lines in cases.items()}, PLOT)


def read(path: Path, key: str) -> dict[Any, list[Line]]:
    """The lines of the newest run of every case."""
    found: dict[Any, list[Line]] = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        line = json.loads(text)
        if line[key] in found and found[line[key]][0]["run"] != line["run"]:
            found[line[key]] = []
        found.setdefault(line[key], []).append(line)
    return found


def fill(text: str, name: str, table: str) -> str:
    """`text` with `table` between the markers of `name`.

    Raises:
        LookupError: there are no such markers.
    """
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    if not re.search(pattern, text, re.DOTALL):
        raise LookupError(f"no markers of {name}")
    return re.sub(pattern, lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


def seconds(line: Line, what: str) -> float | None:
    """Seconds of a way, a change or the floor in a round; None if not measured."""
    runs = line["runs"]
    if what == "floor":
        cpu = runs.get("accelerated", {}).get("cpu")
        return sum(cpu.values()) / line["cores"] if cpu else None
    over = line.get("over", {}).get(what.removeprefix("over "))
    found = over if what.startswith("over ") else runs.get(what) or line["then"].get(what)
    return found["seconds"] if found else None


def ratio(lines: Sequence[Line], what: str, of: str = "") -> tuple[float, float, float] | None:
    """Ratio of one to another, or seconds if `of` is empty: middle, minimum and maximum.

    Only rounds with both count. The middle is the median of repeated rounds; over chunks it is the
    ratio of sums, or the sum, and minimum and maximum are those of single chunks.
    """
    pairs = [(seconds(line, what), seconds(line, of) if of else 1.0) for line in lines]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not known:
        return None
    single = [a / b for a, b in known]
    middle = statistics.median(single)
    if lines[0]["chunk"]:
        sums = [sum(values) for values in zip(*known, strict=True)]
        middle = sums[0] / sums[1] if of else sums[0]
    return middle, min(single), max(single)


def cpu(run: dict[str, Any]) -> float:
    """CPU seconds of a way with all processes that it started."""
    if "profile" not in run:
        return float(run["all_cpu"])
    parts, stages = run["profile"], run["profile"]["stages"].values()
    return float(sum(parts[name] for name in PARTS) + sum(stage["cpu"] for stage in stages))


def _name(case: str) -> str:
    first, comma, rest = case.partition(",")
    return f"{NAMES.get(first, first)}{comma}{rest}"


def _spread(found: tuple[float, float, float] | None, chunk: bool = False) -> str:
    if found is None:
        return ""
    middle, least, most = found
    if least == most or chunk:
        return short(middle)
    return f"{short(middle)} ({short(least)} to {short(most)})"


def _machines(cases: dict[str, list[Line]]) -> Iterator[str]:
    """Each machine with the cases that were measured on it."""
    found: dict[str, list[str]] = {}
    for case, lines in cases.items():
        has, line = lines[0]["machine"], lines[0]
        versions = ", ".join(f"{name} {version}" for name, version in has["versions"].items())
        loads = max(each["load"][0] for each in lines)
        where = (
            f"{has['cpu']}, {has['cores']} cores, {has['memory_gib']} GiB, Linux {has['kernel']}, "
            f"Python {has['python']}, {versions}"
        )
        when = f"{line['run'][:10]} at {has['commit']}, load before a round at most {loads:.1f}"
        found.setdefault(where, []).append(f"- {_name(case)}: {when}")
    for where, measured in found.items():
        yield f"{where}:\n"
        yield from measured


def _ways(cases: dict[str, list[Line]]) -> Iterator[str]:
    yield "| case | cells | straight loop, s | accelerated loop, s | workflow, s | floor, s | workflow ÷ straight | workflow ÷ accelerated |"  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|"
    for case, lines in cases.items():
        chunk = bool(lines[0]["chunk"])
        counts = [max(sum(r["outcomes"].values()) for r in line["runs"].values()) for line in lines]
        cells = sum(counts) if chunk else counts[0]
        took = [
            _spread(ratio(lines, way), chunk)
            for way in ("straight", "accelerated", "workflow", "floor")
        ]
        of = [_spread(ratio(lines, "workflow", way)) for way in ("straight", "accelerated")]
        rounds = f" ({len(lines)} of {lines[0]['rounds']} rounds)"
        yield f"| {' | '.join([_name(case) + rounds, str(cells), *took, *of])} |"


def _aims(cases: dict[str, list[Line]]) -> Iterator[str]:
    yield "| aim | case | at most | measured | |\n|---|---|---|---|---|"
    for text, what, of, where, limit in AIMS:
        for case, lines in cases.items():
            named = any(case == name or case.startswith(f"{name} of") for name in where)
            found = ratio(lines, what, of) if named else None
            if found:
                verdict = "met" if found[0] <= limit else "**missed**"
                yield f"| {text} | {_name(case)} | {limit:g} | {_spread(found)} | {verdict} |"


def _torches(cases: dict[str, list[Line]]) -> Iterator[str]:
    """Each version of torch, with and without the memory: wall time and CPU time ÷ the loop's."""
    yield "| case | load | straight loop, s | way | s | ÷ straight | CPU ÷ its CPU | at most | |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for case, lines in cases.items():
        load = max(line["load"][0] for line in lines)
        for way, limit in TORCH_AIMS.items():
            if not (found := ratio(lines, way, "straight")):
                continue
            pairs = [(line["runs"][way], line["runs"]["straight"]) for line in lines]
            of_cpu = statistics.median(cpu(one) / cpu(other) for one, other in pairs)
            row = [f"{load:.1f}", _spread(ratio(lines, "straight")), WORDS[way]]
            row += [_spread(ratio(lines, way)), _spread(found), short(of_cpu), f"{limit:g}"]
            verdict = "met" if max(found[0], of_cpu) <= limit else "**missed**"
            busy = load > lines[0]["cores"]
            yield _row(_name(case), [*row, "machine busy: not judged" if busy else verdict])


def _then(cases: dict[str, list[Line]]) -> Iterator[str]:
    yield "| case | then | seconds | ÷ cold run | ÷ straight loop over what changed |"
    yield "|---|---|---|---|---|"
    for case, lines in cases.items():
        for change, words in THEN.items():
            if took := ratio(lines, change):
                of = [
                    _spread(ratio(lines, change, each)) for each in ("workflow", f"over {change}")
                ]
                yield _row(_name(case), [words, _spread(took), *of])


def _bars(lines: Sequence[Line]) -> dict[str, float]:
    found = {what: ratio(lines, what) for what in BARS}
    return {what: value[0] for what, value in found.items() if value}


def _profiles(cases: dict[str, list[Line]]) -> Iterator[str]:
    """CPU seconds by part, of the last round of every case that includes the workflow."""
    for case, lines in cases.items():
        line = lines[-1]
        if "workflow" not in line["runs"]:
            continue
        runs = {"cold": line["runs"]["workflow"]}
        runs |= {words: line["then"][key] for key, words in THEN.items() if key in line["then"]}
        yield f"\n{_name(case)}, CPU seconds of a round of {line['models']} models:\n"
        yield f"| | {' | '.join(runs)} |\n|---{'|---' * len(runs)}|"
        profiles = [run["profile"] for run in runs.values()]
        yield _row("jobs", [str(profile["jobs"]) for profile in profiles])
        for key, words in PARTS.items():
            yield _row(words, [f"{profile[key]:.1f}" for profile in profiles])
        for stage in sorted({name for profile in profiles for name in profile["stages"]}):
            of = [profile["stages"].get(stage) for profile in profiles]
            yield _row(stage, [f"{each['cpu']:.1f}" if each else "" for each in of])
        yield _row("wall, s", [f"{run['seconds']:.1f}" for run in runs.values()])


def _row(name: str, values: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(values)} |"


def _tools(line: Line) -> list[str]:
    return list(line["files"][0]["tools"])


def _others(others: dict[int, list[Line]]) -> Iterator[str]:
    yield "| opset | tool | files | seconds | s per file | of the wrong found | false alarms | broke off |"  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|"
    for opset, (*_, line) in sorted(others.items()):
        files = line["files"]
        whole = line["workflow"]["seconds"]
        wrong = sum(file["ours"] == "wrong" for file in files)
        head = f"| {opset} | this workflow, all stages | {len(files)} "
        yield f"{head}| {whole:.1f} | {whole / len(files):.2f} | {wrong} of {wrong} | | |"
        for tool in _tools(line):
            seen = [
                (file["ours"], file["tools"][tool])
                for file in files
                if file["tools"][tool]["verdict"] != "not applicable"
            ]
            total = sum(found["seconds"] for _, found in seen)
            said = [(ours, found["verdict"]) for ours, found in seen]
            could = sum(ours == "wrong" for ours, _ in said)
            found = f"{said.count(('wrong', 'wrong'))} of {could}"
            right = sum(ours == "right" for ours, _ in said)
            alarms = f"{said.count(('right', 'wrong'))} of {right}"
            errors = sum(verdict == "error" for _, verdict in said)
            took = f"{total:.1f} | {total / max(1, len(seen)):.2f}"
            yield f"| {opset} | {tool} | {len(seen)} | {took} | {found} | {alarms} | {errors} |"


def _found(others: dict[int, list[Line]]) -> Iterator[str]:
    for opset, (*_, line) in sorted(others.items()):
        tools = _tools(line)
        yield f"\n| wrong at opset {opset} | {' | '.join(tools)} |\n|---{'|---' * len(tools)}|"
        for file in line["files"]:
            if file["ours"] == "wrong":
                words = [_said(file["tools"][tool]["verdict"]) for tool in tools]
                yield f"| {file['model']}, {file['exporter']} | {' | '.join(words)} |"


def _said(verdict: str) -> str:
    return {"wrong": "found", "ok": "missed", "not applicable": "–"}.get(verdict, "broke off")


if __name__ == "__main__":
    main()
