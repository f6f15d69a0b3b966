"""Large tensors of ONNX files, stored once per folder under the hash of their content.

A sweep's files hold the same weights at nearly every opset. So where the large tensors of a file
exceed a total size, each is stored as external data in `{sha256}.bin` next to the file
(https://github.com/onnx/onnx/blob/main/docs/ExternalData.md), and the folder's files share it.
Sharing is limited to one folder: onnx and its runtimes refuse locations outside the file's own
folder, and hard links and symbolic links too.

A tensor is held in memory at most once here, and one that is in a separate file not at all.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import onnx
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

LARGE = 1024  # bytes from which a tensor may get its own file; as in onnx.save_model
TOGETHER = 16 << 20  # total bytes of such tensors beyond which they do; else the file is unchanged

ABSENT = "absent"  # the location of external data that cannot be read

_CHUNK = 1 << 22


def all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All tensors of a model: initializers and attributes, including subgraphs and functions."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _of_graph(graph)


def files(model: onnx.ModelProto, folder: Path) -> set[str]:
    """Names of the external data files of a model whose own file is in `folder`.

    Raises:
        ValueError: one is outside the folder, missing, or too short.
    """
    places = [
        Place.of(tensor, folder) for tensor in all_tensors(model) if uses_external_data(tensor)
    ]
    return {place.path.relative_to(folder).as_posix() for place in places}


def large_bytes(model: onnx.ModelProto, folder: Path) -> int:
    """Total bytes of the tensors that may get their own files."""
    sizes = (_size(tensor, folder) for tensor in all_tensors(model))
    return sum(size for size in sizes if size >= LARGE)


def set_apart(
    model: onnx.ModelProto, folder: Path, store: Path | None = None, lenient: bool = False
) -> dict[str, str]:
    """Make every large tensor a reference to a file, and every other tensor part of the model.

    The model is then as small as its graph, and the same wherever its tensors were stored before.

    Args:
        folder: where the model's external data are now.
        store: the folder to write missing files into; None writes none.
        lenient: let external data that cannot be read be `ABSENT`.

    Returns:
        SHA-256 of the files by their names.
    """
    found: dict[str, str] = {}
    for tensor in all_tensors(model):
        if tensor.data_location == onnx.TensorProto.DEFAULT:
            tensor.ClearField("data_location")  # the default means the same, written or not
        if lenient and _unreadable(tensor, folder):
            _refer(tensor, ABSENT, 0)
            continue
        if _size(tensor, folder) >= LARGE:
            name, digest = _put(tensor, folder, store)
            found[name] = digest
        elif uses_external_data(tensor):
            data = Place.of(tensor, folder).read()
            tensor.ClearField("data_location")
            del tensor.external_data[:]
            tensor.raw_data = data
    return dict(sorted(found.items()))


def sha256_of(name: str) -> str:
    """Hash of the content of a file that `set_apart` named."""
    return name.removesuffix(".bin")


def load(path: Path, store: Path) -> onnx.ModelProto:
    """A file's model; if its large tensors exceed a total size, they are in `store` as references.

    Saved in `store`, the model finds all its tensors again.
    """
    model = onnx.load(path, load_external_data=False)
    if large_bytes(model, path.parent) <= TOGETHER:
        return onnx.load(path)
    set_apart(model, path.parent, store)
    return onnx.ModelProto.FromString(model.SerializeToString())  # protobuf frees nothing before


@dataclass(frozen=True)
class Place:
    """Where the data of a tensor are outside its model."""

    path: Path
    offset: int
    length: int

    @classmethod
    def of(cls, tensor: onnx.TensorProto, folder: Path) -> Place:
        """The place of a tensor's external data; ValueError where they cannot be read."""
        info = ExternalDataInfo(tensor)
        path, offset = folder / info.location, info.offset or 0
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"tensor {tensor.name!r} lies outside the file's folder")
        if not path.is_file():
            raise ValueError(f"tensor {tensor.name!r}: there is no file {info.location}")
        size = path.stat().st_size
        length = size - offset if info.length is None else info.length
        if length < 0 or offset + length > size:
            raise ValueError(f"tensor {tensor.name!r} ends beyond its file {info.location}")
        return cls(path, offset, length)

    def read(self) -> bytes:
        """The data."""
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(self.length)

    def sha256(self) -> str:
        """Hash of the data; computed once per process for files that do not change."""
        stat = self.path.stat()
        return _sha256(self, (stat.st_ino, stat.st_size, stat.st_mtime_ns))

    def copy(self, target: BinaryIO) -> None:
        """Write the data to a file, sharing blocks where the file system can."""
        with self.path.open("rb") as stream:
            at, end = self.offset, self.offset + self.length
            while at < end:
                at += _copy_range(stream, target, at, end - at)


def _copy_range(source: BinaryIO, target: BinaryIO, at: int, length: int) -> int:
    """Copy at least one and at most `length` bytes; returns how many."""
    try:
        copied = os.copy_file_range(source.fileno(), target.fileno(), length, offset_src=at)
    except (AttributeError, OSError):  # not available on this system or between these file systems
        source.seek(at)
        copied = target.write(source.read(min(length, _CHUNK)))
        target.flush()
    if not copied:
        raise OSError(f"{source.name} ended while it was copied")
    return copied


@functools.lru_cache(maxsize=1 << 16)
def _sha256(place: Place, state: tuple[int, ...]) -> str:
    found = hashlib.sha256()
    with place.path.open("rb") as stream:
        stream.seek(place.offset)
        left = place.length
        while left:
            chunk = stream.read(min(left, _CHUNK))
            if not chunk:
                raise OSError(f"{place.path} ended while it was read")
            found.update(chunk)
            left -= len(chunk)
    return found.hexdigest()


def _size(tensor: onnx.TensorProto, folder: Path) -> int:
    """Size of a tensor's data in bytes, unless they are stored in typed fields."""
    if uses_external_data(tensor):
        return Place.of(tensor, folder).length
    return len(tensor.raw_data)


def _put(tensor: onnx.TensorProto, folder: Path, store: Path | None) -> tuple[str, str]:
    """Make a tensor a reference; returns the name of its file and the hash of its content."""
    place = Place.of(tensor, folder) if uses_external_data(tensor) else None
    data = b"" if place else tensor.raw_data
    digest = place.sha256() if place else hashlib.sha256(data).hexdigest()
    length = place.length if place else len(data)
    name = f"{digest}.bin"
    if store and not (store / name).exists():
        store.mkdir(parents=True, exist_ok=True)
        temporary = store / f".{name}.{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as stream:
                place.copy(stream) if place else stream.write(data)
            temporary.replace(store / name)
        finally:
            temporary.unlink(missing_ok=True)
    tensor.ClearField("raw_data")
    _refer(tensor, name, length)
    return name, digest


def _refer(tensor: onnx.TensorProto, name: str, length: int) -> None:
    """Make a tensor a reference to a file."""
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in (("location", name), ("offset", 0), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))


def _unreadable(tensor: onnx.TensorProto, folder: Path) -> bool:
    if uses_external_data(tensor):
        try:
            Place.of(tensor, folder)
        except ValueError:
            return True
    return False
