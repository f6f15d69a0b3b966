"""Seconds and bytes from a clone to the first comparison of two files: `make bench-install`.

Nothing is in a cache: a clone of this repository in a new folder, with empty caches of uv and pip.
`uvx` is measured if it is installed. Prints the table of docs/figures.md; the seconds depend on the
network and on the index, the bytes on neither.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Of the one who measures: another copy of the package, and imports that are compiled every time.
_NOT_OF_A_USER = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
COMMAND = ("diff", "docs/examples/resize-11.onnx", "docs/examples/resize-13.onnx")


@dataclass(frozen=True)
class Cost:
    """Seconds of a command: on the clock, and of CPU in all its processes."""

    wall: float
    cpu: float


def main() -> None:
    """Measure, and print a row for each way."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        own, others = _downloaded(clone, folder / "downloads")
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
        print("| from a clone, nothing in a cache | first answer | of CPU | again | on disk |")
        print("|---|---|---|---|---|")
        if uvx := shutil.which("uvx"):
            cache = {"UV_CACHE_DIR": str(folder / "uv"), "UV_TOOL_DIR": str(folder / "tools")}
            command = [uvx, "--from", ".", "opset-atlas", *COMMAND]
            first = _cost(command, clone, cache)
            _cost(command, clone, cache)  # compiles what it imports
            again = _cost(command, clone, cache)
            _row("`uvx --from . opset-atlas diff …`", first, again, _bytes(folder / "uv"))
        _row("`pip install .`, then `opset-atlas diff …`", *_with_pip(clone, folder / "venv"))
    print(f"\nThe wheel has {own / 1e6:.1f} MB, and {others / 1e6:.0f} MB come with it.")


def _row(way: str, first: Cost, again: Cost, size: int) -> None:
    print(
        f"| {way} | {first.wall:.0f} s | {first.cpu:.0f} s | {again.wall:.1f} s"
        f" | {size / 1e6:.0f} MB |"
    )


def _downloaded(clone: Path, folder: Path) -> tuple[int, int]:
    """Bytes of the wheel of the clone, and of the wheels of all that it needs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--wheel-dir", folder, clone], check=True)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.whl")}
    (own,) = (size for name, size in sizes.items() if name.startswith("opset_atlas"))
    return own, sum(sizes.values()) - own


def _with_pip(clone: Path, venv: Path) -> tuple[Cost, Cost, int]:
    """What the first answer costs, and another one; and bytes that the packages take."""
    made = _cost([sys.executable, "-m", "venv", str(venv)], clone)
    (packages,) = venv.glob("lib/python3*/site-packages")
    before = _bytes(packages)
    pip = [str(venv / "bin/pip"), "--disable-pip-version-check", "--quiet", "install"]
    installed = _cost([*pip, "--no-cache-dir", "."], clone)
    command = [str(venv / "bin/opset-atlas"), *COMMAND]
    parts = [made, installed, _cost(command, clone)]
    first = Cost(sum(part.wall for part in parts), sum(part.cpu for part in parts))
    return first, _cost(command, clone), _bytes(packages) - before


def _cost(command: Sequence[str], folder: Path, environment: Mapping[str, str] = {}) -> Cost:
    """Run a command as a user would who set nothing but `environment`."""
    started, before = time.perf_counter(), _cpu()
    kept = {key: value for key, value in os.environ.items() if key not in _NOT_OF_A_USER}
    subprocess.run(
        command, cwd=folder, env=kept | dict(environment), check=True, stdout=subprocess.DEVNULL
    )
    return Cost(time.perf_counter() - started, _cpu() - before)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _bytes(folder: Path) -> int:
    """Bytes of the files below a folder; of those with several names, once."""
    found = {
        (state.st_dev, state.st_ino): state.st_size
        for path in folder.rglob("*")
        if path.is_file() and (state := path.lstat())
    }
    return sum(found.values())


if __name__ == "__main__":
    main()
