"""docs/tool.md: every command in it runs, and prints what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from opset_atlas import __main__
from opset_atlas.execution import environments

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tool.md"


def sessions() -> dict[str, list[tuple[str, str]]]:
    """The commands of every block, with what the page shows after them."""
    found = {}
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        lines = [part.partition("\n") for part in parts]
        found[lines[0][0]] = [(command, shown) for command, _, shown in lines]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with the two files, and `opset-atlas` on the path."""
    for opset, name in ((11, "old"), (13, "new")):
        shutil.copy(ROOT / f"docs/examples/resize-{opset}.onnx", tmp_path / f"{name}.onnx")
    (tmp_path / ".bin").mkdir()
    program = tmp_path / ".bin" / "opset-atlas"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m opset_atlas "$@"\n')
    program.chmod(0o755)
    ready = "git init --quiet && git add old.onnx new.onnx && git commit --quiet -m one"
    assert (
        run(tmp_path, f"{ready.replace('commit', '-c user.name=a -c user.email=a commit')}") == ""
    )
    return tmp_path


def run(folder: Path, command: str) -> str:
    own = environments.variables()
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **own,
            "PATH": os.pathsep.join([str(folder / ".bin"), own["PATH"]]),
            "HOME": str(folder),
            "COLUMNS": "80",
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == "", done.stderr
    return done.stdout


@pytest.mark.parametrize("session", sessions())
def test_a_command_prints_what_the_page_shows(session: str, folder: Path) -> None:
    for command, shown in sessions()[session]:
        assert run(folder, command) == shown, command


def test_the_page_shows_every_command_about_files() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for command in [*__main__.FILES, *__main__.SHELL]:
        assert re.search(rf"^\$ .*opset-atlas {command}\b", text, re.MULTILINE), command
