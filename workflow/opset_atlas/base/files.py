"""Files that stages read and write: JSON records, written whole or not at all, and hashes.

The types of the records are in `records`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from opset_atlas.records import VERSION


def canonical_json(value: Any) -> str:
    """`value` as JSON whose bytes depend only on the content."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, independent of key order."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write under another name, then rename, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write a record: keys in the given order, one line per leaf (or one in all), no NaN.

    Args:
        indent: as for `json.dumps`; None writes everything on one line.
    """
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def json_argument(text: str) -> Any:
    """Parse a JSON argument of a command line; `@FILE` stands for the content of a file."""
    return json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)


def read_json(path: Path, stage: str = "") -> Any:
    """Read a record.

    Raises:
        ValueError: it belongs to another stage, or has a version that this code does not know.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    if stage and (value.get("stage"), value.get("version")) != (stage, VERSION):
        raise ValueError(
            f"{path}: expected a record of stage {stage!r}, version {VERSION}; "
            f"found {value.get('stage')!r}, version {value.get('version')!r}"
        )
    return value
