"""Tables as files: CSV for spreadsheets and people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from opset_atlas.base.files import write_text
from opset_atlas.base.messages import WHOLE, clean


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as `path`.csv and `path`.json, in this order of columns."""
    frame = pd.DataFrame(rows, columns=list(columns)).convert_dtypes()
    write_text(path.with_suffix(".csv"), frame.map(_inert).to_csv(index=False))
    write_text(path.with_suffix(".json"), frame.to_json(orient="records", indent=1) + "\n")


def _inert(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, made text; control characters removed."""
    if not isinstance(value, str):
        return value
    value = clean(value, limit=WHOLE)
    return f"'{value}" if value[:1] in {"=", "+", "@", "\t"} else value
