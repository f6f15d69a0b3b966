"""Compare the two ways to make a cell, over the built-in models: cached and warm, or fresh.

`make truth` runs it.

    python tools/truth.py --output truth.jsonl
    python tools/truth.py --models einsum topk --opsets 9 18 23 --alone 1

The *fast* way is that of a run: stages are forked from the warm worker, and sweeps and measures use
caches. The *plain* way is `memoize: false` without a worker: a new process for every model imports
the exporters but exports nothing itself; it forks a child per stage, and one per cell for `dynamo`.
Records of definition, export and parity must be equal except for the fingerprint and the way.
Both ways make all opsets, except that the plain way makes only those in `--opsets` for `dynamo`,
since each of these cells takes 0.7 s.

Where the two ways differ, the cell is made once more in a separate, newly started Python process,
which decides; `by_history` lists the cells for which the plain way was the one that deviated.
`--alone N` also makes one cell in N in this way regardless.

Writes a line of JSON per model and prints a table at the end; the exit status is 1 if anything
differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.execution import levels, server
from opset_atlas.execution.address import WORKERS

ROOT = Path(__file__).parents[1]
ZOO = "config/zoo.yaml"
EVERY = list(range(9, 24))
# Opsets for which `dynamo` takes different paths: conversions down from 18, far and near; the
# native 18; a newer one with the same operators; and 23, for which it has separate operators.
OPSETS = [9, 17, 18, 20, 23]
# Loops, state that torch keeps from a capture, optional values, other outputs than tensors.
PATHS = ("scripted_loop", "dynamic_lstm", "optional_has_element", "dictionary_output")
RUNTIMES = ("onnxruntime", "onnxruntime-unoptimized")
NOT_COMPARED = {"fingerprint", "way", "sha256", "delivered_sha256", "size_bytes"}
# Stack traces in the metadata of loops and branches number the functions that fx has compiled in
# this process so far: torch/fx/graph_module.py, `_EvalCacheLoader`.
COUNTER = re.compile(r"<eval_with_key>\.\d+")
# A process that has imported the exporters but exported nothing. torch's tracer lists Python frames
# in its errors. The frames that start a stage are not part of a record, and this code imitates
# them: a thread, which has no other frames below, and a file name of theirs.
PLAIN = """
import _thread, json, sys, onnxscript, torch, torch._dynamo
import torch.onnx._internal.exporter._core, torch.onnx._internal.exporter._registration
from opset_atlas.execution import forked as start
status, running = [1], _thread.allocate_lock()
work = '''
def work(stages):
    try:
        status[:] = [start.run(stage) for stage in stages]
    finally:
        running.release()
'''
exec(compile(work, start.__file__, "exec"))
running.acquire()
_thread.start_new_thread(work, (json.load(sys.stdin),))
running.acquire()
sys.exit(max(status))
"""


@dataclass
class Findings:
    """The result of comparing one model."""

    model: str
    cells: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    tracebacks: int = 0
    measures: int = 0
    raw: Counter[str] = field(default_factory=Counter)
    alone: int = 0
    by_history: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def count(self, cell: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        """The kind of a cell that was made both ways."""
        self.cells += 1
        self.outcomes[cell["outcome"]] += 1
        self.ways[f"{cell['way']} / {other['way']}"] += 1
        self.messages += len(cell["messages"])
        self.tracebacks += bool(cell["traceback"])


def main(arguments: list[str] | None = None) -> int:
    """Compare, print a line per model and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="*", help="default: all of the zoo")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="N models, always the same, instead of all"
    )
    parser.add_argument("--opsets", type=int, nargs="*", default=OPSETS, help="opsets of dynamo")
    parser.add_argument(
        "--alone", type=int, default=0, metavar="N", help="make one cell in N separately"
    )
    parser.add_argument("--dynamic", action="store_true", help="make first axes dynamic")
    parser.add_argument("--output", type=Path, help="file of results; resumes after its end")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    models = config.load([ZOO])["models"]
    names = options.models or (sample(models, options.sample) if options.sample else list(models))
    if options.dynamic:
        models = {name: _dynamic(models[name]) for name in names}
    with tempfile.TemporaryDirectory(prefix="truth-") as place:
        ways = Ways({name: models[name] for name in names}, options.opsets, Path(place))
        found = list(_kept(options.output))
        for findings in ways.compare(set(names) - {each.model for each in found}, options.alone):
            found.append(findings)
            line = json.dumps(findings.__dict__)
            print(line, file=sys.stderr, flush=True)
            if options.output:
                with options.output.open("a", encoding="utf-8") as stream:
                    print(line, file=stream)
    print(table(found, options.opsets))
    return int(any(each.differences for each in found))


def sample(models: Iterable[str], number: int) -> list[str]:
    """Models that take every path of an exporter, and a random choice of others."""
    others = sorted(set(models) - set(PATHS))
    random.Random(1).shuffle(others)
    return [*PATHS, *others][:number]


class Ways:
    """Both ways over some models. The worker of the fast one ends with this process."""

    def __init__(self, models: Mapping[str, Any], opsets: Iterable[int], place: Path) -> None:
        self.place, self.opsets = place, sorted(opsets)
        both = {"models": models, "opsets": EVERY}
        self.fast = config.resolve(both, ROOT)
        self.plain = config.resolve({**both, "memoize": False}, ROOT)
        if reason := server.start(place / "worker.log", levels.BELOW):
            raise SystemExit(f"there is no worker: {reason}")
        # Only for the fast stages: variables in our own environment would reach the others.
        self.worker = {WORKERS: os.environ.pop(WORKERS)}

    def compare(self, names: set[str], one_in: int) -> Iterator[Findings]:
        """Make every model both ways, in the order of the configuration."""
        for number, name in enumerate(self.plain.models):
            if name in names:
                findings = Findings(name)
                every = range(number % one_in + 1, 1000, one_in) if one_in else range(0)
                self._look(findings, self._fast(name), self._plain(name), every)
                yield findings
                shutil.rmtree(self.place / name)

    def _fast(self, name: str) -> Path:
        """As the rules run the stages, with a fixed hash seed for exports."""
        folder = self.place / name / "fast"
        for stage in stages(self.fast, name, folder):
            seed = {"PYTHONHASHSEED": "0"} if stage[0] == "export" else {}
            self._run(["-m", "opset_atlas", *_level(stage), *stage], self.worker | seed)
        return folder

    def _plain(self, name: str) -> Path:
        folder = self.place / name / "slow"
        given = [
            part
            for stage in stages(self.plain, name, folder)
            for part in _parts(stage, self.opsets)
        ]
        self._run(["-c", PLAIN], {"PYTHONHASHSEED": "0"}, json.dumps(given))
        return folder

    def _alone(self, name: str, exporter: str, opset: int, plain: Path) -> dict[str, Any]:
        """A cell by a process that makes nothing else; a conversion from the plain sweep."""
        folder = self.place / name / "alone" / exporter / str(opset)
        stage = export(self.plain, name, exporter, plain, folder)
        spec = json.loads(stage[2]) | {"opsets": [opset]}
        stage[2] = json.dumps(spec)
        self._run(["-m", "opset_atlas", *stage], {"PYTHONHASHSEED": "0"})
        return dict(_read(folder)["cells"][0])

    def _run(self, arguments: list[str], own: dict[str, str], given: str = "") -> None:
        """Run Python; every stage says whether the worker ran it."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), **own},
            input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = re.findall(r'^usage .*"worker": (\w+)', done.stdout, re.MULTILINE)
        if done.returncode or {*said} != {"true" if WORKERS in own else "false"}:
            raise SystemExit(f"{' '.join(arguments)}:\n{given}\n{done.stdout[-3000:]}")

    def _look(self, findings: Findings, fast: Path, plain: Path, every: range) -> None:
        """Compare the records of both; `every`: which of the cells to make alone in any case."""
        findings.differences += unequal("define", *(_read(f / "define") for f in (fast, plain)))
        odd: set[tuple[str, int, str]] = set()
        for exporter in self.plain.exporters_of(findings.model):
            sweeps = fast / "export" / exporter, plain / "export" / exporter
            made, others = ({cell["requested"]: cell for cell in _read(s)["cells"]} for s in sweeps)
            for opset, other in others.items():
                cell, where = made[opset], f"{exporter} at {opset}"
                findings.count(cell, other)
                wrong = unequal(where, cell, other)
                if cell["file"] and not wrong:
                    files = [sweep / "cells" / cell["file"] for sweep in sweeps]
                    wrong += self._bytes(findings, where, files)
                if wrong or findings.cells in every:
                    findings.alone += 1
                    alone = self._alone(findings.model, exporter, opset, plain)
                    decided = unequal(where, cell, alone)
                    if wrong and not decided:
                        findings.by_history += wrong
                        odd |= {(exporter, opset, runtime) for runtime in RUNTIMES}
                    wrong = decided
                findings.differences += wrong
        fasts, plains = (
            {_run(row): row for row in _read(way, "parity.json")["cells"]} for way in (fast, plain)
        )
        for key in plains.keys() - odd:
            findings.measures += len(plains[key]["measures"])
            findings.differences += unequal(" ".join(map(str, key)), fasts[key], plains[key])

    def _bytes(self, findings: Findings, where: str, files: list[Path]) -> list[str]:
        """The bytes of both files, which may differ by fx's counter alone."""
        contents = [path.read_bytes() for path in files]
        equal = contents[0] == contents[1]
        numbered = not equal and _unnumbered(contents[0]) == _unnumbered(contents[1])
        word = "equal" if equal else "equal but for a counter" if numbered else "unequal"
        findings.raw[word] += 1
        return [f"{where}: the bytes of the file"] if word == "unequal" else []


def stages(settings: config.Settings, name: str, folder: Path) -> Iterator[list[str]]:
    """The command lines of a model's stages, as its rules give them, from definition to parity."""
    define = folder / "define"
    yield ["define", "--spec", _spec(settings, "define", model=name), "--output", str(define)]
    sweeps = [folder / "export" / exporter for exporter in settings.exporters_of(name)]
    for sweep in sweeps:
        yield export(settings, name, sweep.name, folder, sweep)
    yield [
        *("parity", "--spec", _spec(settings, "parity", model=name, runtime="onnxruntime")),
        *("--define", str(define)),
        *("--export", *map(str, sweeps), "--runtime", "onnxruntime"),
        *("--output", str(folder / "parity.json"), "--timing", str(folder / "timing.json")),
    ]


def _spec(settings: config.Settings, stage: str, **who: str) -> str:
    return json.dumps(Specs(settings).job(stage, **who))


def _level(stage: list[str]) -> list[str]:
    """The option that sets the worker level on which a stage runs, as in the rules."""
    if stage[0] != "export":
        return []
    exporter = json.loads(stage[stage.index("--spec") + 1])["exporter"]
    return ["--level", levels.of_exporter(exporter)]


def export(
    settings: config.Settings, name: str, exporter: str, folder: Path, sweep: Path
) -> list[str]:
    """The command line of an export; a conversion starts from a sweep in the same folder."""
    spec, define = _spec(settings, "export", model=name, exporter=exporter), str(folder / "define")
    base = folder / "export" / settings.converter["exporter"]
    starts = ["--base", str(base)] if settings.needs_base(exporter) else []
    return ["export", "--spec", spec, "--define", define, *starts, "--output", str(sweep)]


def _parts(stage: list[str], opsets: list[int]) -> Iterator[list[str]]:
    """An export of `dynamo` cell by cell: each call finds the earlier ones done, and makes one."""
    spec = json.loads(stage[2])
    if spec.get("exporter") != "dynamo":
        yield stage
        return
    for number in range(len(opsets)):
        yield [*stage[:2], json.dumps(spec | {"opsets": opsets[: number + 1]}), *stage[3:]]


def unequal(where: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """All differences between two records of the same item, except in parts that need not agree."""
    return [
        f"{where}, {key}: {one.get(key)!r} or {other.get(key)!r}"
        for key in sorted({*one, *other} - NOT_COMPARED)
        if one.get(key) != other.get(key)
    ]


def table(found: list[Findings], opsets: list[int]) -> str:
    """A Markdown table of what was compared, and every difference."""
    sums = {
        name: sum((getattr(each, name) for each in found), Counter())
        for name in ("outcomes", "ways", "raw")
    }
    rows = {
        "models": f"{len(found)}; `dynamo` at opsets {', '.join(map(str, opsets))}, others at all",
        "cells": sum(each.cells for each in found),
        "outcomes": _counted(sums["outcomes"]),
        "ways": _counted(sums["ways"]),
        "distinct messages of cells": sum(each.messages for each in found),
        "tracebacks": sum(each.tracebacks for each in found),
        "measures of parity": sum(each.measures for each in found),
        "bytes of the files": _counted(sums["raw"]),
        "cells made alone": sum(each.alone for each in found),
        "of another history in the plain sweep": sum(len(each.by_history) for each in found),
        "differences": sum(len(each.differences) for each in found),
    }
    lines = ["| compared | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    lines += [f"{each.model}: {text}" for each in found for text in each.differences]
    return "\n".join(lines)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common()) or "none"


def _kept(path: Path | None) -> Iterator[Findings]:
    """The lines of an earlier run."""
    if path and path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            raw = json.loads(line)
            for name in ("outcomes", "ways", "raw"):
                raw[name] = Counter(raw[name])
            yield Findings(**raw)


def _dynamic(model: dict[str, Any]) -> dict[str, Any]:
    """The model with dynamic first axes, which many exports refuse."""
    if isinstance(model["inputs"], str):
        return model
    sized = [item["name"] for item in model["inputs"] if item["shape"]]
    return {**model, "dynamic_shapes": {name: {0: f"{name}_0"} for name in sized} or None}


def _run(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["exporter"], row["requested"], row["runtime"]


def _read(folder: Path, name: str = "record.json") -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _unnumbered(content: bytes) -> Any:
    """The model with every number of a compiled function replaced."""
    import onnx

    model = onnx.load_from_string(content)
    _renumber(model)
    return model


def _renumber(message: Any) -> None:
    for descriptor, value in message.ListFields():
        if descriptor.name == "metadata_props":
            for entry in value:
                entry.value = COUNTER.sub("<eval_with_key>.N", entry.value)
        elif descriptor.message_type is not None:
            for item in value if descriptor.is_repeated else [value]:
                _renumber(item)


if __name__ == "__main__":
    sys.exit(main())
