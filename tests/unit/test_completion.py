"""What the TAB key completes, in a real bash; zsh and fish where they are installed."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from opset_atlas import __main__
from opset_atlas.tools import completion

ROOT = Path(__file__).parents[2]


def completed(*words: str, cwd: Path) -> set[str]:
    """What bash offers for the last word."""
    script = completion.FOLDER / "opset-atlas.bash"
    given = " ".join(f"'{word}'" for word in ("opset-atlas", *words))
    code = f"""
    source {script}
    function=$(complete -p opset-atlas | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    COMP_WORDS=({given}) COMP_CWORD={len(words)} COMP_LINE="opset-atlas {" ".join(words)}"
    COMP_POINT=${{#COMP_LINE}}
    $function opset-atlas "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "", done.stderr
    return set(done.stdout.split())


def test_commands(tmp_path: Path) -> None:
    assert completed("", cwd=tmp_path) >= set(__main__.COMMANDS)
    assert completed("di", cwd=tmp_path) == {"diff"}


def test_options_of_a_command(tmp_path: Path) -> None:
    assert completed("diff", "--ma", cwd=tmp_path) == {"--markdown"}
    assert {"--json", "--no-run"} <= completed("check", "--", cwd=tmp_path)


def test_files_and_operators_and_shells(tmp_path: Path) -> None:
    (tmp_path / "old.onnx").touch()
    assert completed("diff", "ol", cwd=tmp_path) == {"old.onnx"}
    assert completed("diff", "old.onnx", "ol", cwd=tmp_path) == {"old.onnx"}
    assert completed("text", "ol", cwd=tmp_path) == {"old.onnx"}
    assert completed("op", "Resi", cwd=tmp_path) == {"Resize"}
    assert "ai.onnx.ml.Scaler" in completed("op", "ai.onnx.ml.S", cwd=tmp_path)
    assert completed("completion", "", cwd=tmp_path) >= set(completion.SHELLS)


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_scripts_know_every_command_and_option(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completion.main([shell]) == 0
    script = capsys.readouterr().out
    for command in __main__.COMMANDS:
        assert command in script
        parser = importlib.import_module(f"opset_atlas.tools.{command}").parser()
        for option in (o for action in parser._actions for o in action.option_strings):
            name = option.lstrip("-") if shell == "fish" else option
            assert name in script, f"{option} of {command}: python tools/make_completion.py"


def test_the_scripts_are_those_of_the_parsers() -> None:
    pytest.importorskip("shtab")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_completion.py", "--check"],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "up to date\n", done.stdout + done.stderr


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_shell_can_read_its_script(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script = str(completion.FOLDER / f"opset-atlas.{shell}")
    done = subprocess.run([program, "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
