"""A sweep that remembers gives what one that does not remember gives: built-in models, both ways.

`PYTHONHASHSEED=0 PYTHONPATH=workflow python tests/unit/test_memory.py FOLDER` compares all of them
at all opsets; `--dynamic` makes the first axis of every input a dynamic one, which many refuse.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from atlas import config, define, export, exporters
from atlas.exporters import _memory
from atlas.exporters._memory import Memory
from atlas.exporters._once import Answers, once
from atlas.records import Cell, write_json

ROOT = Path(__file__).parents[2]
ZOO = "config/zoo.yaml"
# Stack traces in the metadata of a loop or branch number the functions that fx has compiled in
# this process so far (`<eval_with_key>.24`), so a file's bytes tell its place in the sweep. The
# canonical hash leaves metadata out.
NOT_COMPARED = {"fingerprint", "way", "sha256", "size_bytes"}
OWN = """
import logging, traceback, warnings, torch

class Talks(torch.nn.Module):
    calls = 0

    def forward(self, x):
        Talks.calls += torch.compiler.is_exporting()
        print("printed", x.dim())
        warnings.warn(f"warned of {x.dim()}")
        logging.getLogger("torch.onnx").warning("logged %d", x.dim())
        return x * Talks.calls

class Fails(torch.nn.Module):
    def forward(self, x):
        if torch.compiler.is_exporting():
            raise ValueError("not for export")
        return x

class Decomposes(torch.nn.Module):
    def forward(self, x):
        return torch.ops.atlas_test.twice(x)

library = torch.library.Library("atlas_test", "DEF")
library.define("twice(Tensor x) -> Tensor")

@torch.library.impl(library, "twice", "CompositeImplicitAutograd")
def twice(x):
    if "run_decompositions" in {frame.name for frame in traceback.extract_stack()}:
        raise ValueError("not to be decomposed")
    return x * 2
"""


def sweep(folder: Path, name: str, model: dict[str, Any], memoize: bool, opsets: Any) -> list[Cell]:
    """Cells of one model through `dynamo`, made by the stages, each in a child process."""
    settings = config.resolve(
        {
            "models": {name: model},
            "opsets": opsets,
            "exporters": ["dynamo"],
            "input_sets": ["random-0"],
            "memoize": memoize,
        },
        Path.cwd(),
    )
    frozen = folder / name / "define"
    if not (frozen / "record.json").exists():
        record = define.define(json.loads(settings.define_spec(name)), frozen)
        write_json(frozen / "record.json", record)
    job = exporters.Job(json.loads(settings.export_spec(name, "dynamo")), frozen, None)
    return export.sweep(job, folder / name / ("memoized" if memoize else "plain"))["cells"]


def different(plain: list[Cell], memoized: list[Cell]) -> list[Cell]:
    """The memoized cells that differ from plain ones."""
    return [
        cell for cell, other in zip(memoized, plain, strict=True) if differences([other], [cell])
    ]


def differences(plain: list[Cell], memoized: list[Cell]) -> list[str]:
    """All that two records say otherwise of a cell, but for what need not agree."""
    return [
        f"{key} at {left['requested']}: {left[key]!r} or {right[key]!r}"  # type: ignore[literal-required]
        for left, right in zip(plain, memoized, strict=True)
        for key in left.keys() - NOT_COMPARED
        if left[key] != right[key]  # type: ignore[literal-required]
    ]


def main(arguments: list[str]) -> None:
    """In a process whose hash seed is fixed: compare models, and print a line of JSON for each.

    What decides is a cell that a process of its own makes. Within a plain sweep torch itself has a
    memory: with dynamic shapes, the loop of an LSTM warns at the first export only. Where the two
    ways differ, the cell is made alone too; `by_history` names those.
    """
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="one in so many models")
    parser.add_argument("--opsets", type=json.loads, default=list(range(9, 24)))
    parser.add_argument("--dynamic", action="store_true", help="first axes are dynamic")
    parser.add_argument("--warm", action="store_true", help="export here before children start")
    options = parser.parse_args(arguments)
    if options.warm:
        torch.set_num_threads(1)  # a child of several threads would wait for those it lacks
        torch.onnx.export(torch.nn.ReLU(), (torch.ones(2),), dynamo=True, verbose=False)
    for name, model in list(config.load([ZOO])["models"].items())[:: options.every]:
        if options.dynamic and not isinstance(model["inputs"], str):
            sized = [item["name"] for item in model["inputs"] if item["shape"]]
            model["dynamic_shapes"] = {item: {0: f"{item}_0"} for item in sized} or None
        with contextlib.redirect_stdout(sys.stderr):
            cells = [
                sweep(options.folder, name, model, memoize, options.opsets)
                for memoize in (False, True)
            ]
            alone = [
                sweep(options.folder / "alone", name, model, False, [cell["requested"]])[-1]
                for cell in different(*cells)
            ]
        timings = [options.folder / name / way / "timing.json" for way in ("plain", "memoized")]
        line = {
            "model": name,
            "outcomes": [cell["outcome"] for cell in cells[0]],
            "messages": sum(len(cell["messages"]) for cell in cells[0]),
            "ways": [sorted({cell["way"] for cell in made}) for made in cells],
            "by_history": [cell["requested"] for cell in alone],
            "differences": differences(alone, different(*cells)),
            "seconds": [sum(json.loads(path.read_text()).values()) for path in timings],
        }
        print(json.dumps(line), flush=True)


def compare(folder: Path, *options: str) -> list[dict[str, Any]]:
    """What `main` prints, run in a process of its own."""
    path = os.pathsep.join([str(ROOT / "workflow"), os.environ.get("PYTHONPATH", "")])
    settings = {"PYTHONHASHSEED": "0", "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(folder), *options]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "exported"),
    [
        (["--warm", "--every", "16", "--opsets", "[9, 13, 18, 20]"], 10),
        (["--warm", "--every", "32", "--opsets", "[9, 18, 23]", "--dynamic"], 2),
        (["--every", "80", "--opsets", "[9, 18, 20]"], 2),
    ],
    ids=["one in sixteen", "dynamic shapes", "nothing imported"],
)
def test_built_in_models_give_the_same_both_ways(
    tmp_path: Path, options: list[str], exported: int
) -> None:
    lines = compare(tmp_path, *options)
    assert {line["model"]: line["differences"] for line in lines if line["differences"]} == {}
    made = [line for line in lines if "ok" in line["outcomes"]]
    assert len(made) >= exported
    assert all(line["ways"] == [["plain: switched off"], ["memoized"]] for line in made)
    assert all(line["messages"] for line in made)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Sweeps over a model of `OWN`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")

    def made(name: str, memoize: bool, opsets: Any = (17, 18, 19)) -> list[Cell]:
        model = {"factory": f"own.py:{name}", "inputs": [{"name": "x", "shape": [2, 3]}]}
        return sweep(tmp_path, name, model, memoize, list(opsets))

    yield made


def test_a_cell_is_what_a_process_of_its_own_makes_even_of_a_module_with_a_state(own: Any) -> None:
    memoized = own("Talks", True)
    # A sweep keeps the cells that it has: each call exports one opset, in a new process.
    own("Talks", False, [17])
    own("Talks", False, [17, 18])
    alone = own("Talks", False, [17, 18, 19])
    assert differences(alone, memoized) == []
    for cell in memoized:
        texts = {message["text"] for message in cell["messages"]}
        assert {"printed 2", "warned of 2", "logged 2"} <= texts
        assert cell["way"] == "memoized"


@pytest.mark.parametrize("name", ["Fails", "Decomposes"])
def test_a_failure_is_the_same_in_every_cell_and_never_about_us(own: Any, name: str) -> None:
    plain, memoized = own(name, False), own(name, True)
    assert [cell["outcome"] for cell in memoized] == ["refused"] * 3
    assert differences(plain, memoized) == []
    assert {cell["traceback"] for cell in memoized} == {memoized[0]["traceback"]}
    assert "_memory.py" not in json.dumps(memoized)


def places() -> list[Any]:
    """What is in place of everything that `Memory` may replace."""
    return [vars(owner)[name] for owner, name, _ in Memory(wanted=True)._stand_ins]


def test_nothing_is_replaced_before_or_after_a_call_that_may_raise() -> None:
    before, memory = places(), Memory(wanted=True)
    with pytest.raises(KeyError, match="of the call"), memory.remembering():
        assert not any(new is old for new, old in zip(places(), before, strict=True))
        raise KeyError("of the call")
    assert len(before) == 5
    assert all(new is old for new, old in zip(places(), before, strict=True))


@pytest.mark.parametrize(
    ("owner", "name"),
    [("_core", "_prepare_exported_program_for_export"), ("_schemas", "op_signature_from_function")],
)
def test_a_function_that_is_not_there_means_the_plain_way(
    owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"torch.onnx._internal.exporter.{owner}")
    monkeypatch.delattr(module, name)
    memory = Memory(wanted=True)
    assert memory.way.startswith("plain: ") and name in memory.way
    with memory.remembering():
        assert name not in vars(module)


@pytest.mark.parametrize("package", ["torch", "onnxscript"])
def test_a_version_that_was_not_compared_means_the_plain_way(
    own: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_memory.KNOWN, package, "1.0")
    assert own("Talks", True, [18])[0]["way"].startswith(f"plain: {package} ")


def test_the_switch_reaches_the_sweeps_of_dynamo_alone() -> None:
    model = {"factory": "torch.nn:ReLU", "inputs": [{"name": "x", "shape": [1]}]}
    on, off = (
        config.resolve({"models": {"m": model}, **given}, ROOT)
        for given in ({}, {"memoize": False})
    )
    changed = {
        name for name in on.exporters if on.export_spec("m", name) != off.export_spec("m", name)
    }
    assert changed == {"dynamo"}
    assert on.define_spec("m") == off.define_spec("m")


def test_work_that_raises_is_done_again_and_its_messages_are_heard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers: Answers = {}

    def work(fail: bool) -> int:
        print("at work")
        if fail:
            raise ValueError("failed")
        return 3

    for _ in range(2):
        with pytest.raises(ValueError, match="failed"):
            once(answers, "key", work, True)
    assert [once(answers, "key", work, False) for _ in range(2)] == [3, 3]
    assert capsys.readouterr().out == "at work\n" * 4


if __name__ == "__main__":
    main(sys.argv[1:])
