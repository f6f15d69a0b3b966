"""The fast way to make a cell gives the same as the plain way: some built-in models per path.

`make truth` compares all of them. Here are those whose exports take special paths.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from builders.project import ROOT

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
