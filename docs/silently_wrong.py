"""The table of docs/silently-wrong.md: `python docs/silently_wrong.py RESULTS`, after a run.

One row per model, exporter and finding, read from results/locate.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opset_atlas.findings.preference import as_ranges


def main(results: Path) -> None:
    """Print the rows as Markdown."""
    print("| model | exporter, opsets | to blame | whose fault |\n|---|---|---|---|")
    for path in sorted((results / "locate").glob("*/record.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        for found in record["located"]:
            nodes = ", ".join(f"`{node['text']}`" for node in found["nodes"][:6])
            more = ", …" if len(found["nodes"]) > 6 else ""
            fault = found["fault"]
            if found["right_at"]:
                fault += f": right under opset {found['right_at']}"
            elif found["idle"]:
                fault += ": more is to be done there"
            where = f"{found['exporter']} {as_ranges(found['requested'])}"
            print(f"| {record['model']} | {where} | {nodes}{more} | {fault} |")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
