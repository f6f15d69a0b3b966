"""`opset-atlas text`, as git calls it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import onnx.parser
import pytest
from onnx.external_data_helper import convert_model_to_external_data
from opset_atlas.execution import environments
from opset_atlas.tools import text


def model(mode: str, weight: float = 1.0) -> onnx.ModelProto:
    values = ", ".join([str(weight), *["2"] * 63])
    return onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[64] x) => (float[64] y)'
        f" <float[64] w = {{{values}}}> {{ t = {mode}(x) y = Add(t, w) }}"
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit of `model.onnx`, configured as the help of `text` says."""
    call = f"{shlex.quote(sys.executable)} -m opset_atlas text"
    (tmp_path / "model.onnx").write_bytes(model("Relu").SerializeToString())
    (tmp_path / ".gitattributes").write_text("*.onnx diff=onnx\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "diff.onnx.textconv", call)
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "one")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environments.variables() | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def changed(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in "+++---"]


def test_the_help_says_these_two_lines() -> None:
    assert "echo '*.onnx diff=onnx' >> .gitattributes" in text.__doc__
    assert "git config diff.onnx.textconv 'opset-atlas text'" in text.__doc__


def test_git_shows_what_changed_in_a_graph(repository: Path) -> None:
    (repository / "model.onnx").write_bytes(model("Sigmoid").SerializeToString())
    found = changed(git(repository, "diff"))
    assert "-Relu-14" in found and "+Sigmoid-13" in found
    assert len(found) <= 6


def test_git_shows_a_changed_weight(repository: Path) -> None:
    (repository / "model.onnx").write_bytes(model("Relu", 1.5).SerializeToString())
    assert len(changed(git(repository, "diff"))) == 2


def test_external_data_that_git_leaves_elsewhere_does_not_stop_it(repository: Path) -> None:
    outside = model("Relu")
    convert_model_to_external_data(outside, location="weights.bin", size_threshold=0)
    onnx.save(outside, repository / "model.onnx")
    git(repository, "add", ".")
    # For the committed side git writes a copy of the file alone into a folder of its own.
    assert len(changed(git(repository, "diff", "--cached"))) <= 2
    assert "initializer float[64]" in git(repository, "show", "--textconv", ":model.onnx")
