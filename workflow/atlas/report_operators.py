"""The operators of one model, by version: what its files hold at which opset, per exporter."""

from __future__ import annotations

from dataclasses import dataclass, field

from atlas.report_data import Data


@dataclass
class OperatorRow:
    """An operator; `versions` leads from an exporter to (version, opsets, nodes)."""

    op_type: str
    domain: str
    versions: dict[str, list[tuple[str, list[int], int]]] = field(default_factory=dict)


def operators_of(data: Data, model: str) -> list[OperatorRow]:
    """A row per operator, by name; only what was delivered as asked counts."""
    rows: dict[str, OperatorRow] = {}
    for sweep in data.sweeps_of(model):
        usable = {cell["requested"] for cell in sweep.export["cells"] if cell["outcome"] == "ok"}
        for cell in sweep.dump["cells"]:
            if cell["requested"] not in usable or not cell["graph"]:
                continue
            for text, count in sweep.dump["graphs"][cell["graph"]]["operators"].items():
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
