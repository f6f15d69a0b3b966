"""Tables as files: CSV for spreadsheets and people, JSON for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from opset_atlas.base.files import write_text
from opset_atlas.base.messages import WHOLE, clean

# What spreadsheets take for the start of a formula; some also in its full-width form.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as `path`.csv and `path`.json, in this order of columns."""
    frame = pd.DataFrame(rows, columns=list(columns)).convert_dtypes()
    write_text(path.with_suffix(".csv"), frame.map(_inert).to_csv(index=False))
    write_text(path.with_suffix(".json"), frame.to_json(orient="records", indent=1) + "\n")


def _inert(value: Any) -> Any:
    """A text without control characters, and with an apostrophe if it would be a formula.

    A text that is a number is harmless and stays as it is.
    """
    if not isinstance(value, str):
        return value
    value = clean(value, limit=WHOLE)
    harmless = not _FORMULA.match(value) or _NUMBER.fullmatch(value)
    return value if harmless else f"'{value}"
