"""What an ONNX file is, read from the file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import onnx
import onnx.helper
from google.protobuf.message import DecodeError
from typing_extensions import TypedDict

from opset_atlas.base import failures
from opset_atlas.base.files import file_sha256
from opset_atlas.base.messages import clean, paragraph, shorten, text_of
from opset_atlas.onnx_files import origins, tensors
from opset_atlas.records import Declared, DeclaredPort, FileFacts

# How onnx's checker names the node at fault, and the prefix of a message that needs no name.
_NODE = re.compile(r"(?:Bad node spec for node\. Name: |node name: |Node\()([^\s,)]+)")
_STATIC = re.compile(r"\[ShapeInferenceError\] (?:Inference error\(s\): )?")


def says_of_file(error: Exception) -> bool:
    """Whether an exception raised while reading a file is the file's fault, not this program's.

    Exceptions of the libraries that read it and our own ValueError are. Any other exception raised
    in our own code is a defect, and a lack of memory is the machine's.
    """
    if isinstance(error, MemoryError):
        return False
    return isinstance(error, DecodeError | ValueError) or not failures.is_ours(error)


def inspect(path: Path, apart: bool = False) -> dict[str, Any]:
    """Opset imports, IR version, sizes, hashes, declared inputs and outputs, the checker's fault.

    `fault` is None where the checker finds none.

    Args:
        apart: move large tensors into files (`onnx_files.tensors`) after reading the file as it is;
            `sha256` and `tensors` then describe the rewritten file. In both cases equal `sha256`
            means equal tensors, except for a file with external data that is not rewritten.

    Raises:
        Whatever onnx raises for a file that is not an ONNX model. An empty file, which `onnx.load`
        accepts, a model without a graph, and unreadable external data raise ValueError.
    """
    folder = path.parent
    delivered_sha256 = file_sha256(path)
    model = onnx.load(path, load_external_data=False)
    if not model.HasField("graph") or not model.opset_import:
        raise ValueError("no graph in it" if not model.HasField("graph") else "no opset in it")
    imports = {entry.domain: entry.version for entry in model.opset_import}
    fault = _fault(path, model)
    beside = tensors.files(model, folder)
    size = sum(each.stat().st_size for each in (path, *(folder / name for name in beside)))
    # Existing external data files are renamed by content too: the TorchScript exporter names them
    # after parameters, equally for each opset, so the ONNX file's hash would not identify them.
    apart = apart and (bool(beside) or tensors.large_bytes(model, folder) > tensors.TOGETHER)
    held = tensors.set_apart(model, folder, folder if apart else None)
    if apart:
        _replace(model, path, beside - held.keys())
    return {
        "delivered": imports.get("", imports.get("ai.onnx")),
        "imports": imports,
        "ir_version": model.ir_version,
        "size_bytes": size,
        "nodes": len(model.graph.node),
        "declared": declared(model.graph),
        "sha256": file_sha256(path) if apart else delivered_sha256,
        "tensors": held if apart else {},
        "beside": len(beside),
        "canonical_sha256": _canonical(model),
        "delivered_sha256": delivered_sha256,
        "fault": fault,
    }


def of_model(name: str, model: onnx.ModelProto) -> FileFacts:
    """What a loaded file says of itself."""
    imports = {"" if e.domain == "ai.onnx" else e.domain: e.version for e in model.opset_import}
    return {
        "name": name,
        "opset": imports.get(""),
        "imports": imports,
        "ir_version": model.ir_version,
        "producer": clean(f"{model.producer_name} {model.producer_version}", 100),
        "nodes": len(model.graph.node),
    }


def declared(graph: onnx.GraphProto) -> Declared:
    """What a graph declares of its inputs, except those with an initializer, and its outputs."""
    given = {tensor.name for tensor in graph.initializer}
    given.update(tensor.values.name for tensor in graph.sparse_initializer)
    return {
        "inputs": [_port(port) for port in graph.input if port.name not in given],
        "outputs": [_port(port) for port in graph.output],
    }


def _port(port: onnx.ValueInfoProto) -> DeclaredPort:
    tensor = port.type.tensor_type if port.type.HasField("tensor_type") else None
    shape = None
    if tensor is not None and tensor.HasField("shape"):
        shape = [_size(each) for each in tensor.shape.dim]
    dtype = _dtype(tensor.elem_type) if tensor is not None else ""
    return {"name": clean(port.name), "dtype": dtype, "shape": shape}


def _size(size: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """A negative number declares nothing: exporters write -1 for an unknown size."""
    if size.HasField("dim_value"):
        return size.dim_value if size.dim_value >= 0 else None
    return clean(size.dim_param) or None


def _dtype(element_type: int) -> str:
    """As `numerics.measure.dtype_name` spells it; "" for a type that this onnx does not know."""
    if element_type == onnx.TensorProto.STRING:
        return "string"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(element_type).name)
    except KeyError:
        return ""


def _replace(model: onnx.ModelProto, path: Path, unused: set[str]) -> None:
    """Replace the delivered file by one whose tensors are in separate files."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(model.SerializeToString())
    temporary.replace(path)
    for name in unused:
        (path.parent / name).unlink()


def canonical_sha256(path: Path) -> str:
    """Hash of a model without the parts that do not affect computing: metadata and doc strings.

    The torch.export exporter writes source paths and lines into `metadata_props`. Large tensors
    enter by their own hashes, so the hash does not depend on where they are stored, also beyond
    2 GiB.
    """
    model = onnx.load(path, load_external_data=False)
    tensors.set_apart(model, path.parent)
    return _canonical(model)


def _canonical(model: onnx.ModelProto) -> str:
    """The canonical hash of a model whose large tensors are in separate files."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    strip_notes(bare)
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def strip_notes(message: Any) -> None:
    """Remove doc strings and metadata from a protobuf message and everything in it."""
    for field, value in message.ListFields():
        if field.name in {"metadata_props", "doc_string"}:
            message.ClearField(field.name)
        elif field.message_type is not None and field.name != "raw_data":
            for item in value if field.is_repeated else [value]:
                strip_notes(item)


def fault(path: Path) -> str:
    """What onnx's checker finds wrong with a file, in one line; "" for nothing."""
    found = _fault(path, onnx.load(path, load_external_data=False))
    return found["text"] if found else ""


class Fault(TypedDict):
    """What is wrong with a file, in one line, and the line of the user's code concerned, or ""."""

    text: str
    source: str


def _fault(path: Path, model: onnx.ModelProto) -> Fault | None:
    """The error that onnx's checker, with strict shape inference, finds in the file."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except MemoryError:  # concerns this machine, not the file
        raise
    except Exception as error:
        text = clean(text_of(error))
        named = _NODE.search(text)
        told = paragraph(_STATIC.sub("", text))
        if named and named[1] not in told:
            told += f" (node {named[1]})"
        source = origins.of_name(model, named[1]) if named else ""
        return {"text": f"onnx.checker: {shorten(told)}", "source": source}
    return None
