"""Every command of the README, run as it is written: in a clone, with the files that it shows.

A block of commands is one shell, and a block of another language that begins with a comment that
names a file is that file. Two commands take too long for a second run: `make test` is this run (the
gate calls it), and `make report` finds the environment and the default run there, which other tests
made from nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.project import ROOT, Project

pytestmark = pytest.mark.workflow

README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.\w+)\n")
_COMMAND = re.compile(r"^(?:make|uvx|pip|source|opset-atlas|snakemake|git)\b")
# What the README shows below a block, as its output on a terminal of a hundred columns.
OUTPUTS = dict(
    re.findall(r"^```sh\n([^`]*)```\n\n```\n(.*?)```$", README, re.MULTILINE | re.DOTALL)
)
BLOCKS = [text for language, text in _BLOCK.findall(README) if language == "sh"]


def shown_files() -> Iterator[tuple[str, str]]:
    """Files whose content the README shows."""
    for language, text in _BLOCK.findall(README):
        if language != "sh" and (name := _FILE.match(text)):
            yield name[1], text


@pytest.fixture(scope="module")
def clone(
    default_run: Project, complete: Path, alone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A clone after `make report`, whose environment has the wheel instead of an editable install.

    Beside it is an environment without torch, for what the README says to install there.
    """
    folder = tmp_path_factory.mktemp("readme") / "opset-atlas"
    shutil.copytree(default_run.folder, folder, symlinks=True)
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(complete.parent)
    (folder / ".venv/main.stamp").touch()
    snakemake = folder / ".venv/bin/snakemake"
    snakemake.write_text(f"#!{complete / 'python'}\nfrom snakemake.cli import main\nmain()\n")
    snakemake.chmod(0o755)
    for name, text in shown_files():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_a_block_of_commands_runs(block: int, clone: Path, alone: Path) -> None:
    lines = [line for line in BLOCKS[block].splitlines() if not line.startswith("make test")]
    if shutil.which("uvx") is None:
        lines = [line.replace("uvx --from . ", "") for line in lines]
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    own |= {"PIP_REQUIRE_VIRTUALENV": "1", "COLUMNS": "100"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=clone,
        env={
            **own,
            "PATH": f"{alone}:{own['PATH']}",
            "PIP_REQUIRE_VIRTUALENV": "1",
            "COLUMNS": "100",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    if output := OUTPUTS.get(BLOCKS[block]):
        assert output in done.stdout, done.stdout[-4000:]


def test_every_command_is_in_a_block_that_is_run() -> None:
    outside = _BLOCK.sub("", README)
    quoted = [text for text in re.findall(r"`([^`\n]+)`", outside) if _COMMAND.match(text)]
    run = "\n".join(BLOCKS)
    assert [text for text in quoted if text not in run] == []
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_an_output_is_shown() -> None:
    assert len(OUTPUTS) == 1 and set(OUTPUTS) <= set(BLOCKS)


def test_it_is_short_and_what_it_links_to_is_there() -> None:
    assert len(README.splitlines()) < 150
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links and all((ROOT / link).exists() for link in links), links
