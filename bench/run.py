"""The workflow beside the loops that a user would write, in turn, as whole processes: `make bench`.

    python bench/run.py --config config/config.yaml --repeat 3

Every run starts from nothing, in a folder of its own. Beside the times: how long nothing to do, one
more opset, a touched model, another tolerance and another template take, as parts of the cold run.
Ratios are of runs that follow each other, since the speed of a shared machine drifts.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles", "bench")


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--without-straight", action="store_true", help="it takes the longest")
    options = parser.parse_args()
    ways: dict[str, Callable[[Path], float]] = {
        "workflow": lambda folder: _workflow(folder, options.cores),
        "accelerated loop": lambda folder: _loop(folder, "--accelerated"),
    }
    if not options.without_straight:
        ways["straight loop"] = lambda folder: _loop(folder)
    times: dict[str, list[float]] = {name: [] for name in ways}
    changes: dict[str, list[float]] = {name: [] for name in CHANGES}
    for number in range(options.repeat):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as place:
                folder = _copy(Path(place), ROOT / options.config)
                times[name].append(way(folder))
                _say(f"{number + 1}/{options.repeat} {name}: {times[name][-1]:.1f} s")
                if name == "workflow":
                    for change, make in CHANGES.items():
                        make(folder)
                        changes[change].append(_workflow(folder, options.cores))
                        _say(f"{number + 1}/{options.repeat} {change}: {changes[change][-1]:.1f} s")
    print(f"{options.config}, {options.cores} cores, {_machine()}\n")
    _table(times, changes)


def _copy(place: Path, config: Path) -> Path:
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, place / part)
    shutil.copy2(config, place / "config/config.yaml")
    return place


def _workflow(folder: Path, cores: int) -> float:
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    return _timed(command, folder)


def _loop(folder: Path, *options: str) -> float:
    (folder / "loop").mkdir()
    command = [sys.executable, "bench/loop.py", "config/config.yaml", "loop", *options]
    return _timed(command, folder)


def _timed(command: list[str], folder: Path) -> float:
    """Wall seconds of a whole process, from start to end."""
    own = {**os.environ, "PYTHONPATH": str(folder / "workflow"), "PYTHONHASHSEED": "0"}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - started


def _edit(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = folder / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def _touch_model(folder: Path) -> None:
    path = folder / "workflow/zoo/simple_model.py"
    path.write_text(path.read_text() + "# changed\n")


def _touch_template(folder: Path) -> None:
    path = folder / "workflow/report/index.html.j2"
    path.write_text(path.read_text() + "\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing to do": lambda folder: None,
    "one more opset": lambda folder: _edit(folder, lambda c: c["opsets"].append(21)),  # type: ignore[attr-defined]
    "one model's source": _touch_model,
    "another tolerance": lambda folder: _edit(
        folder, lambda c: c.update(tolerances={"noise_factor": 9})
    ),
    "another template": _touch_template,
}


def _machine() -> str:
    return f"{platform.machine()}, Python {platform.python_version()}"


def _table(times: dict[str, list[float]], changes: dict[str, list[float]]) -> None:
    print("| run | seconds: median (least to most) | workflow ÷ this: median (least to most) |")
    print("|---|---|---|")
    for name, found in times.items():
        ratios = [a / b for a, b in zip(times["workflow"], found, strict=True)]
        print(f"| {name} | {_spread(found)} | {'' if name == 'workflow' else _spread(ratios)} |")
    print("\n| then | seconds | part of the cold run |\n|---|---|---|")
    for name, found in changes.items():
        ratios = [a / b for a, b in zip(found, times["workflow"], strict=True)]
        print(f"| {name} | {_spread(found)} | {_spread(ratios)} |")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
