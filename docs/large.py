"""Time, memory and disk of a finished run, relative to each model's weights, as Markdown tables.

python docs/large.py [RESULTS]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

STAGES = ("define", "export", "parity", "dump", "compare", "locate", "audit")


def main(results: Path) -> None:
    """Print both tables."""
    print("| job | weights, MB | seconds | CPU seconds | peak, MB |\n|---|---|---|---|---|")
    for log in sorted((results / "logs").rglob("*.log")):
        name = log.relative_to(results / "logs").with_suffix("")
        last = log.read_text(encoding="utf-8").splitlines()[-1:]
        if name.parts[0] in STAGES and last and last[0].startswith("usage "):
            usage = json.loads(last[0].removeprefix("usage "))
            weights = size(results / "define" / name.parts[1] / "weights.safetensors")
            took = f"{usage['seconds']:.1f} | {usage['cpu_seconds']:.1f} | {usage['peak_mb']}"
            print(f"| {name} | {weights / 1e6:.0f} | {took} |")
    print("\n| folder | MB | times the weights |\n|---|---|---|")
    for folder in sorted(folders(results)):
        weights = size(results / "define" / folder.parts[1] / "weights.safetensors")
        if weights:  # a model that does not run has none
            bytes_ = size(results / folder)
            print(f"| {folder} | {bytes_ / 1e6:.1f} | {bytes_ / weights:.3f} |")


def folders(results: Path) -> Iterator[Path]:
    """For every model, the size of each stage and of each of its sweeps."""
    for model in (results / "define").iterdir():
        yield from (Path(stage, model.name) for stage in STAGES if (results / stage).is_dir())
        yield from (
            path.relative_to(results) for path in (results / "export" / model.name).iterdir()
        )


def size(path: Path) -> int:
    """Bytes in a file, or in all files below a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["results"]))
