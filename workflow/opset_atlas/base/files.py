"""Files that stages read and write: records in JSON, whole or not at all, and hashes.

What stands in a record is typed in `records`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from opset_atlas.records import VERSION


def canonical_json(value: Any) -> str:
    """`value` as JSON whose bytes depend on the content alone."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, independent of key order."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write under another name and replace, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write a record: keys in the order given, one line per leaf or (None) in all, no NaN."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def json_argument(text: str) -> Any:
    """JSON of a command line, where `@FILE` stands for what is in a file."""
    return json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)


def read_json(path: Path, stage: str = "") -> Any:
    """Read a record.

    Raises:
        ValueError: it is of another stage, or of a version that this code does not know.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    if stage and (value.get("stage"), value.get("version")) != (stage, VERSION):
        raise ValueError(
            f"{path}: expected a record of stage {stage!r}, version {VERSION}; "
            f"found {value.get('stage')!r}, version {value.get('version')!r}"
        )
    return value
