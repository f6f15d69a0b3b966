"""What an ONNX file is, read from the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import onnx

from atlas.records import file_sha256
from atlas.text import clean


def inspect(path: Path) -> dict[str, Any]:
    """Opset imports, IR version, sizes, hashes, and the checker's fault ("" where it has none).

    Raises:
        Whatever onnx raises over a file that is no ONNX model. An empty file, which `onnx.load`
        accepts, and a model without a graph raise ValueError.
    """
    model = onnx.load(path)
    if not model.HasField("graph") or not model.opset_import:
        raise ValueError("no graph in it" if not model.HasField("graph") else "no opset in it")
    imports = {entry.domain: entry.version for entry in model.opset_import}
    return {
        "delivered": imports.get("", imports.get("ai.onnx")),
        "imports": imports,
        "ir_version": model.ir_version,
        "size_bytes": path.stat().st_size,
        "nodes": len(model.graph.node),
        "sha256": file_sha256(path),
        "canonical_sha256": canonical_sha256(model),
        "fault": _fault(path),
    }


def external_files(path: Path) -> set[str]:
    """Names of the files that hold tensors of a model; none where the file cannot be read."""
    import onnx_ir as ir  # seldom needed: only where there are such files

    try:
        model = ir.load(path)
    except Exception:  # a finding of `inspect` already
        return set()
    tensors = [
        value.const_value for graph in model.graphs() for value in graph.initializers.values()
    ]
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        tensors += [a.value for a in node.attributes.values() if a.type == ir.AttributeType.TENSOR]
    return {str(tensor.location) for tensor in tensors if isinstance(tensor, ir.ExternalTensor)}


def canonical_sha256(model: onnx.ModelProto) -> str:
    """Hash of a model without what does not take part in computing: metadata and doc strings.

    `metadata_props` of the torch.export exporter hold source paths and lines.
    """
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    _strip(bare)
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def _strip(message: Any) -> None:
    for field, value in message.ListFields():
        if field.name in {"metadata_props", "doc_string"}:
            message.ClearField(field.name)
        elif field.message_type is not None and field.name != "raw_data":
            for item in value if field.is_repeated else [value]:
                _strip(item)


def _fault(path: Path) -> str:
    """What onnx's checker, with strict shape inference, holds against the file."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:
        return f"onnx.checker: {clean(str(error), 600)}"
    return ""
