"""The matrix: one state per cell, with equal neighbours merged, as in browser support tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from opset_atlas.numerics.verdicts import RIGHT, UNPROVEN
from opset_atlas.records import CellVerdict
from opset_atlas.stages.report.data import Data, Row
from opset_atlas.stages.report.plot import worst


@dataclass(frozen=True)
class State:
    """The state of a cell. `symbol` and `text` express it without color; `tone` is the color."""

    key: str
    symbol: str
    text: str
    tone: str


@dataclass(frozen=True)
class Block:
    """Neighbouring cells of one sweep with the same state and the same graph.

    `state` is None if nothing was requested; `graph` identifies graphs that compare as equal. The
    other views of the matrix show the minimum and maximum of what `cells` and `parity` hold.
    """

    first: int
    last: int
    state: State | None
    graph: str | None
    cells: list[Row]
    parity: float | None = None
    width: int = 1

    def span(self, name: str) -> tuple[Any, Any] | None:
        """Minimum and maximum of a measure of the cells table; None if no cell has it."""
        values = [cell[name] for cell in self.cells if cell[name] is not None]
        return (min(values), max(values)) if values else None

    @property
    def tone(self) -> str:
        """The tone in the parity view: the worst error relative to what is allowed."""
        if self.parity is None or self.state is None:
            return "none"
        return "good" if self.parity <= 1 else "bad" if self.state.key == "wrong" else "fair"

    def heat(self, name: str, least: float | None) -> int:
        """From 0 for the model's minimum to 3 for more than twice that."""
        ends = self.span(name)
        if not ends or not least:
            return 0
        share = ends[1] / least
        return 0 if share <= 1.02 else 1 if share <= 1.25 else 2 if share <= 2 else 3


@dataclass(frozen=True)
class Line:
    """One sweep of the matrix."""

    model: str
    exporter: str
    blocks: list[Block]

    @property
    def states(self) -> list[str]:
        """Keys of the states that occur, for the filter."""
        return sorted({block.state.key for block in self.blocks if block.state})

    @property
    def at(self) -> str:
        """The state at each opset, for the filter: `wrong:9-12 agrees:13-20`."""
        return " ".join(
            f"{block.state.key}:{block.first}-{block.last}" for block in self.blocks if block.state
        )

    @property
    def words(self) -> str:
        """The same for people: `9–12 wrong; 13–20 agrees`. Blocks of one state are joined."""
        found: list[tuple[str, int, int]] = []
        for block in self.blocks:
            text = block.state.text if block.state else "not asked for"
            if found and found[-1][0] == text:
                found[-1] = text, found[-1][1], block.last
            else:
                found.append((text, block.first, block.last))
        return "; ".join(
            f"{first if first == last else f'{first}–{last}'} {text}" for text, first, last in found
        )


AGREES = State("agrees", "✓", "agrees", "good")
RUNS_NOWHERE = State("runs-nowhere", "✗", "runs nowhere", "bad")
UNMEASURED = State("unmeasured", "?", "not measured", "none")

# If the exporter left nothing to measure, its outcome alone decides.
_OUTCOMES = {
    "refused": State("refused", "–", "refused", "none"),
    "no-model": State("no-model", "∅", "model fails", "none"),
    "unsupported": State("unsupported", "∅", "unsupported", "none"),
    "invalid": State("invalid", "!", "invalid", "bad"),
    "crashed": State("crashed", "✗", "crashed", "bad"),
    "timeout": State("timeout", "✗", "timeout", "bad"),
    "internal-error": State("internal-error", "⚠", "opset-atlas failed", "none"),
}

# In the order of the legend: key, symbol, tone, what it means.
LEGEND = (
    ("agrees", "✓", "good", "every runtime computes what torch computes, to within float noise"),
    ("unproven", "≈", "fair", "neither proven wrong nor proven right"),
    ("partly", "◐", "fair", "some runtimes run it, others do not"),
    ("moved", "→", "warn", "the exporter returned normally, with another opset than asked for"),
    ("wrong", "≠", "bad", "runs without an error and computes something else"),
    ("fixed-size", "≠", "bad", "right at the traced size, wrong or failing at others"),
    ("metric-moved", "≠", "bad", "right element by element, yet a metric of yours moves"),
    (
        "misdeclared",
        "≠",
        "fair",
        "right, yet the file declares other shapes or types",
    ),
    ("invalid", "!", "bad", "the exporter reported success; the file is not valid"),
    ("runs-nowhere", "✗", "bad", "valid, yet no runtime runs it"),
    ("crashed", "✗", "bad", "the exporter's process died"),
    ("timeout", "✗", "bad", "the exporter did not finish in time"),
    ("refused", "–", "none", "the exporter refused, with a reason"),
    ("random", "~", "none", "the model’s own output changes from run to run"),
    ("no-model", "∅", "none", "the model itself does not run"),
    ("unsupported", "∅", "none", "opset-atlas cannot handle the model"),
    ("internal-error", "⚠", "none", "opset-atlas itself failed; no finding about the exporter"),
    ("unmeasured", "?", "none", "not run in any runtime"),
)


def columns(data: Data) -> list[int]:
    """Every opset requested in some sweep."""
    return sorted({cell["requested"] for cell in data.tables["cells"]})


def line(data: Data, model: str, exporter: str, opsets: Sequence[int]) -> Line:
    """The cells of a sweep as blocks that cover `opsets` from left to right."""
    cells = {row["requested"]: row for row in data.rows("cells", model, exporter)}
    graphs = {
        opset: part["graph"]
        for part in data.rows("ranges", model, exporter)
        for opset in range(part["first"], part["last"] + 1)
    }
    parity: dict[int, list[Row]] = {}
    for row in data.rows("parity", model, exporter):
        parity.setdefault(row["requested"], []).append(row)
    tolerances = data.tolerances(model)
    blocks: list[Block] = []
    for opset in opsets:
        cell = cells.get(opset)
        verdicts = data.verdicts_of.get((model, exporter, opset), [])
        now = state(cell, verdicts) if cell else None
        graph = graphs.get(opset) if cell and cell["outcome"] == "ok" else None
        share = worst(parity.get(opset, ()), tolerances)
        own = [cell] if cell else []
        if blocks and (blocks[-1].state, blocks[-1].graph) == (now, graph):
            before = blocks.pop()
            shares = [each for each in (before.parity, share) if each is not None]
            blocks.append(
                Block(
                    before.first,
                    opset,
                    now,
                    graph,
                    before.cells + own,
                    max(shares, default=None),
                    before.width + 1,
                )
            )
        else:
            blocks.append(Block(opset, opset, now, graph, own, share))
    return Line(model, exporter, blocks)


def least(data: Data, model: str, name: str) -> float | None:
    """The minimum of a measure over all files of a model, to which the others are compared."""
    values = [row[name] for row in data.rows("cells", model) if row[name]]
    return min(values, default=None)


def state(cell: dict[str, Any], verdicts: Iterable[CellVerdict]) -> State:
    """The state of a cell: a wrong result outweighs a wrong opset."""
    if cell["outcome"] in _OUTCOMES:
        return _OUTCOMES[cell["outcome"]]
    found = {verdict["verdict"] for verdict in verdicts} - {"absent", "unavailable"}
    moved = cell["outcome"] == "moved"
    if "mismatch" in found:
        text = f"wrong, as {cell['delivered']}" if moved else "wrong"
        return State("wrong", "≠", text, "bad")
    if "fixed-size" in found:
        text = f"one size, as {cell['delivered']}" if moved else "one size"
        return State("fixed-size", "≠", text, "bad")
    if "random" in found:
        return State(
            "random", "~", f"random, as {cell['delivered']}" if moved else "random", "none"
        )
    if "metric-moved" in found:
        text = f"metric moves, as {cell['delivered']}" if moved else "metric moves"
        return State("metric-moved", "≠", text, "bad")
    if "misdeclared" in found:
        text = f"misdeclared, as {cell['delivered']}" if moved else "misdeclared"
        return State("misdeclared", "≠", text, "fair")
    ran = found & (RIGHT | UNPROVEN)
    if found and not ran:
        return RUNS_NOWHERE
    if moved:
        return State("moved", "→", f"is {cell['delivered']}", "warn")
    if not found:
        return UNMEASURED
    if found - ran:
        return State("partly", "◐", "partly runs", "fair")
    unproven = sorted(found & UNPROVEN)
    if unproven:
        return State("unproven", "≈", unproven[0].replace("-", " "), "fair")
    return AGREES
