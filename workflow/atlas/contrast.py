"""Stage 5b, per model: what differs between exporters at one opset, and why.

reads   results/dump/{model}/{exporter} and the export records, of every exporter of a model
writes  record.json: per pair of exporters the opsets with their changes; equal pairs of graphs are
        compared once

Between two exporters the operators' schemas are the same, so what differs is their choice, or a
mistake of one of them, which parity tells.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from atlas.causes import Situation
from atlas.changes import compare, read_graph, usable_graphs
from atlas.records import VERSION, Contrast, ContrastRecord, write_json


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m atlas.contrast", description=__doc__)
    parser.add_argument("--model", required=True, help="the model's id")
    parser.add_argument("--dump", type=Path, required=True, help="folder of the model's dumps")
    parser.add_argument("--export", type=Path, required=True, help="folder of the model's exports")
    parser.add_argument("--exporters", nargs="+", required=True, help="names, in their order")
    parser.add_argument("--output", type=Path, required=True, help="record to write")
    options = parser.parse_args(arguments)
    pairs = contrasts(options.dump, options.export, options.exporters)
    record: ContrastRecord = {
        "version": VERSION,
        "stage": "contrast",
        "model": options.model,
        "pairs": list(pairs),
    }
    write_json(options.output, record)


def contrasts(dump: Path, export: Path, exporters: Sequence[str]) -> Iterator[Contrast]:
    """Every pair of exporters over the opsets that both delivered as asked."""
    graphs = {name: usable_graphs(dump / name, export / name) for name in exporters}
    for left, right in combinations(exporters, 2):
        opsets: dict[tuple[str, str], list[int]] = {}
        for opset in sorted(graphs[left].keys() & graphs[right].keys()):
            opsets.setdefault((graphs[left][opset], graphs[right][opset]), []).append(opset)
        for (one, other), shared in opsets.items():
            situation = Situation(shared[0], shared[0], left, right)
            files = read_graph(dump / left, one), read_graph(dump / right, other)
            yield {
                "left": left,
                "right": right,
                "opsets": shared,
                "left_graph": one,
                "right_graph": other,
                "changes": compare(*files, situation) if one != other else [],
            }


if __name__ == "__main__":
    main()
