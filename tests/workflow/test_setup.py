"""The setup of a clone by make, as far as it can be tested without a fresh machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from builders.project import ROOT

pytestmark = pytest.mark.workflow

# A Python that says it is 3.9, to the check in the Makefile too.
OLD = """#!/bin/sh
exec python3 -c 'import sys
sys.version_info, sys.version = (3, 9, 2), "3.9.2 (old)"
exec(sys.argv[1])' "$2"
"""


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=60
    )


def test_an_older_python_gets_one_clear_sentence(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "envs"):
        (tmp_path / name).symlink_to(ROOT / name)
    old = tmp_path / "python3.9"
    old.write_text(OLD)
    old.chmod(0o755)
    done = make(tmp_path, "env", f"PYTHON={old}")
    assert done.returncode != 0
    assert "opset-atlas needs Python 3.11 or later" in done.stderr
    assert "is 3.9.2" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_index_of_torch_can_be_chosen(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "envs"):
        (tmp_path / name).symlink_to(ROOT / name)
    planned = make(tmp_path, "-n", "env", "TORCH_INDEX=https://example.org/cpu").stdout
    assert "--index-url https://example.org/cpu torch==2.13.0" in planned
    assert "--index-url" not in make(tmp_path, "-n", "env").stdout
