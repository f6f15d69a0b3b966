"""A model's page: its opsets at a glance, each step with its graphs, parity, every cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from opset_atlas.base.source_lines import with_nodes
from opset_atlas.drawing.draw import draw
from opset_atlas.drawing.fold import Folded, fold
from opset_atlas.drawing.plan import plan
from opset_atlas.drawing.scene import alone
from opset_atlas.records import Cell, Step
from opset_atlas.stages.report.canvas import contrasts
from opset_atlas.stages.report.cards import cards
from opset_atlas.stages.report.data import Data, Row, Sweep
from opset_atlas.stages.report.files import graph_links, left_out, onnx_places
from opset_atlas.stages.report.matrix import LEGEND, Line, columns, least, line, state
from opset_atlas.stages.report.plot import facets
from opset_atlas.stages.report.reference import remarks

_METRIC = ("reference", "value", "difference", "tolerance", "moved", "detail")
_MEASURES = ("runtime", "output", "verdict", "max_abs", "max_rel", "n_torch", "n_runtime", "detail")


@dataclass(frozen=True)
class StepView:
    """A step of a sweep: what can matter, and what is only another encoding."""

    step: Step
    different: list[Any]
    same: list[Any]


@dataclass(frozen=True)
class Shown:
    """The graph of a sweep that the model's page draws."""

    opset: int
    nodes: int
    folded: Folded


@dataclass(frozen=True)
class SweepView:
    """Everything about one sweep. `shown` is None if there is no file.

    `ways`: other ways than the plain exporter in which cells were made, with their opsets.
    """

    sweep: Sweep
    line: Line
    steps: list[StepView]
    shown: Shown | None
    graphs: list[Row]
    cells: list[Row]
    ways: dict[str, list[int]]
    parity: list[Row]
    messages: list[Row]


@dataclass
class OperatorRow:
    """An operator; `versions` maps an exporter to (version, opsets, nodes)."""

    op_type: str
    domain: str
    versions: dict[str, list[tuple[str, list[int], int]]] = field(default_factory=dict)


def page(data: Data, model: str) -> dict[str, Any]:
    """The template's variables."""
    sweeps = [_sweep(data, sweep) for sweep in data.sweeps_of(model)]
    tolerances = data.tolerances(model)
    occurring = {key for view in sweeps for key in view.line.states}
    return {
        "spec": data.spec,
        "model": model,
        "description": data.spec["descriptions"].get(model, ""),
        "definition": data.definitions[model],
        "remarks": [*remarks(data.definitions[model]), *_vain(data, model)],
        "advice": data.rows("models", model)[0],
        "failures": data.rows("failures", model),
        "opsets": _opsets(data, model),
        "least": {name: least(data, model, name) for name in ("nodes", "size_bytes")},
        "choices": [row for row in data.rows("opsets", model) if row["lowest_exporting"]],
        "legend": [entry for entry in LEGEND if entry[0] in occurring],
        "facets": facets(data.rows("parity", model), data.spec["sweeps"][model], tolerances),
        "tolerances": tolerances,
        "metrics": _metrics(data, model),
        "sweeps": sweeps,
        "pictures": {
            view.sweep.exporter: _drawn(model, view.sweep.exporter, view.shown)
            for view in sweeps
            if view.shown
        },
        "contrasts": contrasts(data, model),
        "cards": cards(data, [model]),
        "left_out": left_out(data, model),
        "operator_rows": operators_of(data, model),
    }


def _drawn(model: str, exporter: str, shown: Shown) -> Markup:
    label = f"{model}, {exporter}, opset {shown.opset}: {shown.nodes} nodes"
    scene = shown.folded.scene
    return draw(scene, plan(scene), "left", label, exporter, {})


def operators_of(data: Data, model: str) -> list[OperatorRow]:
    """A row per operator, by name; only cells delivered at the requested opset count."""
    rows: dict[str, OperatorRow] = {}
    for sweep in data.sweeps_of(model):
        usable = {cell["requested"] for cell in sweep.export["cells"] if cell["outcome"] == "ok"}
        for cell in sweep.dump:
            if cell["requested"] not in usable or not cell["graph"]:
                continue
            for text, count in sweep.graphs[cell["graph"]]["operators"].items():
                name, _, version = text.rpartition("-")
                name, version = (name, version) if version.isdigit() and name else (text, "")
                domain, _, op = name.rpartition("::")
                found = rows.setdefault(name, OperatorRow(op, domain)).versions
                entries = found.setdefault(sweep.exporter, [])
                if entries and entries[-1][0] == version and entries[-1][2] == count:
                    entries[-1][1].append(cell["requested"])
                else:
                    entries.append((version, [cell["requested"]], count))
    return sorted(rows.values(), key=lambda row: (row.domain, row.op_type.lower()))


def merge(
    rows: Iterable[Row],
    lane: Sequence[str] = ("runtime", "output"),
    same: Sequence[str] = _MEASURES,
) -> list[Row]:
    """Rows of a table, with neighbouring opsets of equal content merged; a row gains `opsets`.

    Args:
        lane: the columns whose values say which rows are about the same thing; they sort the rows.
        same: the columns that must be equal.
    """
    merged: list[Row] = []
    lanes: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in lane)
        last = lanes.get(key)
        if last and all(last[name] == row[name] for name in same):
            last["opsets"].append(row["requested"])
            continue
        lanes[key] = {**row, "opsets": [row["requested"]]}
        merged.append(lanes[key])
    return sorted(merged, key=lambda row: (*(row[name] for name in lane), row["opsets"][0]))


def _metrics(data: Data, model: str) -> list[Row]:
    """The rows of the user's metrics, in the order of the configuration."""
    rows = data.rows("metrics", model)
    order = list(dict.fromkeys(row["metric"] for row in rows))
    exporters = data.spec["sweeps"][model]
    found = merge(rows, ("metric", "exporter", "runtime"), _METRIC)
    return sorted(
        found, key=lambda row: (order.index(row["metric"]), exporters.index(row["exporter"]))
    )


def _vain(data: Data, model: str) -> list[str]:
    """Metrics that have no value for torch's own outputs, so that nothing can be compared."""
    keys = ((model, row["exporter"], row["requested"]) for row in data.rows("cells", model))
    return list(
        dict.fromkeys(
            f"Your metric {each['metric']} has no value: {each['detail']}"
            for key in keys
            for verdict in data.verdicts_of.get(key, [])
            for each in verdict.get("metrics", [])
            if each["reference"] is None
        )
    )


def _opsets(data: Data, model: str) -> list[int]:
    asked = {cell["requested"] for cell in data.rows("cells", model)}
    return [opset for opset in columns(data) if opset in asked]


def _sweep(data: Data, sweep: Sweep) -> SweepView:
    steps = [
        StepView(
            step,
            [change for change in step["changes"] if not change["neutral"]],
            [change for change in step["changes"] if change["neutral"]],
        )
        for step in sweep.compare["steps"]
        if step["changes"]
    ]
    return SweepView(
        sweep=sweep,
        line=line(data, sweep.model, sweep.exporter, _opsets(data, sweep.model)),
        steps=steps,
        shown=_shown(data, sweep),
        graphs=_graphs(sweep),
        cells=_cells(data, sweep),
        ways=_ways(sweep),
        parity=merge(
            row
            for row in data.rows("parity", sweep.model, sweep.exporter)
            if row["verdict"] != "absent"
        ),
        messages=_messages(sweep),
    )


def _shown(data: Data, sweep: Sweep) -> Shown | None:
    """The recommended graph if it is this sweep's, else that of the last opset."""
    advice = data.rows("models", sweep.model)[0]
    wanted = advice["use_opset"] if advice["use_exporter"] == sweep.exporter else None
    cells = [cell for cell in sweep.dump if cell["graph"]]
    if not cells:
        return None
    cell = next((cell for cell in cells if cell["requested"] == wanted), cells[-1])
    graph = data.graph(sweep.model, str(cell["graph"]))["graph"]
    return Shown(cell["requested"], len(graph["nodes"]), fold(alone(graph), ()))


def _graphs(sweep: Sweep) -> list[Row]:
    """Distinct graphs in the order of their opsets."""
    opsets: dict[str, list[int]] = {}
    for cell in sweep.dump:
        if cell["graph"]:
            opsets.setdefault(cell["graph"], []).append(cell["requested"])
    return [{"graph": key, "opsets": found, **sweep.graphs[key]} for key, found in opsets.items()]


def _cells(data: Data, sweep: Sweep) -> list[Row]:
    """Rows of the cells table with the state and the files' names from the records."""
    recorded: dict[int, Cell] = {cell["requested"]: cell for cell in sweep.export["cells"]}
    dumped = {cell["requested"]: cell for cell in sweep.dump}
    places = onnx_places(data, sweep.model)
    rows = []
    for row in data.rows("cells", sweep.model, sweep.exporter):
        opset = row["requested"]
        cell, dump = recorded[opset], dumped.get(opset)
        graph = dump["graph"] if dump else None
        verdicts = data.verdicts_of.get((sweep.model, sweep.exporter, opset), [])
        rows.append(
            {
                **row,
                "file": cell["file"],
                "state": state(row, verdicts),
                "place": places.get((sweep.exporter, opset)),
                "links": graph_links(data, sweep.model, graph) if graph else [],
            }
        )
    return rows


def _ways(sweep: Sweep) -> dict[str, list[int]]:
    """The opsets of each way to make a cell other than the plain exporter."""
    found: dict[str, list[int]] = {}
    for cell in sweep.export["cells"]:
        if cell["way"] not in {"", "plain"}:
            found.setdefault(cell["way"], []).append(cell["requested"])
    return found


def _messages(sweep: Sweep) -> list[Row]:
    """What the exporter said, each text once, with its opsets."""
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for cell in sweep.export["cells"]:
        lines = sweep.export.get("lines", {})
        said = [
            (m["level"], m["source"], m["text"], with_nodes(m["place"], lines))
            for m in cell["messages"]
        ]
        if cell["traceback"]:
            said.append(("traceback", "", cell["traceback"], ""))
        for key in dict.fromkeys(said):
            found.setdefault(key, []).append(cell["requested"])
    return [
        {"level": level, "source": source, "text": text, "place": place, "opsets": opsets}
        for (level, source, text, place), opsets in found.items()
    ]
