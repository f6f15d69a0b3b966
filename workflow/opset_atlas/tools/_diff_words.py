"""The differences between two files in words: for a terminal, and for a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from opset_atlas.base.terminal import Role, Terminal
from opset_atlas.graph.spelling import visible
from opset_atlas.records import Apart, Change, DiffReport, FileFacts, Meaning, RunTogether

LONGEST = 4000  # characters of a sentence
_TONES: dict[str, Role] = {"equal": "good", "can differ": "warn", "open": "warn", "differs": "bad"}
_EXPECTED = re.compile(r" where (.*) was expected$")
_UNBROKEN = "\u00a0"
MOST_INTEGERS = 9  # where integer inputs need no fewer
_FAR = 4096  # units of rounding from which a number of digits says more


def verdict(report: DiffReport) -> str:
    """`equal in meaning · 1 difference in encoding · 5 → 4 nodes · opset 11 → 13 · IR 6 → 7`."""
    return " · ".join([_meaning(report), *_counts(report)])


def text(report: DiffReport, terminal: Terminal) -> str:
    """The verdict, then what a run showed, then every change with its cause."""
    parts = (part.replace(" ", _UNBROKEN) for part in (_meaning(report), *_counts(report)))
    head = terminal.wrap(" · ".join(parts), "  ", "").replace(_UNBROKEN, " ")
    meaning = terminal.paint(_meaning(report), _TONES[report["verdict"]])
    paragraphs = [meaning + head.removeprefix(_meaning(report))]
    if report["run"]:
        paragraphs.append("\n".join(_ran(report["run"], terminal)))
    paragraphs += ["\n".join(_change(change, terminal)) for change in report["changes"]]
    return "\n\n".join(paragraphs)


def markdown(report: DiffReport) -> str:
    """The same for a pull request; what the files hold cannot become markup."""
    names = " → ".join(_code(file["name"]) for file in report["files"])
    lines = [f"**{_meaning(report)}**" + "".join(f" · {each}" for each in _counts(report))]
    lines += ["", f"{names}, compared by opset-atlas", ""]
    if report["run"]:
        lines += [f"- {_escaped(line)}" for line in _run_words(report["run"])]
    for change in report["changes"]:
        title = f"{_heading(change)}: {_code(change['before'])} → {_code(change['after'])}"
        link = f" ([ONNX]({change['url']}))" if change["url"] else ""
        mark = "=" if change["neutral"] else "≠"
        lines.append(f"- {mark} **{title}** {_escaped(change['explanation'])}{link}")
    return "\n".join(lines)


def _meaning(report: DiffReport) -> str:
    if report["verdict"] == "equal":
        return "equal in meaning" if report["changes"] else "no difference"
    if report["verdict"] == "open":
        return "open"
    return report["verdict"]


def _counts(report: DiffReport) -> Iterator[str]:
    changes = report["changes"]
    matter = [change for change in changes if not change["neutral"]]
    unexplained = sum(change["cause"] == "unexplained" for change in matter)
    if matter and unexplained == len(matter):
        yield _count(len(matter), "unexplained difference")
    elif matter:
        words = f"{_count(len(matter), 'difference')} that can matter"
        yield f"{words}, {unexplained} of them unexplained" if unexplained else words
    if len(changes) > len(matter):
        count = len(changes) - len(matter)
        yield f"{count} in encoding" if matter else f"{_count(count, 'difference')} in encoding"
    one, other = report["files"]
    nodes = one["nodes"], other["nodes"]
    yield f"{nodes[0]} → {nodes[1]} nodes" if nodes[0] != nodes[1] else _count(nodes[0], "node")
    yield from _opsets(one, other)
    yield _both("IR", one["ir_version"], other["ir_version"])
    run = report["run"]
    if run:
        yield "not run" if run["problem"] else _furthest(run)


def _opsets(one: FileFacts, other: FileFacts) -> Iterator[str]:
    yield _both("opset", one["opset"], other["opset"])
    ours, theirs = one["imports"], other["imports"]
    for domain in sorted((ours.keys() | theirs.keys()) - {""}):
        if ours.get(domain) != theirs.get(domain):
            yield _both(visible(domain), ours.get(domain), theirs.get(domain))


def _both(what: str, one: int | None, other: int | None) -> str:
    ours, theirs = ("none" if number is None else str(number) for number in (one, other))
    return f"{what} {ours}" if ours == theirs else f"{what} {ours} → {theirs}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _change(change: Change, terminal: Terminal) -> Iterator[str]:
    mark, tone = ("=", "good") if change["neutral"] else ("≠", "bad")
    title = f"{_heading(change)}: {change['before']} → {change['after']}"
    lines = terminal.wrap(visible(title, LONGEST), "    ", f"{mark} ")
    yield terminal.paint(mark, tone) + lines[1:]  # type: ignore[arg-type]
    yield terminal.wrap(visible(change["explanation"], LONGEST), "  ")
    if change["url"]:
        yield "  " + terminal.paint(change["url"], "faint")


def _heading(change: Change) -> str:
    """`Resize roi (2 places)`"""
    name = " ".join(filter(None, [change["op_type"], change["parameter"]]))
    places = len(change["places"])
    return visible(f"{name} ({places} places)" if places > 1 else name or "the model", 200)


def _ran(run: RunTogether, terminal: Terminal) -> Iterator[str]:
    for number, line in enumerate(_run_words(run)):
        yield terminal.wrap(visible(line, LONGEST), "  ", "" if number == 0 else None)


def _run_words(run: RunTogether) -> Iterator[str]:
    """What a run showed, in sentences."""
    if run["problem"]:
        yield f"Not run: {run['problem']}."
        return
    sizes = ", ".join(f"{name} = {size}" for name, size in run["sizes"].items())
    chosen = f", with {sizes} (chosen; --size sets others)" if sizes else ""
    chosen += f"; integers 0 to {run['integers']}" if run["integers"] < MOST_INTEGERS else ""
    sets = _count(len(run["sets"]), "random input set")
    yield f"Run in {run['runtime']}, node by node as written, on {sets}{chosen}:"
    yield from (_output(each) for each in run["outputs"])
    yield from (f"Note: {note}." for note in run["notes"])


def _output(apart: Apart) -> str:
    name = f"{apart['output']} ({apart['dtype']})"
    if apart["detail"]:
        words = _EXPECTED.sub(r", where the first file gives \1", apart["detail"])
        return f"{name}: {words.replace('torch has', 'the first file gives')}"
    if apart["verdict"] == "vacuous":
        return f"{name}: constant or empty, which shows nothing"
    if apart["verdict"] == "exact":
        return f"{name}: equal in every bit"
    if apart["units"] is None:
        return f"{name}: {apart['different']} of {apart['elements']} values differ"
    inside = "rounding" if apart["verdict"] != "mismatch" else "more than rounding"
    absolute = f"{apart['max_abs']:.2g}" if apart["max_abs"] is not None else "?"
    return (
        f"{name}: at most {_short(apart['units'])} units of rounding apart ({inside}; {absolute}"
        f" absolute, on {apart['set']})"
    )


def _furthest(run: RunTogether) -> str:
    """How far apart the outputs are at most, in a few words."""
    told = [each for each in run["outputs"] if each["verdict"] != "vacuous"]
    if not told:
        return "the run shows nothing"
    if any(each["detail"] or (each["units"] is None and each["different"]) for each in told):
        return "other results in a run"
    if all(each["verdict"] == "exact" for each in told):
        return "same bits in a run"
    units = max(each["units"] or 0.0 for each in told)
    return f"at most {_short(units)} u apart in a run"


def _short(value: float) -> str:
    return f"{value:.1f}" if 0.1 <= value < _FAR else f"{value:.2g}"


def _code(words: str) -> str:
    """Words from a file as code, which holds no markup."""
    words = visible(words, LONGEST)
    fence = "`" * (max((len(run) for run in re.findall("`+", words)), default=0) + 1)
    pad = " " if words[:1] == "`" or words[-1:] == "`" else ""
    return f"{fence}{pad}{words}{pad}{fence}" if words else ""


def _escaped(sentence: str) -> str:
    """A sentence whose `names` stay code, and which holds no other markup."""
    sentence = visible(sentence, LONGEST)
    parts = sentence.split("`")
    if len(parts) % 2 == 0 or "``" in sentence:
        parts = [sentence.replace("`", "'")]
    plain = (part if number % 2 else _inert(part) for number, part in enumerate(parts))
    return "`".join(plain)


def _inert(words: str) -> str:
    escaped = re.sub(r"([\\*_\[\]|#~])", r"\\\1", html.escape(words, quote=False))
    return escaped.replace("@", "&#64;")


def exit_status(report: DiffReport) -> int:
    """0 if both files mean the same, as far as the files and a run show; else 1."""
    return int(report["verdict"] != "equal")


def settle(changes: Sequence[Change], run: RunTogether | None) -> Meaning:
    """The verdict of a report. Where a run was asked for and failed, nothing is settled."""
    told = run["outputs"] if run else []
    if any(each["verdict"] == "mismatch" for each in told):
        return "differs"
    matter = [change for change in changes if not change["neutral"]]
    if not matter:
        return "open" if run and run["problem"] else "equal"
    return "open" if all(c["cause"] == "unexplained" for c in matter) else "can differ"
