"""The workflow against the loops that a user would write, in turn, as processes: `make bench`.

    python bench/run.py --config config/config.yaml --repeat 3
    python bench/run.py --config config/zoo.yaml --chunk 30 --minutes 90
    python bench/run.py --config config/zoo.yaml --models 100 --ways workflow --then model
    python bench/run.py --config bench/two.yaml --python .venv-torch-2.14.1/bin/python \
        --ways workflow,plain,straight

Every run starts from scratch in a separate folder, under this Python or the one of `--python`. The
way `plain` is the workflow as it is with versions that were not compared. The changes of `--then`
follow each cold run of the workflow, and after each that changes cells the straight loop runs over
those cells. After each round a line is appended to a file: seconds, outcomes of cells, where the
CPU time went, and the machine. write_docs.py makes tables of them.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
import usage
import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "envs", "profiles", "bench")
RESULTS = ROOT / "bench/results/speed.jsonl"
SEED = 7  # seed of the order of models

Config = dict[str, Any]


def main() -> None:
    """Measure, and append a line per round."""
    options = _options()
    config = read(ROOT / options.config, options.opsets)
    if options.models:
        config["models"] = choice(config["models"], options.models)
    parts = list(rounds(config, options.chunk, options.repeat))
    head = {
        "run": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "case": options.case or _case(options),
        "config": options.config,
        "cores": options.cores,
        "rounds": len(parts),
        "chunk": options.chunk,
        "machine": machine.describe(options.python),
    }
    started = time.monotonic()
    for number, part in enumerate(parts):
        if options.minutes and time.monotonic() - started > 60 * options.minutes:
            say(f"{number} of {len(parts)} rounds began within {options.minutes} minutes")
            break
        load = os.getloadavg()
        # A different way goes first in every round.
        turn = number % len(options.ways)
        ways = options.ways[turn:] + options.ways[:turn]
        measured = _round(part, ways, options)
        line = {**head, "round": number, "models": len(part["models"]), "load": load, **measured}
        append(options.output, line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--case", help="a name; default: made from the options")
    parser.add_argument("--repeat", type=int, default=1, help="rounds over the same models")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--ways", type=_words(WAYS), default=list(USUAL), help=", ".join(WAYS))
    parser.add_argument(
        "--python", default=sys.executable, help="of an environment with envs/main.in, any torch"
    )
    parser.add_argument("--then", type=_words(CHANGES), default=[], help=", ".join(CHANGES))
    parser.add_argument("--models", type=int, help="so many models, always the same ones")
    parser.add_argument("--opsets", type=_numbers, help="instead of the configuration's")
    parser.add_argument("--chunk", type=int, help="models per round, until all were run")
    parser.add_argument("--minutes", type=float, help="start no round after this time")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.python = shutil.which(options.python) or parser.error(f"no {options.python}")
    options.python = str(Path(options.python).absolute())  # not resolved: it is a link in a venv
    return options


def _words(known: dict[str, Any]) -> Callable[[str], list[str]]:
    def words(text: str) -> list[str]:
        given = [word for word in text.split(",") if word]
        if unknown := set(given) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return given

    return words


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _case(options: argparse.Namespace) -> str:
    parts = [Path(options.config).stem]
    parts += [f"{options.models} models"] if options.models else []
    parts += [f"chunks of {options.chunk}"] if options.chunk else []
    if options.python != sys.executable or "plain" in options.ways:
        parts += [f"torch {machine.describe(options.python)['versions']['torch']}"]
    return ", ".join(parts)


def read(path: Path, opsets: Sequence[int] | None) -> Config:
    """A configuration without the audit, which has no counterpart in the loops."""
    config: Config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {**config, "audit": False, **({"opsets": list(opsets)} if opsets else {})}


def _shuffled(models: Config) -> list[tuple[str, Any]]:
    names = sorted(models)
    random.Random(SEED).shuffle(names)
    return [(name, models[name]) for name in names]


def choice(models: Config, count: int) -> Config:
    """The first `count` in shuffled order; beyond their number, repeated under other names."""
    order = _shuffled(models)
    return {
        order[i % len(order)][0] + (f"_{i // len(order)}" if i >= len(order) else ""): order[
            i % len(order)
        ][1]
        for i in range(count)
    }


def rounds(config: Config, chunk: int | None, repeat: int) -> Iterator[Config]:
    """The configuration of every round: all models `repeat` times, or chunks of them."""
    if not chunk:
        yield from [config] * repeat
        return
    order = _shuffled(config["models"])
    for first in range(0, len(order), chunk):
        yield {**config, "models": dict(order[first : first + chunk])}


def _round(config: Config, ways: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Run every way once. A failure is recorded too, but gives no ratio."""
    measured: dict[str, Any] = {"runs": {}, "then": {}, "over": {}}
    for way in ways:
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            folder = copy_to(Path(place), config)
            try:
                measured["runs"][way] = WAYS[way](folder, options)
                say(f"{way}: {measured['runs'][way]['seconds']:.1f} s")
                for change in options.then if way == "workflow" else []:
                    before = _configured(folder)
                    CHANGES[change](folder)
                    measured["then"][change] = workflow(folder, options)
                    say(f"then {change}: {measured['then'][change]['seconds']:.1f} s")
                    if change in OVER:
                        measured["over"][change] = _over(change, before, options)
            except usage.Failed as failure:
                measured.setdefault("failed", {})[way] = machine.impersonal(str(failure))
                say(f"{way} failed: {failure}")
    counts = {way: sum(run["outcomes"].values()) for way, run in measured["runs"].items()}
    if len(set(counts.values())) > 1:
        measured.setdefault("failed", {})["cells"] = f"not the same number of cells: {counts}"
        say(measured["failed"]["cells"])
    if lost := [
        way for way, run in measured["runs"].items() if set(run["outcomes"]) == {"no-model"}
    ]:
        measured.setdefault("failed", {})["models"] = f"no model ran in: {', '.join(lost)}"
        say(measured["failed"]["models"])
    return measured


def _over(change: str, config: Config, options: argparse.Namespace) -> dict[str, Any]:
    """Run the straight loop over what a change has changed, right after the workflow."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        run = WAYS["straight"](copy_to(Path(place), OVER[change](config)), options)
    say(f"loop over {change}: {run['seconds']:.1f} s")
    return run


def copy_to(place: Path, config: Config) -> Path:
    """Make a separate project in `place`, with that configuration; return `place`."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, place / part)
    _write(place, config)
    return place


def _write(folder: Path, config: Config) -> None:
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (folder / "config/config.yaml").write_text(text, encoding="utf-8")


def workflow(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the workflow in `folder`: seconds, outcomes of cells, where the CPU time went."""
    since = time.time()
    command = [options.python, "-m", "snakemake", "--cores", str(options.cores), "--quiet", "all"]
    done = usage.run(command, folder)
    with (folder / "results/tables/cells.csv").open(encoding="utf-8") as table:
        outcomes = Counter(row["outcome"] for row in csv.DictReader(table))
    profile = usage.profile(done, folder / "results/logs", since)
    return {"seconds": round(done.seconds, 3), "outcomes": outcomes, "profile": profile}


def plain(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the workflow as it is with versions of torch that nobody compared."""
    table = folder / "workflow/opset_atlas/exporters/_compared.yaml"
    table.write_text("[]\n", encoding="utf-8")
    return workflow(folder, options)


def _loop(*more: str) -> Callable[[Path, argparse.Namespace], dict[str, Any]]:
    def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
        (folder / "loop").mkdir()
        given = ["config/config.yaml", "loop", "--cores", str(options.cores), *more]
        done = usage.run([options.python, "bench/loop.py", *given], folder)
        said = json.loads(done.output.splitlines()[-1])
        took = {"seconds": round(done.seconds, 3), "all_cpu": round(done.all, 3)}
        return {**took, "outcomes": said["cells"], "cpu": said["cpu"]}

    return run


WAYS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "workflow": workflow,
    "plain": plain,
    "accelerated": _loop("--accelerated"),
    "straight": _loop(),
}
USUAL = ("workflow", "accelerated", "straight")


def _configured(folder: Path) -> Config:
    config: Config = yaml.safe_load((folder / "config/config.yaml").read_text(encoding="utf-8"))
    return config


def _edit(folder: Path, change: Callable[[Config], object]) -> None:
    config = _configured(folder)
    change(config)
    _write(folder, config)


def _append_to(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def _touch_model(folder: Path) -> None:
    _append_to(folder / _least_shared(_configured(folder)), "# changed\n")


def _least_shared(config: Config) -> str:
    """The file of a model that shares it with the fewest others."""
    files = Counter(spec["factory"].rpartition(":")[0] for spec in config["models"].values())
    return min(files, key=lambda name: files[name])


def _only(config: Config, chosen: Callable[[Any], bool]) -> Config:
    models = {name: spec for name, spec in config["models"].items() if chosen(spec)}
    return {**config, "models": models}


ADDED = {"factory": "workflow/zoo/relu6.py:Relu6", "inputs": [{"name": "x", "shape": [2, 7]}]}
CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "opset": lambda folder: _edit(folder, lambda c: c["opsets"].append(max(c["opsets"]) + 1)),
    "model": _touch_model,
    "added": lambda folder: _edit(folder, lambda c: c["models"].update(added=ADDED)),
    "tolerance": lambda folder: _edit(folder, lambda c: c.update(tolerances={"noise_factor": 9})),
    "template": lambda folder: _append_to(
        folder / "workflow/opset_atlas/stages/report/templates/index.html.j2", "\n"
    ),
}

# What the straight loop runs over for a change: the cells that it changed, by the configuration
# before it, which has the changes that came earlier.
OVER: dict[str, Callable[[Config], Config]] = {
    "opset": lambda config: {**config, "opsets": [max(config["opsets"]) + 1]},
    "model": lambda config: _only(
        config, lambda spec: spec["factory"].startswith(_least_shared(config))
    ),
    "added": lambda config: {**config, "models": {"added": ADDED}},
}


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a file of measurements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def say(text: str) -> None:
    """Show progress, separately from the results."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
