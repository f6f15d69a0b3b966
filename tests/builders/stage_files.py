"""Stages run directly in a folder, with real files and the specifications of the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnx.parser
from opset_atlas import exporters
from opset_atlas.base.files import write_json
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.graph.reading import read
from opset_atlas.records import DefineRecord, ExportRecord, GraphFile
from opset_atlas.stages import define, export

X = {"name": "x", "shape": [2, 3]}
# A graph with two branches, one of which reads a value and a weight of the graph around it.
IF = """g (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
    h = Relu(x)
    y = If (c) <
        then_branch = t () => (float[2] a) {
            k = Constant<value = float[2] {5.0, 6.0}>()
            s = Add(h, k)
            a = Mul(s, w)
        },
        else_branch = e () => (float[2] b) { b = Neg(x) }
    >
}"""


def settings(root: Path, model: dict[str, Any], **top: Any) -> config.Settings:
    """A configuration with the one model `m`, checked and completed."""
    plain = {"models": {"m": model}, "input_sets": ["random-0"], "opsets": [13], **top}
    return config.resolve(plain, root)


def run_define(
    root: Path, model: dict[str, Any], folder: str = "results/define/m", **top: Any
) -> DefineRecord:
    """The define stage for a model; its record is written and returned."""
    spec = Specs(settings(root, model, **top)).job("define", model="m")
    record = define.define(spec, root / folder)
    write_json(root / folder / "record.json", record)
    return record


def run_export(
    root: Path, model: dict[str, Any], exporter: str, code: str = "", **top: Any
) -> ExportRecord:
    """The export stage for a model that `run_define` defined; a conversion needs its base."""
    made = settings(root, model, exporters=[exporter], **top)
    sweeps = root / "results/export/m"
    converts = exporter == "converter" and made.models["m"].kind == "torch"
    job = exporters.Job(
        Specs(made).job("export", model="m", exporter=exporter),
        root / "results/define/m",
        sweeps / made.converter["exporter"] if converts else None,
    )
    return export.sweep(job, sweeps / exporter, code)


def parse(text: str, opset: int, ir_version: int = 8, extra: str = "") -> onnx.ModelProto:
    """A model from ONNX's textual syntax: `text` is the graph, and functions if there are any."""
    domains = f'"" : {opset}{extra}'
    return onnx.parser.parse_model(f"<ir_version: {ir_version}, opset_import: [{domains}]>\n{text}")


def graph(model: onnx.ModelProto, folder: Path, name: str = "m.onnx") -> GraphFile:
    """The dump stage's result for a model that was saved to a file."""
    onnx.save(model, folder / name)
    return read(folder / name)[0]
