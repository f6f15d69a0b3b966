"""An ONNX file's external data and its opset, without onnx: needed at every Snakemake start.

Importing onnx takes 0.2 s. This takes no longer than reading the file once, and parses its messages
only if the file contains `location`. Field numbers are those of onnx.proto, as a test checks.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Per message type: the fields to follow, and their types.
_FIELDS: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        **{5: "TensorProto", 6: "GraphProto", 10: "TensorProto", 11: "GraphProto"},
        **{22: "SparseTensorProto", 23: "SparseTensorProto"},
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {13: "StringStringEntryProto"},
}
_KEY, _VALUE = 1, 2  # of a StringStringEntryProto
_OPSET_IMPORT, _DOMAIN, _VERSION = 8, 1, 2  # of a ModelProto, and of an OperatorSetIdProto
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def files(path: Path) -> list[str]:
    """The existing external data files of an ONNX file, relative to its folder, sorted.

    Files outside that folder are left out, as onnx would not read them either. A file that cannot
    be parsed has none; the stages report what is wrong with it.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as data:
            if data.find(b"location") < 0:
                return []
            found = set(_locations(data))
    except (OSError, ValueError, IndexError):
        return []
    return sorted(name for name in found if _inside(name) and (path.parent / name).is_file())


def default_opset(path: Path) -> int | None:
    """The opset of the default domain that a file imports; None where it says none."""
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as data:
            for number, start, end in _parts(data, 0, len(data)):
                if number == _OPSET_IMPORT:
                    domain = {n: data[a:b] for n, a, b in _parts(data, start, end)}.get(_DOMAIN)
                    if domain in (None, b"", b"ai.onnx"):
                        return _number(data, start, end, _VERSION)
    except (OSError, ValueError, IndexError):
        pass
    return None


def _number(data: mmap.mmap, at: int, end: int, wanted: int) -> int | None:
    """A field of a message that is a varint, the message having no other kinds than text."""
    found = None
    while at < end:
        tag, at = _varint(data, at)
        value, at = _varint(data, at)
        if tag & 7 == _BYTES:
            at += value
        elif tag >> 3 == wanted:
            found = value
    return found


def _inside(name: str) -> bool:
    parts = PurePosixPath(name)
    return bool(name) and not parts.is_absolute() and ".." not in parts.parts


def _locations(data: mmap.mmap) -> Iterator[str]:
    """The `location` of every tensor that is kept elsewhere.

    Raises:
        ValueError, IndexError: the bytes are not protobuf.
    """
    waiting = [("ModelProto", 0, len(data))]
    while waiting:
        message, start, end = waiting.pop()
        if message == "StringStringEntryProto":
            entry = {number: data[a:b] for number, a, b in _parts(data, start, end)}
            if entry.get(_KEY) == b"location":
                yield entry.get(_VALUE, b"").decode()
            continue
        follow = _FIELDS[message]
        waiting += [
            (follow[number], a, b) for number, a, b in _parts(data, start, end) if number in follow
        ]


def _parts(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of every length-delimited field of a message: text and messages."""
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _BYTES:
            size, at = _varint(data, at)
            if at + size > end:
                raise ValueError("a field is longer than its message")
            yield tag >> 3, at, at + size
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in (_EIGHT, _FOUR):
            at += 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A varint, and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
