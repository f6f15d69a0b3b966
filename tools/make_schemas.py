"""JSON schemas of the records, generated from the types in `opset_atlas.records`.

`python tools/make_schemas.py` writes `opset_atlas/schemas/records`; `--check` only compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opset_atlas import records
from pydantic import TypeAdapter

FOLDER = Path(__file__).parents[1] / "workflow" / "opset_atlas" / "schemas" / "records"
TYPES = {
    "define": records.DefineRecord,
    "export": records.ExportRecord,
    "dump": records.DumpRecord,
    "graph": records.GraphFile,
    "parity": records.ParityRecord,
    "judge": records.JudgeRecord,
    "locate": records.LocateRecord,
    "compare": records.CompareRecord,
    "audit": records.AuditRecord,
    "run": records.RunSettings,
    "diff": records.DiffReport,
    "check": records.CheckReport,
    "answer": records.Answer,
}


def schemas() -> dict[str, str]:
    """File name to content."""
    made = {}
    for name, record in TYPES.items():
        schema = TypeAdapter(record).json_schema()
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        made[f"{name}.schema.json"] = json.dumps({**head, **schema}, indent=1) + "\n"
    return made


def main() -> int:
    """Write the schemas, or compare them with `--check`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = [
        name
        for name, text in schemas().items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    if "--check" in sys.argv:
        print("\n".join(f"stale: {name}; run `make schemas`" for name in stale) or "up to date")
        return int(bool(stale))
    for name, text in schemas().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
