"""Caching in a sweep: messages, failures, versions. tools/truth.py compares built-in models."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opset_atlas import exporters
from opset_atlas.base.files import write_json
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.exporters import _compared, dynamo
from opset_atlas.exporters._memory import Memory
from opset_atlas.exporters._once import Answers, once
from opset_atlas.records import Cell
from opset_atlas.stages import define, export

ROOT = Path(__file__).parents[2]
ZOO = "config/zoo.yaml"
NOT_COMPARED = {"fingerprint", "way", "sha256", "delivered_sha256", "size_bytes"}
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
        record = define.define(Specs(settings).job("define", model=name), frozen)
        write_json(frozen / "record.json", record)
    job = exporters.Job(Specs(settings).job("export", model=name, exporter="dynamo"), frozen, None)
    return export.sweep(job, folder / name / ("memoized" if memoize else "plain"))["cells"]


def differences(plain: list[Cell], memoized: list[Cell]) -> list[str]:
    """All differences between two records of a cell, except in parts that need not agree."""
    return [
        f"{key} at {left['requested']}: {left[key]!r} or {right[key]!r}"  # type: ignore[literal-required]
        for left, right in zip(plain, memoized, strict=True)
        for key in left.keys() - NOT_COMPARED
        if left[key] != right[key]  # type: ignore[literal-required]
    ]


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
    """The current value of everything that `Memory` may replace."""
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
    [
        ("torch.onnx._internal.exporter._core", "_prepare_exported_program_for_export"),
        ("torch.onnx._internal.exporter._schemas", "op_signature_from_function"),
        ("torch._export.utils", "_materialize_cpp_cia_ops"),
    ],
)
def test_a_function_that_is_not_there_means_the_plain_way(
    owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(owner)
    monkeypatch.delattr(module, name)
    memory = Memory(wanted=True)
    assert memory.way.startswith("plain: ") and name in memory.way
    with memory.remembering():
        assert name not in vars(module)


@pytest.mark.parametrize("package", ["torch", "onnxscript"])
def test_a_version_that_was_not_compared_means_the_plain_way(
    own: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [{**entry, package: "1.0"} for entry in _compared.table()]
    monkeypatch.setattr(_compared, "table", lambda: others)
    way = own("Talks", True, [18])[0]["way"]
    assert re.fullmatch(r"plain: torch [\d.]+ with onnxscript [\d.]+ was not compared", way)
    assert dynamo.together({"memoize": True}, [9, 18]) == [[9], [18]]


def test_every_entry_of_the_table_says_what_was_compared_and_the_lock_is_in_it() -> None:
    for entry in _compared.table():
        assert set(entry) == {"torch", "onnxscript", "onnx", "models", "cells", "date"}
        assert entry["models"] >= 32 and entry["cells"] >= 30 * entry["models"]
    lock = (ROOT / "envs/main.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^(torch|onnxscript)==(.+)$", lock, re.MULTILINE))
    assert any(locked.items() <= entry.items() for entry in _compared.table())


def test_opsets_that_share_a_process_share_the_operators_of_the_registry() -> None:
    """Otherwise the program would be captured twice in it."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with Memory(wanted=True).remembering():
        found = {
            opset: frozenset(ONNXRegistry.from_torchlib(max(opset, 18)).functions)
            for opset in range(9, 26)
        }
    groups = dynamo.together({"memoize": True}, list(found))
    assert [len({found[opset] for opset in group}) for group in groups] == [1, 1]
    assert dynamo.together({"memoize": False}, [9, 18]) == [[9], [18]]


@pytest.mark.parametrize("memoize", [True, False])
def test_a_cell_does_not_depend_on_the_cells_before_it(tmp_path: Path, memoize: bool) -> None:
    """torch refuses this model if the process has captured it before."""
    model = config.load([ZOO])["models"]["dynamic_lstm"]
    cells = sweep(tmp_path, "dynamic_lstm", model, memoize, [18, 19, 23])
    assert [cell["outcome"] for cell in cells] == ["ok"] * 3


def test_the_switch_reaches_the_sweeps_that_share_something() -> None:
    model = {"factory": "torch.nn:ReLU", "inputs": [{"name": "x", "shape": [1]}]}
    on, off = (
        config.resolve({"models": {"m": model}, **given}, ROOT)
        for given in ({}, {"memoize": False})
    )
    changed = {
        name for name in on.exporters if Specs(on).export("m", name) != Specs(off).export("m", name)
    }
    assert changed == {"dynamo", "converter"}
    assert Specs(on).text("define", model="m") == Specs(off).text("define", model="m")


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


def test_the_operators_are_listed_once_per_decomposition_and_as_ever_afterwards(
    own: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each listing writes a line, since sweeps run in processes of their own."""
    from torch._export import utils

    original, counted = utils._materialize_cpp_cia_ops, tmp_path / "counted"

    def listing() -> None:
        with counted.open("a", encoding="utf-8") as lines:
            print("listed", file=lines)
        original()

    monkeypatch.setattr(utils, "_materialize_cpp_cia_ops", listing)
    found = {}
    for memoize in (True, False):
        counted.write_text("")
        assert own("Talks", memoize, [18])[0]["outcome"] == "ok"
        found[memoize] = len(counted.read_text().splitlines())
    assert found[True] == 1 < found[False]
    assert utils._materialize_cpp_cia_ops is listing
