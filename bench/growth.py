"""How the workflow scales with the number of models: `make bench-growth`.

    python bench/growth.py --run 10 100 --copy 1000 --graph 10 100 1000 10000 --output growth.jsonl
    python bench/growth.py --table growth.jsonl

All models are the same operator (workflow/zoo/leaky_relu.py) on different shapes, with two
exporters and two opsets, so that the cost of jobs is measured and not the cost of models.

*run*: a real run from an empty folder. *graph*: Snakemake only builds the graph of jobs
(`--rulegraph`). *copy*: simulated; the models of the largest real run are copied repeatedly under
other names, with their records and Snakemake's metadata, and only the stages of the whole run
(judge, tables, report) are really run. After a run and after a copy: *nothing to do*.

Wall seconds, CPU seconds and peak memory are those of the Snakemake process itself, without its
jobs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "envs", "profiles")
EXPORTERS, OPSETS = ["torchscript", "dynamo"], [13, 18]
NAME = re.compile(r"leaky_\d{5}")
# A quantity of the table: its heading, unit and divisor.
COLUMNS = {
    "jobs": ("jobs", "", 1),
    "graph_cpu": ("graph of jobs", " s", 1),
    "graph_mb": ("memory for it", " MB", 1),
    "noop_cpu": ("nothing to do", " s", 1),
    "noop_mb": ("memory for it", " MB", 1),
    "run_seconds": ("run", " s", 1),
    "results_bytes": ("results", " MB", 1e6),
    "results_files": ("files", "", 1),
    "metadata_bytes": (".snakemake", " MB", 1e6),
    "tables_cpu": ("tables", " s", 1),
    "report_cpu": ("report", " s", 1),
    "report_mb": ("its memory", " MB", 1),
}


def main() -> None:
    """Measure and write lines of JSON, or make the table of such lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=int, nargs="*", default=[10, 100])
    parser.add_argument("--copy", type=int, nargs="*", default=[1000])
    parser.add_argument("--graph", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=Path("growth.jsonl"))
    parser.add_argument("--folder", type=Path, help="keep and reuse folders here")
    parser.add_argument("--table", type=Path, help="print the table of an earlier run")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    with tempfile.TemporaryDirectory(prefix="growth-") as place:
        folder = options.folder or Path(place)
        for line in measure(options, folder.resolve()):
            with options.output.open("a", encoding="utf-8") as stream:
                print(json.dumps(line), file=stream)
            print(json.dumps(line), file=sys.stderr, flush=True)
    print(table(options.output))


def measure(options: argparse.Namespace, place: Path) -> Iterator[dict[str, Any]]:
    """Every measurement, the cheap ones first."""
    for number in sorted(options.graph):
        folder = _folder(place / f"graph_{number}", number, number)
        used = snakemake(folder, "--rulegraph")
        yield {"models": number, "kind": "graph", **_named("graph", used)}
        shutil.rmtree(folder)
    cores = ["--cores", str(options.cores)]
    for number in sorted(options.run):
        folder = _folder(place / f"run_{number}", number, number)
        used = snakemake(folder, *cores)
        yield {"models": number, "kind": "run", **_named("run", used), **_state(folder, cores)}
    for number in sorted(options.copy):
        base = place / f"run_{max(options.run)}"
        folder = _folder(place / f"copy_{number}", number, max(options.run))
        _copy(base, folder, number, max(options.run))
        used = snakemake(folder, *cores)
        yield {"models": number, "kind": "copy", **_named("rest", used), **_state(folder, cores)}
        shutil.rmtree(folder)


def snakemake(folder: Path, *arguments: str) -> dict[str, float]:
    """Run it; return wall seconds, CPU seconds and peak memory in MB of the process itself."""
    log = folder / "snakemake.out"
    command = [sys.executable, "-m", "snakemake", *arguments]
    started = time.perf_counter()
    with log.open("w") as output:
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(command, cwd=folder, env=own, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}:\n{log.read_text()[-3000:]}")
    jobs = re.findall(r"^total +(\d+)$", log.read_text(), re.MULTILINE)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu": round(usage.ru_utime + usage.ru_stime, 2),
        "mb": usage.ru_maxrss >> 10,
        "jobs": int(jobs[0]) if jobs else 0,
    }


def _named(name: str, used: dict[str, float]) -> dict[str, float]:
    return {f"{name}_{key}": value for key, value in used.items()}


def _folder(folder: Path, number: int, different: int) -> Path:
    """The workflow in a folder, with a configuration of so many models."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if not (folder / part).exists():
            (folder / part).symlink_to(ROOT / part)
    models = {name(index): _model(index % different) for index in range(number)}
    config = {"models": models, "opsets": OPSETS, "exporters": EXPORTERS}
    text = yaml.safe_dump(config, sort_keys=False)
    (folder / "config/config.yaml").write_text(text, encoding="utf-8")
    return folder


def name(index: int) -> str:
    """The name of a model; all are of one length, so that paths can be exchanged."""
    return f"leaky_{index:05}"


def _model(index: int) -> dict[str, Any]:
    shape = [2 + index % 100, 3 + index // 100]
    return {
        "factory": "workflow/zoo/leaky_relu.py:LeakyRelu",
        "inputs": [{"name": "x", "shape": shape}],
    }


def _state(folder: Path, cores: list[str]) -> dict[str, float]:
    """A finished folder: nothing to do, disk, and what the stages of the run took."""
    idle = snakemake(folder, *cores)
    if idle["jobs"]:
        raise SystemExit(f"{folder} was not finished: {idle['jobs']} jobs ran")
    results, metadata = _disk(folder / "results"), _disk(folder / ".snakemake")
    found = {
        **_named("noop", idle),
        "results_bytes": results[0],
        "results_files": results[1],
        "metadata_bytes": metadata[0],
        "metadata_files": metadata[1],
        "report_bytes": _disk(folder / "results/report")[0],
    }
    for stage in ("judge", "tables", "report"):
        last = (folder / f"results/logs/{stage}.log").read_text().rstrip().rpartition("\n")[2]
        used = json.loads(last.removeprefix("usage "))
        found |= {f"{stage}_cpu": used["cpu_seconds"], f"{stage}_mb": used["peak_mb"]}
    return found


def _disk(folder: Path) -> tuple[int, int]:
    """Bytes that are allocated for a folder's files, and how many there are."""
    files = [path.lstat() for path in folder.rglob("*") if not path.is_dir()]
    return sum(file.st_blocks * 512 for file in files), len(files)


def _copy(base: Path, folder: Path, number: int, different: int) -> None:
    """Fill a folder with the results of `number` models, copied repeatedly from those of `base`."""
    others = [range(index, number, different) for index in range(different)]
    names = {name(index): [name(other) for other in others[index]] for index in range(different)}
    (folder / ".snakemake").mkdir()
    for path in sorted((base / "results").rglob("*")):
        inside = str(path.relative_to(base))
        found = NAME.search(inside)
        if path.is_file() and found and inside.split("/")[1] not in {"report", "cards", "tables"}:
            _multiply(path, inside, found[0], names[found[0]], folder)
        elif path.is_dir() and found and inside.split("/")[1] not in {"report", "cards", "tables"}:
            for other in names[found[0]]:
                (folder / inside.replace(found[0], other)).mkdir(parents=True, exist_ok=True)
    for path in (base / ".snakemake/metadata").iterdir():
        target = urlsafe_b64decode(path.name).decode()
        found = NAME.search(target)
        if found:
            text = path.read_text(encoding="utf-8")
            for other in names[found[0]]:
                new = urlsafe_b64encode(target.replace(found[0], other).encode()).decode()
                record = folder / ".snakemake/metadata" / new
                record.parent.mkdir(exist_ok=True)
                record.write_text(text.replace(found[0], other), encoding="utf-8")


def _multiply(path: Path, inside: str, old: str, others: list[str], folder: Path) -> None:
    """Copy a file under other names, with its modification time."""
    content, stat = path.read_bytes(), path.stat()
    for other in others:
        copy = folder / inside.replace(old, other)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content.replace(old.encode(), other.encode()))
        os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def table(path: Path) -> str:
    """What was measured per number of models, and the exponents between one and the next."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found: dict[int, dict[str, Any]] = {}
    for line in lines:
        found.setdefault(line["models"], {}).update(line)
    for line in found.values():
        line["jobs"] = line.get("run_jobs")
    columns = [key for key in COLUMNS if any(line.get(key) for line in found.values())]
    text = [f"| models | {' | '.join(COLUMNS[key][0] for key in columns)} |"]
    text.append("|---" * (len(columns) + 1) + "|")
    for models in sorted(found):
        cells = [_cell(found[models].get(key), key) for key in columns]
        copied = "rest_seconds" in found[models] and "run_seconds" not in found[models]
        simulated = " (copied)" if copied else ""
        text.append(f"| {models:,}{simulated} | {' | '.join(cells)} |")
    for low, high in zip(sorted(found), sorted(found)[1:], strict=False):
        cells = [
            _exponent(found[low].get(key), found[high].get(key), high / low) for key in columns
        ]
        text.append(f"| exponent {low:,} to {high:,} | {' | '.join(cells)} |")
    return "\n".join(text)


def _cell(value: float | None, key: str) -> str:
    _, unit, divisor = COLUMNS[key]
    return "" if value is None else f"{_short(value / divisor)}{unit}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _exponent(low: float | None, high: float | None, ratio: float) -> str:
    """The slope between two points on logarithmic scales: 1 is linear."""
    return f"{math.log(high / low) / math.log(ratio):.2f}" if low and high else ""


if __name__ == "__main__":
    main()
