"""Seconds and bytes from a clone to the first comparison of two files: `make bench-install`.

Nothing is in a cache: a clone of this repository in a new folder, with empty caches of uv and pip.
`uvx` is measured if it is installed. Prints the table of docs/figures.md; the seconds depend on the
network and on the index, the bytes on neither.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Of the one who measures: another copy of the package, and imports that are compiled every time.
_NOT_OF_A_USER = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
COMMAND = ("diff", "docs/examples/resize-11.onnx", "docs/examples/resize-13.onnx")


def main() -> None:
    """Measure, and print a row for each way."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        own, others = _downloaded(clone, folder / "downloads")
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
        print("| from a clone, nothing in a cache | first answer | again | on disk |")
        print("|---|---|---|---|")
        if uvx := shutil.which("uvx"):
            cache = {"UV_CACHE_DIR": str(folder / "uv"), "UV_TOOL_DIR": str(folder / "tools")}
            command = [uvx, "--from", ".", "opset-atlas", *COMMAND]
            first, again = (_seconds(command, clone, cache) for _ in range(2))
            _row("`uvx --from . opset-atlas diff …`", first, again, _bytes(folder / "uv"))
        first, again, size = _with_pip(clone, folder / "venv")
        _row("`pip install .`, then `opset-atlas diff …`", first, again, size)
    print(f"\nThe wheel has {own / 1e6:.1f} MB, and {others / 1e6:.0f} MB come with it.")


def _row(way: str, first: float, again: float, size: int) -> None:
    print(f"| {way} | {first:.0f} s | {again:.1f} s | {size / 1e6:.0f} MB |")


def _downloaded(clone: Path, folder: Path) -> tuple[int, int]:
    """Bytes of the wheel of the clone, and of the wheels of all that it needs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--wheel-dir", folder, clone], check=True)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.whl")}
    (own,) = (size for name, size in sizes.items() if name.startswith("opset_atlas"))
    return own, sum(sizes.values()) - own


def _with_pip(clone: Path, venv: Path) -> tuple[float, float, int]:
    """Seconds to the first answer and of another one, and bytes that the packages take."""
    environment = {key: value for key, value in os.environ.items() if key not in _NOT_OF_A_USER}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    (packages,) = venv.glob("lib/python3*/site-packages")
    before = _bytes(packages)
    pip = [venv / "bin/pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--no-cache-dir", "."], cwd=clone, env=environment, check=True)
    command = [str(venv / "bin/opset-atlas"), *COMMAND]
    _seconds(command, clone, {})
    first = time.perf_counter() - started
    return first, _seconds(command, clone, {}), _bytes(packages) - before


def _seconds(command: Sequence[str], folder: Path, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    kept = {key: value for key, value in os.environ.items() if key not in _NOT_OF_A_USER}
    subprocess.run(
        command, cwd=folder, env=kept | environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


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
