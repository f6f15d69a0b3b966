"""How the report scales: size, time to build, to open and to filter. `make bench-report`.

The models of a finished run in results/ are copied under other names until the report has
1,000, 10,000 and 100,000 cells. The stage reads its records from disk as in a run; then Chromium
opens the first page, filters it to one model, and searches for an operator. Graphs of 100,
1,000 and 10,000 nodes are drawn as a pair. Times in the browser are the smallest of five.

`make bench-report ARGS=--run` builds the report of the finished run as it is, and says what takes
how much of it.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from opset_atlas.base.files import read_json, write_json
from opset_atlas.drawing.pairs import scene
from opset_atlas.drawing.plan import plan
from opset_atlas.findings import columns
from opset_atlas.records import Graph, Node
from opset_atlas.stages.report.canvas import Canvas, File, Pair
from opset_atlas.stages.report.data import load
from opset_atlas.stages.report.stage import THRESHOLDS, build
from playwright.sync_api import Page, sync_playwright

RESULTS = Path("results")
STAGES = ("define", "export", "dump", "compare", "locate")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
REPEATS = 5


def main() -> None:
    """Print a table for pages and one for graphs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--nodes", type=int, nargs="*", default=[100, 1_000, 10_000])
    parser.add_argument("--run", action="store_true", help="only the report of the run as it is")
    parser.add_argument("--build", type=Path, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        spec, results, report = options.build
        gc.set_threshold(*THRESHOLDS)
        build(load(json.loads(spec.read_text(encoding="utf-8")), results), report)
        return
    if options.run:
        _header("models build memory folder files pairs models tables")
        print(_as_it_is())
        return
    _header("cells models index folder build memory load filter search")
    for cells in options.cells:
        with tempfile.TemporaryDirectory(prefix="bench-report-", dir=".") as folder:
            print(_pages(Path(folder), cells), flush=True)
    _header("nodes boxes fold draw page unfolded")
    for nodes in options.nodes:
        print(_graphs(nodes), flush=True)


def _header(names: str) -> None:
    columns = names.split()
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def _pages(folder: Path, cells: int) -> str:
    spec, report = _multiply(folder / "results", cells), folder / "report"
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    seconds, memory = _built(folder / "spec.json", folder / "results", report)
    files = [path.stat().st_size for path in report.rglob("*") if path.is_file()]
    index = report / "index.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(300_000)
        opened, filtered, searched = (
            _least(partial(act, page)) for act in (partial(_load, index=index), _filter, _search)
        )
        browser.close()
    asked = len(json.loads((folder / "results/tables/cells.json").read_text(encoding="utf-8")))
    return (
        f"| {asked:,} | {len(spec['sweeps']):,} | {index.stat().st_size / 1e6:.2f} MB"
        f" | {sum(files) / 1e6:.0f} MB, {len(files):,} files | {seconds:.0f} s of CPU"
        f" | {memory} | {opened:.2f} s | {filtered * 1000:.0f} ms"
        f" | {searched * 1000:.0f} ms |"
    )


def _built(spec: Path, results: Path, report: Path) -> tuple[float, str]:
    """Build a report in a process of its own: its CPU seconds and its memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, __file__, "--build", spec, results, report], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return seconds, f"{used.ru_maxrss / 1024:.0f} MiB"


def _as_it_is() -> str:
    with tempfile.TemporaryDirectory(prefix="bench-report-", dir=".") as folder:
        report = Path(folder) / "report"
        seconds, memory = _built(RESULTS / "run.json", RESULTS, report)
        sizes = [_size(report / part) for part in (".", "files", "pairs", "models", "tables")]
        models = len(list((report / "models").glob("*.html")))
    return f"| {models} | {seconds:.0f} s of CPU | {memory} | {' | '.join(sizes)} |"


def _size(folder: Path) -> str:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return f"{sum(sizes) / 1e6:.1f} MB, {len(sizes):,} files"


def _multiply(results: Path, cells: int) -> dict[str, Any]:
    """A run with so many cells: the models of the real run repeated, as links to it."""
    tables = {
        path.stem: json.loads(path.read_text()) for path in (RESULTS / "tables").glob("*.json")
    }
    sweeps: dict[str, list[str]] = {}
    for row in tables["cells"]:
        exporters = sweeps.setdefault(row["model"], [])
        if row["exporter"] not in exporters:
            exporters.append(row["exporter"])
    times = max(1, round(cells / len(tables["cells"])))
    names = {model: [f"{model}_{number}" for number in range(times)] for model in sweeps}
    for stage in STAGES:
        (results / stage).mkdir(parents=True)
        for model, copies in names.items():
            for name in copies:
                (results / stage / name).symlink_to((RESULTS / stage / model).resolve())
    (results / "tables").mkdir()
    for table, rows in tables.items():
        copied = rows
        if table in columns.about_models():
            copied = [
                _renamed(row, names[row["model"]][number])
                for number in range(times)
                for row in rows
            ]
        if table == "choices":
            copied = [{**row, "example": names[row["example"]][0]} for row in rows]
        write_json(results / "tables" / f"{table}.json", copied)
        (results / "tables" / f"{table}.csv").write_text("", encoding="utf-8")
    judged = read_json(RESULTS / "judge" / "verdicts.json", "judge")
    judged["cells"] = [
        {**cell, "model": names[cell["model"]][number]}
        for number in range(times)
        for cell in judged["cells"]
    ]
    write_json(results / "judge" / "verdicts.json", judged)
    return {"sweeps": {name: sweeps[model] for model in sweeps for name in names[model]}}


def _renamed(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A row about a copy of its model; a reproducer is below the folder of the copy."""
    copied = {**row, "model": name}
    if row.get("reproducer"):
        copied["reproducer"] = row["reproducer"].replace(f"/{row['model']}/", f"/{name}/", 1)
    return copied


def _load(page: Page, index: Path) -> float:
    started = time.perf_counter()
    page.goto(index.resolve().as_uri())
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return time.perf_counter() - started


def _timed(page: Page, act: str) -> float:
    """Seconds until the page has done `act` and finished its layout."""
    code = f"""async () => {{
        const started = performance.now();
        {act};
        document.body.offsetHeight;
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        return (performance.now() - started) / 1000;
    }}"""
    return float(page.evaluate(code))


def _filter(page: Page) -> float:
    page.locator("[name=model]").evaluate("field => { field.value = ''; }")
    _timed(page, "document.getElementById('filters').dispatchEvent(new Event('input'))")
    set_value = "document.querySelector('[name=model]').value = 'layer_norm_1'"
    return _timed(
        page, f"{set_value}; document.getElementById('filters').dispatchEvent(new Event('input'))"
    )


def _search(page: Page) -> float:
    look = "document.getElementById('lookup').dispatchEvent(new Event('input'))"
    _timed(page, f"document.getElementById('find').value = ''; {look}")
    return _timed(page, f"document.getElementById('find').value = 'softmax'; {look}")


def _least(measure: Callable[[], float]) -> float:
    """The smallest of several times, since other load can only add to it."""
    return min(measure() for _ in range(REPEATS))


def _graphs(count: int) -> str:
    """A deep network of blocks, whose opset 12 passes an empty `roi` where 13 omits it."""
    left, right = (
        {"version": 1, "graph": _network(count, given), "functions": []}
        for given in ("empty", "omitted")
    )
    started = time.perf_counter()
    pair = Pair("deep", "", "", File("opset 12", 12, left), File("opset 13", 13, right), [])
    canvas = Canvas(pair)
    folded = time.perf_counter()
    sides = canvas.draw()
    drawn = time.perf_counter()
    size = sum(len(side.picture) for side in sides)
    whole = scene(left["graph"], right["graph"])
    unfolded = time.perf_counter()
    plan(whole)
    seconds = time.perf_counter() - unfolded
    return (
        f"| {count:,} | {len(canvas.folded.scene.boxes)} | {folded - started:.2f} s"
        f" | {drawn - folded:.2f} s | {size / 1e3:.0f} kB | {seconds:.1f} s |"
    )


def _network(count: int, given: str) -> Graph:
    nodes = list(_nodes(count, given))
    port = {"parameter": "", "name": "v0", "given": "input", "dtype": "float", "shape": [1, 8]}
    end = {
        "parameter": "",
        "name": f"v{count}",
        "given": "value",
        "dtype": "float",
        "shape": [1, 8],
    }
    return {"name": "deep", "inputs": [port], "outputs": [end], "nodes": nodes}  # type: ignore[typeddict-item]


def _nodes(count: int, given: str) -> Iterator[Node]:
    """Blocks of ten with a shortcut each; every hundredth node is a Resize."""
    for index in range(count):
        op, second = ("Add", f"v{index - index % 10}") if index % 10 == 9 else ("Relu", "")
        inputs: list[Any] = [{"parameter": "X", "name": f"v{index}", "given": "value"}]
        inputs[0] |= {
            "given": "input" if index == 0 else "value",
            "dtype": "float",
            "shape": [1, 8],
        }
        if second:
            inputs.append({**inputs[0], "parameter": "B", "name": second})
        if index % 100 == 50:
            op = "Resize"
            inputs.append({"parameter": "roi", "name": "", "given": given, "dtype": "float"})
        output: Any = {"parameter": "Y", "name": f"v{index + 1}", "given": "value"}
        yield {
            "index": index,
            "name": f"n{index}",
            "op": op,
            "domain": "",
            "since": 11 if given == "empty" and op == "Resize" else 13,
            "scope": f"stage{index // 1000}.block{index // 100}.layer{index // 10}",
            "inputs": inputs,
            "outputs": [{**output, "dtype": "float", "shape": [1, 8]}],
            "attributes": [],
            "subgraphs": {},
        }


if __name__ == "__main__":
    main()
