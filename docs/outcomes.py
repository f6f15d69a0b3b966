"""Tables of docs/architectures.md, from a finished run: `python docs/outcomes.py` prints Markdown.

Seconds are the sum over the cells of a sweep, without the start of the process.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opset_atlas.findings.preference import as_ranges
from opset_atlas.numerics.verdicts import ORDER, WRONG

RESULTS = Path("results")
NOT_RUN = ("absent", "unavailable")
UNMADE = ("refused", "crashed", "timeout", "no-model", "unsupported", "internal-error")


def main() -> None:
    """Print every table."""
    cells = _table("cells")
    _print_outcomes(cells, json.loads((RESULTS / "judge/verdicts.json").read_text())["cells"])
    _print_models(cells)
    _print_surprises()
    _print_refusals(cells)


def _table(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((RESULTS / f"tables/{name}.json").read_text())
    return rows


def _worst(verdicts: Sequence[dict[str, Any]]) -> dict[tuple[str, str, int], str]:
    """The worst verdict of the runtimes, per cell."""
    found: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for row in verdicts:
        found[row["model"], row["exporter"], row["requested"]].append(row["verdict"])
    return {key: max(names, key=_badness) for key, names in found.items()}


def _badness(verdict: str) -> tuple[int, int]:
    """A wrong result is worse than no result, and no result worse than an unproven one."""
    if verdict in ORDER:
        return (3 if verdict in WRONG else 1), ORDER.index(verdict)
    return (0 if verdict in NOT_RUN else 2), 0


def _print_outcomes(cells: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> None:
    exporters = sorted({cell["exporter"] for cell in cells})
    by_cell = _worst(verdicts)
    counts: Counter[tuple[str, str, str]] = Counter()
    for cell in cells:
        key = (cell["model"], cell["exporter"], cell["requested"])
        measured = by_cell.get(key, "absent") if cell["sha256"] else "–"
        counts[cell["outcome"], measured, cell["exporter"]] += 1
    _row("outcome", "in onnxruntime", *exporters)
    _row(*["---"] * (2 + len(exporters)))
    for outcome, measured in sorted({key[:2] for key in counts}):
        _row(outcome, measured, *(counts[outcome, measured, name] for name in exporters))
    print()


def _print_models(cells: list[dict[str, Any]]) -> None:
    exporters = sorted({cell["exporter"] for cell in cells})
    own_error = _own_error()
    _row("model", "parameters", "torch, u", "use", "nodes", *(f"{name}, s" for name in exporters))
    _row(*["---"] * (5 + len(exporters)))
    for row in sorted(_table("models"), key=lambda row: row["model"]):
        own = [cell for cell in cells if cell["model"] == row["model"]]
        use, nodes = f"none: {row['why']}", "–"
        if row["use_exporter"]:
            use = f"{row['use_exporter']} {row['use_opset']}"
            (chosen,) = [
                cell
                for cell in own
                if (cell["exporter"], cell["requested"]) == (row["use_exporter"], row["use_opset"])
            ]
            nodes = chosen["nodes"]
        seconds = [
            sum(c["export_seconds"] or 0.0 for c in own if c["exporter"] == name)
            for name in exporters
        ]
        error = own_error.get(row["model"], "–")
        shown = (f"{second:.1f}" for second in seconds)
        _row(row["model"], row["parameters"], error, use, nodes, *shown)
    print()


def _own_error() -> dict[str, str]:
    """Torch's own error against float64 per model: the largest over all outputs and random sets."""
    found: dict[str, float] = defaultdict(float)
    for path in RESULTS.glob("parity/*/onnxruntime.json"):
        record = json.loads(path.read_text())
        for measure in (m for cell in record["cells"] for m in cell["measures"]):
            if measure["set"].startswith("random") and measure["n_torch"] is not None:
                found[record["model"]] = max(found[record["model"]], measure["n_torch"])
    return {name: f"{error:.1f}" for name, error in found.items()}


def _print_surprises() -> None:
    """Merge sentences that differ only in the opset and the runtime."""
    grouped: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for row in _table("surprises"):
        if row["kind"] != "silently-moved":
            key = (row["severity"], row["kind"], row["model"], row["exporter"], _evidence(row))
            grouped[key].add(row["requested"])
    _row("kind", "model", "exporter", "opsets", "evidence")
    _row(*["---"] * 5)
    for (_, *names, sentence), opsets in sorted(grouped.items()):
        _row(*names, as_ranges(opsets), sentence)
    print()


def _evidence(row: dict[str, Any]) -> str:
    """The sentence without its beginning (exporter and opset), its runtime and its own opset."""
    sentence = row["sentence"].removeprefix(f"{row['exporter']} at opset {row['requested']}")
    for word in (" returned normally; ", ": ", row["runtime"], ": ", " computes something else"):
        sentence = sentence.removeprefix(word)
    sentence = sentence.lstrip(":, ")
    sentence = sentence.replace(f"domain_version of {row['requested']}", "that opset")
    return sentence if len(sentence) <= 160 else f"{sentence[:159]}…"


def _print_refusals(cells: list[dict[str, Any]]) -> None:
    grouped: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        if cell["outcome"] in UNMADE:
            reason = cell["detail"].replace(f"opset version {cell['requested']}", "opset version …")
            grouped[cell["exporter"], reason[:140]][cell["model"]].append(cell["requested"])
    _row("exporter", "reason", "models and opsets")
    _row(*["---"] * 3)
    for (exporter, reason), models in sorted(grouped.items()):
        _row(exporter, reason, "; ".join(f"{m} {as_ranges(o)}" for m, o in models.items()))


def _row(*values: object) -> None:
    texts = (" ".join(str(value).split()).replace("|", "\\|") for value in values)
    print(f"| {' | '.join(texts)} |")


if __name__ == "__main__":
    main()
