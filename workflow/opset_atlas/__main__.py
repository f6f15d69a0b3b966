"""The command line: `opset-atlas COMMAND …`, or `python -m opset_atlas COMMAND …`.

The rules call it, too: `python -m opset_atlas [--log FILE] [--level NAME] STAGE …`. In a run on one
machine its warm worker runs the stage (`execution.client`); `--level` names what the stage needs
there, where it depends on a plug-in. Stages are left out of `--help`, since nobody types them.

A command is a file in `tools/`. Only the one that is called is imported, and nothing heavy with it.
"""

from __future__ import annotations

import os
import sys

# In the order of `--help`: a command, and what it answers.
FILES = {
    "diff": "what differs between two ONNX files, and why",
    "check": "one ONNX file: what loads it, and whether it gives what it declares",
    "text": "an ONNX file as text that `git diff` can compare",
    "op": "the history of an operator",
}
RUNS = {
    "model": "the whole workflow over one model",
    "check_config": "check a configuration without running anything",
    "baseline": "what differs between two runs",
    "gate": "keep a run, and fail where a later one no longer gives the same",
    "coverage": "which operator versions a run has reached",
}
SHELL = {"completion": "completion of these commands for bash, zsh and fish"}
COMMANDS = FILES | RUNS | SHELL

_USAGE = """usage: opset-atlas COMMAND ...

Which ONNX opset to export at, what changes between opsets, why, and whether a file is right.

{commands}

opset-atlas COMMAND --help   what a command takes, with examples
opset-atlas --version        the version of opset-atlas, and of what it works with
"""
_EXAMPLES = """
  opset-atlas diff old.onnx new.onnx
  opset-atlas op Resize 11 13
  opset-atlas model net.py:Net --input 1,3,224,224
"""
_SHOWN = ("onnx", "onnxruntime", "torch")


def main(arguments: list[str] | None = None) -> int:
    """Run a command or a stage; returns its exit status."""
    given: dict[str, str] = {}
    words = sys.argv[1:] if arguments is None else arguments
    while words[:1] in (["--log"], ["--level"]) and len(words) > 2:
        given[words[0]], words = words[1], words[2:]
    name = words[0] if words else ""
    if name in {"-h", "--help", "help"}:
        print(usage(), end="")
        return 0
    if name == "--version":
        print(_versions())
        return 0
    if name in COMMANDS:
        return _command(name, words[1:])
    # Looking takes longer than all that a rule's call does here, and rules know what there is.
    if "--log" not in given and (problem := _problem(name)):
        print(problem, file=sys.stderr)
        return 2
    from opset_atlas.execution import client, levels

    level = given.get("--level") or levels.of_stage(name)
    try:
        return client.run(words, level, given.get("--log"))
    except KeyboardInterrupt:  # Ctrl-C in a run reaches its jobs too
        return 130


def usage() -> str:
    """What `--help` prints."""
    width = max(map(len, COMMANDS))
    groups = {"Files:": FILES, "Runs of the workflow:": RUNS, "Your shell:": SHELL}
    lines = []
    for title, commands in groups.items():
        lines += ["", title, *(f"  {name:{width}}  {what}" for name, what in commands.items())]
    return _USAGE.format(commands="\n".join(lines[1:])) + _EXAMPLES


def _command(name: str, arguments: list[str]) -> int:
    """Run a command as shells expect it of one: quiet when interrupted or when nobody reads on."""
    import importlib

    try:
        status = importlib.import_module(f"opset_atlas.tools.{name}").main(arguments)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "opset_atlas"}:
            raise
        from opset_atlas.tools._command import INSTALL

        print(f"opset-atlas {name}: it needs {package}. {INSTALL}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `opset-atlas op Resize | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status if isinstance(status, int) else 0


def _problem(name: str) -> str:
    """Why this is not to be run, or ""."""
    from opset_atlas import sources
    from opset_atlas.execution import environments

    stages = sources.programs("stages")
    if name not in stages | sources.programs("tools"):
        return _unknown(name)
    return environments.unsupported() if name in stages else ""


def _unknown(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, 1)
    if not name:
        return usage()
    known = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
    return f"opset-atlas: no command {name!r}; {known}"


def _versions() -> str:
    from opset_atlas.execution.environments import version

    installed = {name: version(name) for name in _SHOWN}
    own = version("opset-atlas") or "(from source)"
    others = ", ".join(f"{name} {found}" for name, found in installed.items() if found)
    return f"opset-atlas {own} with {others}"


if __name__ == "__main__":
    sys.exit(main())
