"""Wrong results as cards: what is wrong, how it looks, what to do, and a report for a tracker.

Findings of one cause are one card with its models, opsets and exporters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opset_atlas.base.files import read_json
from opset_atlas.findings import wrong
from opset_atlas.findings.preference import as_ranges
from opset_atlas.records import Located, Symptom
from opset_atlas.stages.report.data import Data

SHADES = 8  # of the color scale; `cards.css` has as many
_PACKAGES = ("torch", "onnxscript", "onnx", "onnxruntime", "openvino", "numpy")


@dataclass(frozen=True)
class Place:
    """Where a fault shows: a model through an exporter at some opsets.

    `use`: the setting that is right for this model, or "". `reproducer`: a folder below results.
    """

    model: str
    exporter: str
    opsets: list[int]
    source: str
    use: str
    reproducer: str
    sentence: str


@dataclass(frozen=True)
class Number:
    """An element of a slice: as text, its shade (None: no finite number), whether it is wrong."""

    text: str
    shade: int | None
    off: bool


@dataclass(frozen=True)
class Slices:
    """Both slices on one scale of colors, with the least and the most of it."""

    expected: list[list[Number]]
    got: list[list[Number]]
    least: str
    most: str
    caption: str


@dataclass
class Card:
    """One cause. `degenerate`: the input sets, where all that is wrong is on degenerate ones."""

    number: int
    title: str
    write: str
    found: Located
    slices: Slices | None
    tracker: wrong.Tracker
    report: str
    degenerate: list[str]
    rows: list[int]
    places: list[Place] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """The models, each once."""
        return list(dict.fromkeys(place.model for place in self.places))

    @property
    def weak(self) -> bool:
        """Whether nothing but degenerate inputs show it."""
        return bool(self.degenerate or self.rows)


def cards(data: Data, models: Iterable[str]) -> list[Card]:
    """The cards of some models: most models first, those of degenerate inputs alone last."""
    found: dict[tuple[str, ...], Card] = {}
    for model in models:
        for row in _located(data, model):
            if row["verdict"] not in ("mismatch", "fixed-size") or row["stops"]:
                continue
            words = wrong.in_words(row)
            cause = _cause(model, row, words)
            fresh = _card(data, model, row, words, len(found) + 1)
            card = found.setdefault(cause, fresh)
            if fresh.tracker.sure and not card.tracker.sure:  # the one that says most stands first
                fresh.number, fresh.places = card.number, card.places
                fresh.degenerate = card.degenerate and fresh.degenerate
                fresh.rows = card.rows and fresh.rows
                card = found[cause] = fresh
            card.places.append(_place(data, model, row))
            card.degenerate = card.degenerate and _degenerate(data, model, row)
            card.rows = card.rows and (row["symptom"]["empty_rows"] if "symptom" in row else [])
    return sorted(found.values(), key=lambda card: (card.weak, -len(card.models)))


def _located(data: Data, model: str) -> list[Located]:
    """The findings of the search; none for a model that the tables say nothing of."""
    if not data.rows("located", model):
        return []
    found: list[Located] = read_json(data.results / "locate" / model / "record.json", "locate")[
        "located"
    ]
    return found


def _cause(model: str, row: Located, words: wrong.Words) -> tuple[str, ...]:
    """What two findings of one cause have in common.

    Known words name a cause by themselves. Other patterns may differ by chance of the numbers, so
    that operators and fault decide; without operators every finding stands alone.
    """
    if words.known:
        return (words.says,)
    operators = wrong.operators(row)
    fault = "file" if row["fault"] == "undecided" else row["fault"]
    return (operators, fault, row["source"] or model) if operators else (model, row["sentence"])


def _card(data: Data, model: str, row: Located, words: wrong.Words, number: int) -> Card:
    symptom = row.get("symptom")
    operators = wrong.operators(row)
    return Card(
        number=number,
        title=f"{operators}: {words.says}" if operators else _capital(words.says),
        write=words.write,
        found=row,
        slices=_slices(symptom) if symptom and symptom["expected"] else None,
        tracker=wrong.tracker(row),
        report=_report(data, model, row, words),
        degenerate=_degenerate(data, model, row),
        rows=symptom["empty_rows"] if symptom else [],
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _degenerate(data: Data, model: str, row: Located) -> list[str]:
    """The degenerate sets that all cells of a finding are wrong on, if there are no others."""
    found: list[str] = []
    for opset in row["requested"]:
        verdicts = data.verdicts_of.get((model, row["exporter"], opset), [])
        sets = wrong.degenerate_only(verdicts)
        if not sets:
            return []
        found += [name for name in sets if name not in found]
    return found


def _place(data: Data, model: str, row: Located) -> Place:
    advice = data.rows("models", model)[0]
    use = f"{advice['use_exporter']} at opset {advice['use_opset']}"
    folder = row["reproducer"]
    return Place(
        model=model,
        exporter=row["exporter"],
        opsets=row["requested"],
        source=row["source"],
        use=use if advice["use_exporter"] else "",
        reproducer=f"locate/{model}/{folder}" if folder else "",
        sentence=row["sentence"],
    )


def _slices(symptom: Symptom) -> Slices:
    both = (symptom["expected"], symptom["got"])
    finite = [float(v) for rows in both for row in rows for v in row if not isinstance(v, str)]
    least, most = (min(finite), max(finite)) if finite else (0.0, 0.0)

    def shown(rows: list[list[float | str]]) -> list[list[Number]]:
        return [
            [
                Number(_spelled(value), _shade(value, least, most), off)
                for value, off in zip(row, marks, strict=True)
            ]
            for row, marks in zip(rows, symptom["off"], strict=True)
        ]

    at, shape = symptom["at"], symptom["shape"][0]
    caption = f"{symptom['wrong']} of {symptom['elements']} elements wrong; shape {shape}"
    caption += f", around the worst one at {at}" if at else ""
    return Slices(shown(both[0]), shown(both[1]), _spelled(least), _spelled(most), caption)


def _shade(value: float | str, least: float, most: float) -> int | None:
    if isinstance(value, str):
        return None
    share = (value - least) / (most - least) if most > least else 0.0
    return min(SHADES - 1, int(SHADES * share))


def _spelled(value: float | str) -> str:
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)


def _report(data: Data, model: str, row: Located, words: wrong.Words) -> str:
    """The finding in Markdown, for the tracker of whoever is at fault."""
    where = f"`torch.onnx.export(dynamo={row['exporter'] == 'dynamo'})`"
    if row["exporter"] == "converter":
        where = "`onnx.version_converter`"
    nodes = ", ".join(f"`{_plain(node['text'])}`" for node in row["nodes"])
    kernel = row["fault"] in ("kernel", "optimization")
    title = f"{wrong.operators(row) or 'Wrong result'}: {words.says}"
    script = row.get("script")
    parts = [
        f"**{_plain(title)}**",
        f"{nodes or 'The graph'}, as written by {where} for opset {as_ranges(row['requested'])}"
        + (f", run in {', '.join(row['runtimes'])}." if kernel else "."),
        _plain(row["sentence"])
        + " One u is the unit of rounding of the result's largest value."
        * (" u " in row["sentence"]),
    ]
    if row["source"]:
        parts.append(f"Code: {_plain(row['source'])}")
    if script:
        parts += ["To reproduce; it prints the expected result and what comes out:", _block(script)]
    elif row["reproducer"]:
        parts.append("To reproduce: run `run.py` in the attached folder (model, arrays, script).")
    symptom = row.get("symptom")
    if symptom and symptom["expected"]:
        for name, rows in (("Expected", symptom["expected"]), ("Got", symptom["got"])):
            shown = "\n".join("  ".join(f"{_spelled(v):>10}" for v in each) for each in rows)
            parts += [f"{name} (around {symptom['at']} of shape {symptom['shape'][0]}):"]
            parts.append(_block(shown.replace("−", "-"), ""))
    versions = _versions(data, model, row["exporter"])
    parts.append("Versions: " + ", ".join(f"{name} {versions[name]}" for name in versions))
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """A text of a model or exporter as one line."""
    return " ".join(text.split())


def _block(text: str, language: str = "python") -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _versions(data: Data, model: str, exporter: str) -> Mapping[str, str]:
    """Versions of the packages that a tracker asks for."""
    records: list[Mapping[str, Any]] = [
        data.spec["versions"],
        data.definitions[model]["versions"],
        data.sweeps[model, exporter].export["versions"],
    ]
    known = {name: each[name] for each in records for name in each if each[name]}
    return {name: str(known[name]) for name in _PACKAGES if name in known}
