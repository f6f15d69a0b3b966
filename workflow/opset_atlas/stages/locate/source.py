"""The line of the user's code that a blamed node was made from.

The file itself or a sibling tells: a version conversion loses what the torch.export exporter writes
into a node, and the TorchScript exporter writes nothing. Siblings are files of the same model: a
file of the same exporter has the node under the same name; any other has nodes of the same module,
which help if they all come from the same line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx

from opset_atlas.base import source_lines
from opset_atlas.base.files import read_json
from opset_atlas.graph.reading import scope_of
from opset_atlas.onnx_files import origins
from opset_atlas.records import BlamedNode, ExportRecord

_DEFAULT = ("", "ai.onnx")


def lines(path: Path, exports: Path, nodes: Sequence[BlamedNode]) -> str:
    """The lines of some nodes of a file, as `base.source_lines` lists them; "" if unknown.

    Args:
        path: the file; its folder is `{exporter}/cells` below `exports`.
        exports: the model's sweeps.
    """
    if not nodes:
        return ""
    kept = _kept(path, exports)
    own = [onnx.load(path, load_external_data=False), *_siblings(path, exports)]
    found = []
    for node in nodes:
        line = _in_file(own[0], node) or kept.get(node["name"]) or _by_name(own[1:], node)
        found.append(line or _by_scope(own[1:], node))
    return source_lines.listed(found)


def warnings(path: Path, exports: Path, source: str) -> list[str]:
    """What a tracer said about lines that `lines` returned."""
    messages = [
        m for record in _records(path, exports) for c in record["cells"] for m in c["messages"]
    ]
    return list(
        dict.fromkeys(
            message["text"]
            for message in messages
            if message["source"] == "TracerWarning"
            and any(source_lines.of_warning(message["place"], each) for each in source.split("; "))
        )
    )


def _kept(path: Path, exports: Path) -> dict[str, str]:
    """The lines of nodes that the record of the exporter has, or that of the one converted from."""
    return {
        name: line
        for record in reversed([*_records(path, exports)])
        for name, line in record.get("lines", {}).items()
    }


def _records(path: Path, exports: Path) -> Iterator[ExportRecord]:
    """The record of the exporter of a file, and those that it may have been converted from."""
    own = path.parents[1]
    for sweep in (own, *sorted(each for each in exports.iterdir() if each != own)):
        if (sweep / "record.json").is_file():
            yield read_json(sweep / "record.json", "export")


def _siblings(path: Path, exports: Path) -> Iterator[onnx.ModelProto]:
    """The newest file of each exporter, the same exporter first, as it most likely has lines."""
    own = path.parents[1].name
    for sweep in sorted(exports.iterdir(), key=lambda folder: (folder.name != own, folder.name)):
        for newest in sorted((sweep / "cells").glob("*.onnx"), reverse=True)[:1]:
            try:
                model = onnx.load(newest, load_external_data=False)
            except Exception:  # not a usable file
                continue
            if any(map(origins.line, model.graph.node)):
                yield model


def _in_file(model: onnx.ModelProto, node: BlamedNode) -> str:
    return origins.line(model.graph.node[node["index"]])


def _by_name(models: Sequence[onnx.ModelProto], node: BlamedNode) -> str:
    """The line of the same node in another file of the exporter."""
    for model in models:
        for other in model.graph.node:
            if node["name"] and other.name == node["name"] and _same_operator(other, node):
                return origins.line(other)
    return ""


def _by_scope(models: Sequence[onnx.ModelProto], node: BlamedNode) -> str:
    """The line that all of the module's nodes come from; those of the same operator first."""
    for model in models:
        inside = [other for other in model.graph.node if scope_of(other) == node["scope"]]
        alike = [other for other in inside if _same_operator(other, node)]
        found = {line for other in alike or inside if (line := origins.line(other))}
        if len(found) == 1:
            return found.pop()
    return ""


def _same_operator(node: onnx.NodeProto, blamed: BlamedNode) -> bool:
    return node.op_type == blamed["op"] and (
        node.domain == blamed["domain"] or {node.domain, blamed["domain"]} <= {*_DEFAULT}
    )
