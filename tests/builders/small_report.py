"""A small handwritten tree of results, with one text wherever a model's own text may appear.

The tables come from the real stage, pictures and texts from the real functions.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from opset_atlas.base.files import read_json, write_json, write_text
from opset_atlas.drawing.picture import picture
from opset_atlas.graph.as_text import as_text
from opset_atlas.records import VERSION, Change, Graph, GraphFile
from opset_atlas.stages.report import stage as report
from opset_atlas.stages.tables import stage as tables

from builders import located_record

OPSETS = [11, 12, 13, 14]
SWEEPS = {"alpha": ["torchscript", "dynamo"], "broken": ["torchscript", "dynamo"]}
URL = "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html"
EXPLANATION = "Resize-11 requires `roi`; Resize-13 made it optional."
SHA = "ab" * 32


def build(folder: Path, text: str = "plain", url: str = URL) -> Path:
    """Write results below `folder` and the report from them; the folder of the report is returned.

    alpha: torchscript is right, its `roi` omitted from 13; dynamo is wrong at 11, moves 12 to 14,
    is refused at 13 and right at 14. broken: does not run.
    """
    results = folder / "results"
    _define(results, "alpha", "ok", "", text)
    _define(results, "broken", "failed", f"ValueError: {text}", text)
    _sweep(results, "alpha", "torchscript", ["ok"] * 4, text)
    _sweep(results, "alpha", "dynamo", ["ok", "moved", "refused", "ok"], text)
    for exporter in SWEEPS["broken"]:
        _sweep(results, "broken", exporter, ["no-model"] * 4, text)
    cells = [_verdict("torchscript", opset, "within-noise", text) for opset in OPSETS]
    cells += [
        _verdict("dynamo", 11, "mismatch", text),
        _verdict("dynamo", 12, "exact", text),
        _verdict("dynamo", 14, "exact", text),
    ]
    for model in SWEEPS:
        _graphs(results, model, text)
        _compare(results, model, text, url)
    located_record.write(results, "alpha", located_record.finding("dynamo", 11, text))
    located_record.write(results, "broken")
    judged = {"version": VERSION, "stage": "judge", "cells": cells}
    write_json(results / "judge" / "verdicts.json", judged)
    spec = json.dumps(
        {
            "sweeps": SWEEPS,
            "order": list(SWEEPS),
            "descriptions": {"alpha": text, "broken": ""},
            "versions": {"snakemake": "9.27.1"},
        }
    )
    shared = ["--spec", spec, "--results", str(results), "--output"]
    tables.main([*shared, str(results / "tables")])
    report.main([*shared, str(results / "report")])
    return results / "report"


def graph(roi: str, text: str) -> GraphFile:
    """One Resize whose `roi` is given as `roi` says; the scope of the node is `text`."""
    ports: list[Any] = [
        {"parameter": "X", "name": "input", "given": "input", "dtype": "float", "shape": [1, 3]},
        {"parameter": "roi", "name": "", "given": roi},
    ]
    nodes: Graph = {
        "name": text,
        "inputs": [{"parameter": "", "name": "input", "given": "input"}],
        "outputs": [{"parameter": "", "name": text, "given": "value"}],
        "nodes": [
            {
                "index": 0,
                "name": text,
                "op": "Resize",
                "domain": "",
                "since": 11 if roi == "empty" else 13,
                "scope": text,
                "inputs": ports,
                "outputs": [{"parameter": "Y", "name": text, "given": "value"}],
                "attributes": [],
                "subgraphs": {},
            }
        ],
    }
    return {"version": VERSION, "graph": nodes, "functions": []}


def _define(results: Path, model: str, outcome: str, detail: str, text: str) -> None:
    record = {
        "version": VERSION,
        "stage": "define",
        "model": model,
        "kind": "torch",
        "outcome": outcome,
        "detail": detail,
        "traceback": f"Traceback\n  {text}" if detail else "",
        "definition": text,
        "parameters": 84,
        "set_to_eval": [text],
        "least_precise": "float32",
        "seed": 0,
        "inputs": [{"name": text, "dtype": "float32", "shape": [1, 3]}],
        "outputs": [],
        "sets": [],
        "sources": [{"path": text, "sha256": SHA}],
        "weights_sha256": SHA,
        "inputs_sha256": SHA,
        "reference_sha256": SHA,
        "versions": {"torch": "2.13.0"},
    }
    write_json(results / "define" / model / "record.json", record)


def _sweep(results: Path, model: str, exporter: str, outcomes: list[str], text: str) -> None:
    cells = [_cell(opset, outcome, text) for opset, outcome in zip(OPSETS, outcomes, strict=True)]
    folder = results / "export" / model / exporter
    identity = {"version": VERSION, "model": model, "exporter": exporter}
    record = {**identity, "stage": "export", "versions": {"onnx": "1.23.2"}, "cells": cells}
    write_json(folder / "record.json", record)
    write_json(folder / "timing.json", {str(opset): 0.25 for opset in OPSETS})
    for cell in cells:
        if cell["file"]:
            write_text(folder / "cells" / cell["file"], "not read by these stages")


def _graphs(results: Path, model: str, text: str) -> None:
    folder = results / "dump" / model
    graphs = {}
    for key, roi in (("aaaa", "empty"), ("bbbb", "omitted")) if model == "alpha" else ():
        graphs[key] = _graph(folder / "graphs", key, graph(roi, text))
    exported = {
        exporter: read_json(results / "export" / model / exporter / "record.json", "export")
        for exporter in SWEEPS[model]
    }
    sweeps = {exporter: _dumped(record["cells"]) for exporter, record in exported.items()}
    record = {"version": VERSION, "stage": "dump", "model": model, "sweeps": sweeps}
    write_json(folder / "record.json", {**record, "graphs": graphs})


def _dumped(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "requested": cell["requested"],
            "graph": ("aaaa" if cell["requested"] < 13 else "bbbb") if cell["file"] else None,
            "imports": {"": cell["delivered"]} if cell["delivered"] else {},
            "detail": "",
        }
        for cell in cells
    ]


def _cell(opset: int, outcome: str, text: str) -> dict[str, Any]:
    filed = outcome in {"ok", "moved"}
    return {
        "requested": opset,
        "outcome": outcome,
        "detail": "" if outcome == "ok" else f"{outcome}: {text}",
        "source": "",
        "delivered": (14 if outcome == "moved" else opset) if filed else None,
        "imports": {},
        "ir_version": 8 if filed else None,
        "file": f"opset_{opset:02d}.onnx" if filed else None,
        "size_bytes": 1144 if filed else None,
        "nodes": 5 if filed else None,
        "declared": None,
        "sha256": SHA if filed else None,
        "tensors": {},
        "beside": 0,
        "delivered_sha256": SHA if filed else None,
        "canonical_sha256": SHA if filed else None,
        "messages": [{"level": "warning", "source": "log", "text": text, "place": "", "count": 1}],
        "traceback": f"Traceback\n  {text}" if outcome == "refused" else "",
        "fingerprint": "",
        "base": "",
        "way": "memoized" if filed else "",
    }


def _graph(folder: Path, key: str, file: GraphFile) -> dict[str, Any]:
    svg, notice = picture(file)
    write_json(folder / f"{key}.json", file)
    write_text(folder / f"{key}.txt", as_text(file))
    write_text(folder / f"{key}.svg", svg)
    return {
        "json": f"{key}.json",
        "text": f"{key}.txt",
        "picture": f"{key}.svg",
        "notice": notice,
        "nodes": 1,
        "aten": {"Resize": ["aten.upsample_bilinear2d"]},
        # The second is not an operator of ONNX, despite its name.
        "operators": {
            f"Resize-{file['graph']['nodes'][0]['since']}": 1,
            f"{file['graph']['name']}::Resize-13": 1,
        },
    }


def _compare(results: Path, model: str, text: str, url: str) -> None:
    sweeps = {exporter: _compared(model, exporter, text, url) for exporter in SWEEPS[model]}
    changes = [change for step in sweeps["dynamo"]["steps"] for change in step["changes"]]
    pair = {"left": "torchscript", "right": "dynamo", "opsets": [11, 14], "changes": changes}
    pairs = [{**pair, "left_graph": "aaaa", "right_graph": "bbbb"}] if changes else []
    record = {"version": VERSION, "stage": "compare", "model": model}
    write_json(
        results / "compare" / model / "record.json", {**record, "sweeps": sweeps, "pairs": pairs}
    )


def _compared(model: str, exporter: str, text: str, url: str) -> dict[str, Any]:
    if model == "broken":
        return {"steps": [], "ranges": []}
    first = 12 if exporter == "torchscript" else 11
    last = 13 if exporter == "torchscript" else 14
    change: Change = {
        "kind": "input",
        "op_type": "Resize",
        "domain": "",
        "parameter": "roi",
        "before": f"empty {text}",
        "after": "omitted",
        "neutral": True,
        "cause": "schema",
        "schema_class": "optionality",
        "from_version": 11,
        "to_version": 13,
        "explanation": f"{EXPLANATION} {text}",
        "numeric": False,
        "url": url,
        "places": [{"from_node": 0, "to_node": 0, "name": text, "scope": text}],
    }
    step = {
        "from_opset": first,
        "to_opset": last,
        "from_graph": "aaaa",
        "to_graph": "bbbb",
        "changes": [change],
    }
    ranges = [
        {"first": 11, "last": first, "graph": "aaaa"},
        {"first": last, "last": 14, "graph": "bbbb"},
    ]
    return {"steps": [step], "ranges": ranges}


def _verdict(exporter: str, opset: int, verdict: str, text: str) -> dict[str, Any]:
    output = {
        "output": text,
        "verdict": verdict,
        "set": "random-0",
        "detail": text,
        "max_abs": 2.4e-7,
        "max_rel": 1e-6,
        "n_torch": 1.5,
        "n_runtime": 40_000.0 if verdict == "mismatch" else 2.0,
    }
    return {
        "model": "alpha",
        "exporter": exporter,
        "requested": opset,
        "runtime": "onnxruntime",
        "verdict": verdict,
        "detail": text,
        "note": "",
        "outputs": [output],
    }
