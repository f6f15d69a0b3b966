"""docs/gallery.md from a finished run of config/gallery.yaml and docs/gallery.yaml.

    python docs/gallery.py                 # writes the page
    python docs/gallery.py --check         # writes nothing; is every finding explained?

A finding is what one exporter did with one model at some opsets: it refused, or its file is
invalid, does not run, or computes something else. docs/gallery.yaml has the words on each. With
`--check`, a finding without words and words without a finding are listed, and the exit status is 1
if there are any.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from opset_atlas.findings.preference import as_ranges
from opset_atlas.numerics.verdicts import ORDER, WRONG

DOCS = Path(__file__).parent
CONFIG = DOCS.parent / "config/gallery.yaml"
RESULTS = Path("results")
EXPORTERS = ("torchscript", "dynamo", "converter")
MADE = ("ok", "moved")
RIGHT = ("exact", "within-noise", "no-noise-floor")
NOT_RUN = ("absent", "unavailable")
# What differs from opset to opset in a message, or from run to run.
_VARIES = re.compile(r"\d+")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What an exporter did with a model, at the opsets where it did so."""

    model: str
    exporter: str
    what: str
    detail: str
    opsets: tuple[int, ...]


def main() -> None:
    """Write the page, or check that it is complete."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="is every finding explained?")
    options = parser.parse_args()
    words = yaml.safe_load((DOCS / "gallery.yaml").read_text(encoding="utf-8"))
    cells = list(states(_table("cells"), _table("parity")))
    found = list(findings(cells))
    problems = list(incomplete(found, words["findings"]))
    if not options.check:
        text = page(cells, found, words)
        (DOCS / "gallery.md").write_text(text, encoding="utf-8")
    print("\n".join(problems) or f"{len(found)} findings, each with its words")
    sys.exit(1 if problems else 0)


def states(cells: Sequence[Row], parity: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Each cell with `state`, its outcome or the worst verdict of the runtimes, and the reason."""
    worst: dict[tuple[str, str, int], Row] = {}
    for row in parity:
        key = row["model"], row["exporter"], row["requested"]
        if row["verdict"] not in NOT_RUN and _badness(row) > _badness(worst.get(key)):
            worst[key] = row
    for cell in cells:
        row = worst.get((cell["model"], cell["exporter"], cell["requested"]))
        state, reason = cell["outcome"], cell["detail"]
        if row and state in MADE:
            state = "right" if row["verdict"] in RIGHT else row["verdict"]
            reason = "" if state == "right" else row["detail"]
        yield {**cell, "state": state, "reason": " ".join((reason or "").split())}


def _badness(row: Row | None) -> tuple[int, int]:
    """A wrong result is worse than none, and none is worse than an unproven one."""
    if row is None:
        return -1, 0
    verdict = row["verdict"]
    if verdict in ORDER:
        return (3 if verdict in WRONG else 1), ORDER.index(verdict)
    return 2, 0


def findings(cells: Sequence[Row]) -> Iterator[Finding]:
    """The cells that are not right, those with the same reason together."""
    grouped: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for cell in cells:
        if cell["state"] not in ("right", "moved"):
            reason = _VARIES.sub("#", cell["reason"])
            grouped[cell["model"], cell["exporter"], cell["state"], reason].append(cell)
    for (model, exporter, state, _), rows in grouped.items():
        opsets = tuple(sorted(row["requested"] for row in rows))
        yield Finding(model, exporter, state, rows[0]["reason"], opsets)


def matches(entry: Row, finding: Finding) -> bool:
    """Whether the words are about this finding. A key that is not given matches anything."""
    return (
        finding.what in entry["what"]
        and finding.exporter in entry.get("exporters", EXPORTERS)
        and finding.model in entry.get("models", [finding.model])
        and re.search(entry.get("reason", ""), finding.detail) is not None
    )


def incomplete(found: Sequence[Finding], entries: Sequence[Row]) -> Iterator[str]:
    """Findings without words, and words without a finding."""
    for finding in found:
        if not any(matches(entry, finding) for entry in entries):
            at = f"{finding.model} {finding.exporter} {as_ranges(finding.opsets)}"
            yield f"no words: {at}: {finding.what}: {finding.detail[:300]}"
    for entry in entries:
        if not any(matches(entry, finding) for finding in found):
            yield f"no finding: {entry['title']}"


def page(cells: Sequence[Row], found: Sequence[Finding], words: Mapping[str, Any]) -> str:
    """The whole page."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    models = config["models"]
    ran = list(dict.fromkeys(cell["model"] for cell in cells))
    libraries = {models[name]["packages"][0] for name in ran}
    numbers = {"models": len(ran), "libraries": len(libraries), "cells": f"{len(cells):,}"}
    parts = ["# The gallery\n", words["introduction"].format(**numbers)]
    parts += ["## Outcomes\n", *_outcomes(cells), "", *_models(cells, models), ""]
    parts.append("## What was found\n")
    for entry in words["findings"]:
        rows = [each for each in found if _first(each, words["findings"]) is entry]
        parts += [f"### {entry['title']}\n", *_where(rows), "", entry["words"]]
    parts.append(words["end"])
    return "\n".join(parts)


def _first(finding: Finding, entries: Sequence[Row]) -> Row | None:
    return next((entry for entry in entries if matches(entry, finding)), None)


def _outcomes(cells: Sequence[Row]) -> Iterator[str]:
    counts = Counter((c["outcome"], c["state"], c["exporter"]) for c in cells)
    yield from _head("outcome", "in onnxruntime", *EXPORTERS)
    for outcome, state in sorted({key[:2] for key in counts}):
        shown = "–" if state == outcome else state.replace("-", " ")
        yield _line(outcome, shown, *(counts[outcome, state, name] for name in EXPORTERS))


def _models(cells: Sequence[Row], models: Mapping[str, Any]) -> Iterator[str]:
    """A row per model: the opsets at which each exporter's file is there as asked, and right."""
    advice = {row["model"]: row for row in _table("models")}
    right: dict[tuple[str, str], list[int]] = defaultdict(list)
    for cell in cells:
        if cell["state"] == "right" and cell["outcome"] == "ok":
            right[cell["model"], cell["exporter"]].append(cell["requested"])
    yield "The opsets at which a file came back as asked for and is right in onnxruntime:\n"
    yield from _head("model", "of", "parameters", *EXPORTERS, "use")
    for name in advice:
        row = advice[name]
        use = f"{row['use_exporter']} {row['use_opset']}" if row["use_exporter"] else "none"
        opsets = (as_ranges(right[name, exporter]) or "–" for exporter in EXPORTERS)
        yield _line(name, models[name]["packages"][0], f"{row['parameters']:,}", *opsets, use)


def _where(rows: Sequence[Finding]) -> Iterator[str]:
    """Which exporter did it with which models, at which opsets."""
    grouped: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for row in rows:
        grouped[row.exporter, row.what, row.model].update(row.opsets)
    lanes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (exporter, what, model), opsets in grouped.items():
        lanes[exporter, what, as_ranges(sorted(opsets))].append(f"`{model}`")
    for (exporter, what, opsets), names in sorted(lanes.items()):
        yield f"- {what.replace('-', ' ')}, {exporter} {opsets}: {', '.join(names)}"


def _head(*names: str) -> Iterator[str]:
    yield _line(*names)
    yield _line(*["---"] * len(names))


def _line(*values: object) -> str:
    texts = (" ".join(str(value).split()).replace("|", "\\|") for value in values)
    return f"| {' | '.join(texts)} |"


def _table(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((RESULTS / f"tables/{name}.json").read_text())
    return rows


if __name__ == "__main__":
    main()
