"""The command line as a newcomer finds it: help, mistakes, interruptions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx.parser
import pytest
from opset_atlas import __main__, sources
from opset_atlas.execution import environments

HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "pandas", "snakemake", "argparse")


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opset_atlas", *arguments]
    return subprocess.run(
        command,
        env=environments.variables() | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )


def test_help_names_every_command_and_no_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--help"]) == 0
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:2] == "  "}
    tools = set(sources.programs("tools"))
    assert shown - {"opset-atlas"} == set(__main__.COMMANDS) == tools - {"conclude"}
    assert not shown & set(sources.programs("stages"))


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from opset_atlas.__main__ import main; main(['--help'])\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environments.variables(), capture_output=True, text=True
    )
    assert not set(HEAVY) & set(done.stderr.split())


@pytest.mark.parametrize("command", __main__.COMMANDS)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        __main__.main([command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: opset-atlas {command}" in out and "\nexamples:\n  " in out
    assert max(map(len, out.splitlines())) <= 100


# Absent where only the package and onnxruntime are installed.
MISSING = ("torch", "safetensors", "pandas", "jsonschema", "snakemake", "onnxscript", "rich")


@pytest.mark.parametrize(
    "arguments",
    [
        "diff {0} {0} --run",
        "diff {0} {0} --html page.html --markdown",
        "check {0}",
        "text {0}",
        "op Resize 11 13",
        "completion bash",
    ],
)
def test_commands_about_files_need_little(arguments: str, tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu(x) }'
    (tmp_path / "a.onnx").write_bytes(onnx.parser.parse_model(text).SerializeToString())
    code = f"import sys; sys.modules.update(dict.fromkeys({MISSING}))\n"
    code += "from opset_atlas.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments.format("a.onnx").split()],
        cwd=tmp_path,
        env=environments.variables(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


def test_a_misspelled_command_is_named_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert __main__.main(["dif", "a", "b"]) == 2
    assert capsys.readouterr().err == "opset-atlas: no command 'dif'; did you mean 'diff'?\n"
    assert __main__.main(["xyz"]) == 2
    assert "there are: diff, " in capsys.readouterr().err
    assert __main__.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: opset-atlas COMMAND")


def test_the_version_names_what_it_works_with() -> None:
    assert " with onnx 1." in run("--version").stdout


def test_a_reader_that_stops_reading_is_no_error() -> None:
    command = f"{sys.executable} -m opset_atlas check_config --document | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=environments.variables(),
        capture_output=True,
        text=True,
    )
    assert done.stderr == "" and done.stdout.count("\n") == 1


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run("text", "no.onnx", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "opset-atlas text: no.onnx cannot be read: No such file or directory\n"
