"""The fast way to make a cell gives the same as the plain way: some built-in models per path.

`make truth` compares all of them. Here are those whose exports take special paths.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders.project import ROOT
from opset_atlas.exporters import _compared

PARTS = ("workflow", "config", "tools/truth.py")
REGISTRY = 'key = ("registry", given, tuple(named.items()))'


def compared(root: Path, folder: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of `root/tools/truth.py`, and a line for each model."""
    lines = folder / "lines.jsonl"
    done = subprocess.run(
        [sys.executable, str(root / "tools/truth.py"), "--output", str(lines), *options],
        env={**os.environ, "PYTHONPATH": str(root / "workflow"), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert lines.exists(), done.stderr[-3000:]
    return done.returncode, [json.loads(line) for line in lines.read_text().splitlines()]


def test_models_that_take_every_path(tmp_path: Path) -> None:
    models = ("scripted_loop", "dynamic_lstm", "optional_has_element", "dictionary_output")
    status, lines = compared(ROOT, tmp_path, "--opsets", "9", "18", "23", "--models", *models)
    assert [line["differences"] for line in lines] == [[]] * len(models)
    assert status == 0
    found = {key: total(line[key] for line in lines) for key in ("outcomes", "ways", "raw")}
    assert found["outcomes"].keys() >= {"ok", "moved", "refused", "invalid"}
    assert found["ways"].keys() >= {"memoized / plain: switched off", "plain / plain"}
    assert "unequal" not in found["raw"] and found["raw"]["equal"] > 50
    assert all(line["messages"] and line["measures"] for line in lines)
    assert sum(line["tracebacks"] for line in lines) > 5


def total(counts: Any) -> Counter[str]:
    return sum(map(Counter, counts), Counter())


def test_an_answer_for_another_opset_is_found(tmp_path: Path) -> None:
    """A copy that caches the registry for the wrong opsets."""
    root = tmp_path / "broken"
    for part in PARTS:
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, root / part)
    memory = root / "workflow/opset_atlas/exporters/_memory.py"
    code = memory.read_text(encoding="utf-8")
    assert REGISTRY in code
    memory.write_text(code.replace(REGISTRY, 'key = "registry"'), encoding="utf-8")
    models = ("--models", "gelu_tanh", "--opsets", "18", "20")
    status, (line,) = compared(root, tmp_path, *models)
    assert status == 1
    assert any(text.startswith("dynamo at 20, canonical_sha256") for text in line["differences"])


def test_an_entry_is_printed_for_a_version_under_which_nothing_differs() -> None:
    """For the installed torch, in this environment; another version has an environment made."""
    version = metadata.version("torch").partition("+")[0]
    given = ["--environment", sys.prefix, "--sample", "1", version]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/compare_torch.py"), *given],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (entry,) = yaml.safe_load(done.stdout.partition("\n")[2])
    (known,) = (each for each in _compared.table() if each["torch"] == version)
    assert entry.keys() == known.keys()
    assert entry["torch"] == version and entry["models"] == 1 and entry["cells"] == 35


def test_a_version_that_no_index_has_is_named_without_a_traceback(tmp_path: Path) -> None:
    folder, nowhere = tmp_path / "made", (tmp_path / "nowhere").as_uri()
    given = ["--environment", str(folder), "--index", nowhere, "9.9.9"]
    for _ in range(2):  # what was left unfinished is made again
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools/compare_torch.py"), *given],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1
        said = done.stderr.splitlines()[-1]
        assert said == f"{folder}: pip could not install torch==9.9.9 (exit status 1)"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"differences": ["a message"], "ways": {"memoized / plain: off": 5}}, "differ in m"),
        ({"differences": [], "ways": {"plain: moved / plain: off": 5}}, "no cell was made with"),
        ({"differences": [], "ways": {"memoized / plain: off": 5, "plain / plain": 30}}, ""),
    ],
)
def test_no_entry_where_the_ways_differ_or_nothing_was_remembered(
    line: dict[str, Any], problem: str
) -> None:
    module = load_file(ROOT / "tools/compare_torch.py")
    assert problem in module.problem_of([{"model": "m", **line}])
    assert bool(module.problem_of([{"model": "m", **line}])) == bool(problem)
    assert module.problem_of([]) == "nothing was compared"


def load_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
