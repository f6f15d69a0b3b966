"""The benchmark: both loops give the same result, and tables are made from measurements."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders.project import ROOT


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the benchmark, by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))

    def load(name: str) -> ModuleType:
        return import_module(name)

    yield load
    for name in ("run", "usage", "machine", "write_docs", "plot"):
        sys.modules.pop(name, None)


def test_chunks_hold_every_model_once_in_the_same_order(bench: Any) -> None:
    run = bench("run")
    config = run.read(ROOT / "config/zoo.yaml", None)
    rounds = list(run.rounds(config, 30, 1))
    names = [name for part in rounds for name in part["models"]]
    assert sorted(names) == sorted(config["models"]) and names != sorted(names)
    assert names == [name for part in run.rounds(config, 30, 1) for name in part["models"]]
    assert all(part["opsets"] == config["opsets"] and not part["audit"] for part in rounds)


def test_more_models_than_there_are_come_again_under_other_names(bench: Any) -> None:
    models = {"a": {"factory": "a.py:A"}, "b": {"factory": "b.py:B"}}
    many = bench("run").choice(models, 5)
    assert len(many) == 5
    assert Counter(spec["factory"] for spec in many.values()).most_common()[0][1] == 3


def test_a_touched_model_is_one_whose_file_is_its_own(bench: Any, tmp_path: Path) -> None:
    run = bench("run")
    run.copy_to(tmp_path, run.read(ROOT / "config/config.yaml", None))
    run.CHANGES["model"](tmp_path)
    changed = [
        path.name
        for path in (tmp_path / "workflow/zoo").glob("*.py")
        if path.read_bytes() != (ROOT / "workflow/zoo" / path.name).read_bytes()
    ]
    assert changed == ["topk.py"]  # simple_model.py belongs to two models


def test_a_profile_counts_the_logs_of_its_own_run(bench: Any, tmp_path: Path) -> None:
    usage = bench("usage")
    for name, age in (("old", 100), ("new", 0)):
        path = tmp_path / f"export/{name}/dynamo.log"
        path.parent.mkdir(parents=True)
        path.write_text('words\nusage {"seconds": 2.0, "cpu_seconds": 1.5}\n')
        os.utime(path, (1000 - age, 1000 - age))
    done = usage.Command("", 9.0, own=1.0, all=3.0, worker=2.0, outlived=0)
    found = usage.profile(done, tmp_path, since=950)
    assert found["stages"] == {"export": {"jobs": 1, "wall": 2.0, "cpu": 1.5}}
    assert (found["snakemake"], found["shells"], found["worker"]) == (1.0, 2.0, 2.0)


def test_a_command_that_fails_is_no_measurement(bench: Any, tmp_path: Path) -> None:
    usage = bench("usage")
    with pytest.raises(usage.Failed, match="status 3"):
        usage.run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
    busy = "import time; [i * i for i in range(10**7)]; time.sleep(0.5)"
    done = usage.run([sys.executable, "-c", f"print(1); {busy}"], tmp_path)
    assert done.output == "1\n" and 0 < done.own <= done.all <= done.seconds + 0.5


def test_messages_name_no_folder(bench: Any) -> None:
    text = 'File "/a/b c.py", run /d/e/f.onnx and:/g/h, 1/2 a/b, s/t'
    assert bench("machine").impersonal(text) == 'File "b c.py", run f.onnx and:h, 1/2 a/b, s/t'


def line(run: str, chunk: int | None, **seconds: float) -> dict[str, Any]:
    ways = {name: {"seconds": value, "outcomes": {"ok": 2}} for name, value in seconds.items()}
    return {"run": run, "case": "zoo", "chunk": chunk, "cores": 2, "runs": ways, "then": {}}


def test_the_newest_run_of_a_case_counts(bench: Any, tmp_path: Path) -> None:
    lines = [line("1", None, workflow=9.0), line("2", None, workflow=1.0)]
    lines += [line("2", None, workflow=3.0)]
    path = tmp_path / "speed.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    docs = bench("write_docs")
    assert docs.ratio(docs.read(path, "case")["zoo"], "workflow") == (2.0, 1.0, 3.0)


def test_ratios_are_of_rounds_with_both_and_of_sums_over_chunks(bench: Any) -> None:
    docs = bench("write_docs")
    repeated = [line("1", None, workflow=1.0, straight=2.0), line("1", None, workflow=5.0)]
    assert docs.ratio(repeated, "workflow", "straight") == (0.5, 0.5, 0.5)
    chunks = [
        line("1", 30, workflow=1.0, straight=2.0),
        line("1", 30, workflow=1.0, straight=8.0),
    ]
    assert docs.ratio(chunks, "workflow", "straight") == (0.2, 0.125, 0.5)
    assert docs.ratio(chunks, "workflow", "accelerated") is None


def test_a_change_is_beside_the_loop_over_the_cells_that_it_changed(
    bench: Any, tmp_path: Path
) -> None:
    run, docs = bench("run"), bench("write_docs")
    config = run.read(ROOT / "config/config.yaml", None)
    assert run.OVER["opset"](config)["opsets"] == [21]
    assert list(run.OVER["model"](config)["models"]) == ["topk"]
    run.copy_to(tmp_path, config)
    for change in run.OVER:
        run.CHANGES[change](tmp_path)
    changed = run.read(tmp_path / "config/config.yaml", None)
    assert changed["opsets"] == [*config["opsets"], 21]
    assert changed["models"].keys() - config["models"].keys() == {"added"}
    lines = [line("1", None, workflow=9.0, straight=20.0)]
    lines[0] |= {"then": {"opset": {"seconds": 3.0}}, "over": {"opset": {"seconds": 4.0}}}
    assert docs.ratio(lines, "opset", "over opset") == (0.75, 0.75, 0.75)
    assert docs.ratio(lines, "opset", "over model") is None


def test_what_is_generated_stands_between_its_markers(bench: Any) -> None:
    docs = bench("write_docs")
    text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    assert docs.fill(text, "x", r"new \1") == "a\n<!-- x -->\nnew \\1\n<!-- /x -->\nb\n"
    with pytest.raises(LookupError):
        docs.fill(text, "y", "new")


def test_the_page_holds_what_was_measured(bench: Any, monkeypatch: Any, tmp_path: Path) -> None:
    """docs/speed.md is as `make bench-docs` writes it from the committed measurements."""
    docs = bench("write_docs")
    page = tmp_path / "speed.md"
    page.write_text(docs.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(docs, "draw", lambda bars, path: None)  # matplotlib is not everywhere
    monkeypatch.setattr(docs, "PAGE", page)
    docs.main()
    assert page.read_text(encoding="utf-8") == (ROOT / "docs/speed.md").read_text(encoding="utf-8")
