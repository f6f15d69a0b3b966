"""A model's page: its opsets at a glance, each step with its graphs, parity, every cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from atlas.records import Cell, Step
from atlas.report_changes import Pictures, Side
from atlas.report_data import Data, Row, Sweep
from atlas.report_matrix import LEGEND, Line, columns, line, state
from atlas.report_plot import plot

_MEASURES = ("runtime", "output", "verdict", "max_abs", "max_rel", "n_torch", "n_runtime", "detail")


@dataclass(frozen=True)
class StepView:
    """A step of a sweep: what can matter, what only looks different, and both graphs."""

    step: Step
    different: list[Any]
    same: list[Any]
    pair: tuple[Side, Side]


@dataclass(frozen=True)
class SweepView:
    """All about one sweep. `others` are graphs that no step shows."""

    sweep: Sweep
    line: Line
    steps: list[StepView]
    others: list[Side]
    graphs: list[Row]
    cells: list[Row]
    parity: list[Row]
    messages: list[Row]


def page(data: Data, model: str) -> dict[str, Any]:
    """What the template of a model's page is given."""
    tolerances = data.tolerances(model)
    pictures = Pictures(data)
    views = [_sweep(data, sweep, pictures) for sweep in data.sweeps_of(model)]
    occurring = {key for view in views for key in view.line.states}
    return {
        "spec": data.spec,
        "model": model,
        "description": data.spec["descriptions"].get(model, ""),
        "definition": data.definitions[model],
        "advice": data.rows("models", model)[0],
        "opsets": _opsets(data, model),
        "choices": [row for row in data.rows("opsets", model) if row["lowest_exporting"]],
        "legend": [entry for entry in LEGEND if entry[0] in occurring],
        "plot": plot(data.rows("parity", model), data.spec["sweeps"][model], tolerances),
        "tolerances": tolerances,
        "sweeps": views,
        "contrasts": data.contrasts[model],
    }


def merge(rows: Iterable[Row]) -> list[Row]:
    """Rows of the parity table, neighbouring opsets with equal measures as one.

    A row gains `opsets`. The order is by runtime and output first, so that neighbours meet.
    """
    merged: list[Row] = []
    lanes: dict[tuple[str, str], Row] = {}
    for row in rows:
        lane = lanes.get((row["runtime"], row["output"]))
        if lane and all(lane[name] == row[name] for name in _MEASURES):
            lane["opsets"].append(row["requested"])
            continue
        fresh = {**row, "opsets": [row["requested"]]}
        lanes[row["runtime"], row["output"]] = fresh
        merged.append(fresh)
    return sorted(merged, key=lambda row: (row["runtime"], row["output"], row["opsets"][0]))


def _opsets(data: Data, model: str) -> list[int]:
    asked = {cell["requested"] for cell in data.rows("cells", model)}
    return [opset for opset in columns(data) if opset in asked]


def _sweep(data: Data, sweep: Sweep, pictures: Pictures) -> SweepView:
    steps = [
        StepView(
            step,
            [change for change in step["changes"] if not change["neutral"]],
            [change for change in step["changes"] if change["neutral"]],
            pictures.pair(sweep, step),
        )
        for step in sweep.compare["steps"]
        if step["changes"]
    ]
    graphs = _graphs(sweep)
    shown = {side.graph for step in steps for side in step.pair}
    others = [
        pictures.one(sweep, row["graph"], row["opsets"][0])
        for row in graphs
        if row["graph"] not in shown
    ]
    return SweepView(
        sweep=sweep,
        line=line(data, sweep.model, sweep.exporter, _opsets(data, sweep.model)),
        steps=steps,
        others=others,
        graphs=graphs,
        cells=_cells(data, sweep),
        parity=merge(
            row
            for row in data.rows("parity", sweep.model, sweep.exporter)
            if row["verdict"] != "absent"
        ),
        messages=_messages(sweep),
    )


def _graphs(sweep: Sweep) -> list[Row]:
    """Distinct graphs in the order of the opsets that hold them."""
    opsets: dict[str, list[int]] = {}
    for cell in sweep.dump["cells"]:
        if cell["graph"]:
            opsets.setdefault(cell["graph"], []).append(cell["requested"])
    return [
        {"graph": key, "opsets": found, **sweep.dump["graphs"][key]}
        for key, found in opsets.items()
    ]


def _cells(data: Data, sweep: Sweep) -> list[Row]:
    """Rows of the cells table with what the records add: the state, the files' names."""
    recorded: dict[int, Cell] = {cell["requested"]: cell for cell in sweep.export["cells"]}
    dumped = {cell["requested"]: cell for cell in sweep.dump["cells"]}
    rows = []
    for row in data.rows("cells", sweep.model, sweep.exporter):
        opset = row["requested"]
        cell, dump = recorded[opset], dumped.get(opset)
        text = sweep.dump["graphs"][dump["graph"]]["text"] if dump and dump["graph"] else ""
        verdicts = data.verdicts_of.get((sweep.model, sweep.exporter, opset), [])
        rows.append(
            {
                **row,
                "file": cell["file"],
                "state": state(row, verdicts),
                "text": text,
            }
        )
    return rows


def _messages(sweep: Sweep) -> list[Row]:
    """What the exporter said, each text once, with the opsets at which it did."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for cell in sweep.export["cells"]:
        said = [(each["level"], each["source"], each["text"]) for each in cell["messages"]]
        if cell["traceback"]:
            said.append(("traceback", "", cell["traceback"]))
        for key in dict.fromkeys(said):
            found.setdefault(key, []).append(cell["requested"])
    return [
        {"level": level, "source": source, "text": text, "opsets": opsets}
        for (level, source, text), opsets in found.items()
    ]
