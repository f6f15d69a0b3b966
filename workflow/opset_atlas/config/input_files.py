"""Inputs from files: which files a pattern names, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from opset_atlas.config.references import callable_problem, file_problem
from opset_atlas.config.schema import KeyPath, show

# Formats that are read without a function of the user's.
FORMATS = (".npz", ".safetensors", ".pt", ".pth")


def patterns(inputs: Mapping[str, Any]) -> list[str]:
    """The key `files` as a list."""
    files = inputs["files"]
    return [files] if isinstance(files, str) else list(files)


def matching(pattern: str, root: Path) -> list[str]:
    """The files that a pattern names, in order, as paths from `root`; a folder names what is in it.

    Hidden files are left out. A pattern that is a file names that file, whatever is in its name.
    """
    path = root / pattern
    if path.is_file():
        return [pattern]
    if path.is_dir():
        pattern = str(PurePath(pattern) / "*")
    anchor = PurePath(pattern).anchor
    start = Path(anchor) if anchor else root
    try:
        found = start.glob(pattern.removeprefix(anchor))
        files = [each for each in found if each.is_file() and not each.name.startswith(".")]
    except (ValueError, NotImplementedError):
        return []
    below = [each.relative_to(root) if each.is_relative_to(root) else each for each in files]
    return sorted(map(str, below))


def expanded(inputs: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The same with every file in the order of the patterns, each once."""
    files = [name for pattern in patterns(inputs) for name in matching(pattern, root)]
    return {"files": list(dict.fromkeys(files)), "transform": inputs.get("transform")}


def for_onnx(inputs: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """What does not go with a model that is an ONNX file, whose inputs have names."""
    if inputs.get("transform"):
        yield ("transform",), "does not apply to a model that is an ONNX file; remove it"
    for pattern in patterns(inputs):
        if PurePath(pattern).suffix in (".pt", ".pth"):
            text = f"an ONNX file takes .npz or .safetensors, by name; got {show(pattern)}"
            yield ("files",), text


def problems(inputs: Mapping[str, Any], root: Path) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with files and transform, with the place of each."""
    transform = inputs.get("transform")
    listed = not isinstance(inputs["files"], str)
    for i, pattern in enumerate(patterns(inputs)):
        where: KeyPath = ("files", i) if listed else ("files",)
        names = matching(pattern, root)
        if not names:
            yield where, f"no such files: {show(pattern)}"
        for name in names:
            if not transform and PurePath(name).suffix not in FORMATS:
                text = f"expected files that end in {', '.join(FORMATS)}, or a `transform` that"
                yield where, f"{text} reads them; got {show(name)}"
                break
            if problem := file_problem(name, root, "file of inputs"):
                yield where, problem
    if transform and (problem := callable_problem(transform, root)):
        yield ("transform",), problem
