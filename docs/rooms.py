"""Lines of code by room of the package: the table in CONTRIBUTING.md. `make rooms` writes it.

python docs/rooms.py            print the table
python docs/rooms.py --write    put it into CONTRIBUTING.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workflow" / "opset_atlas"
PAGE = ROOT / "CONTRIBUTING.md"
# Folders beside the package, and which of their files count.
BESIDE = {
    "workflow/rules": "*.smk",
    "workflow/zoo": "*.py",
    "workflow/snakemake_logger_plugin_opset_atlas": "*.py",
    "tests": "*.py",
    "tools": "*.py",
    "docs": "*.py",
    "bench": "*.py",
}
_TABLE = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- /rooms -->)", re.DOTALL)


def main() -> None:
    """Print the table, or write it."""
    if "--write" in sys.argv:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_TABLE.sub(lambda _: table(), text), encoding="utf-8")
    else:
        print(table(), end="")


def table() -> str:
    """A row per room, the largest part of the package first; templates are counted separately."""
    stages = [path for path in (PACKAGE / "stages").iterdir() if not path.name.startswith("_")]
    rooms = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "stages"]
    rows = [_row(f"stages/{path.name}", path, "*.py") for path in sorted(stages)]
    rows += [_row(path.name, path, "*.py") for path in sorted(rooms) if any(path.rglob("*.py"))]
    rows += [_row(path.name, path, "*.py") for path in sorted(PACKAGE.glob("*.py"))]
    rows.append(_row("templates, style, scripts", PACKAGE / "stages/report/templates", "*.*"))
    package = sum(lines for _, _, lines in rows)
    rows.append(("**the package**", sum(files for _, files, _ in rows), package))
    rows += [_row(name, ROOT / name, pattern) for name, pattern in BESIDE.items()]
    body = [f"| {name} | {files} | {lines:,} |" for name, files, lines in rows if lines > 1]
    return "\n".join(["| room | files | lines |", "|---|---|---|", *body]) + "\n"


def _row(name: str, path: Path, pattern: str) -> tuple[str, int, int]:
    files = [path] if path.is_file() else sorted(path.rglob(pattern))
    files = [file for file in files if "__pycache__" not in file.parts]
    return name, len(files), sum(len(f.read_text(encoding="utf-8").splitlines()) for f in files)


if __name__ == "__main__":
    main()
