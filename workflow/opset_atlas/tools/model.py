"""The whole workflow over one model: the opset to export it at, what to avoid, and why.

MODEL is a class or function that returns an nn.Module, `path/to/file.py:NAME` or
`package.module:NAME`, or an ONNX file. Results go to `results` in the current folder, or in the one
that --output names; a second call goes on where an earlier one ended. `results/model.yaml` is the
same as a configuration file, where more can be set.

An input is written SHAPE, NAME:SHAPE, NAME:TYPE:SHAPE or NAME:TYPE:SHAPE:LOW..HIGH, and several in
the order in which the model takes them; FILE.py:FUNCTION instead returns the tensors. What follows
`--` is handed to Snakemake.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opset_atlas import sources
from opset_atlas.execution import environments
from opset_atlas.tools import _command
from opset_atlas.tools._command import INSTALL, Refusal

_EXAMPLES = """
  opset-atlas model torchvision.models:resnet18 --input 1,3,224,224
  opset-atlas model net.py:Net --input tokens:int64:1,16:0..999 --opsets 13-20 --open
  opset-atlas model net.py:Net --input x:1,8 --kwargs width=8 depth=2 --dynamic x:0=batch
  opset-atlas model net.onnx                      # converts an existing file
  opset-atlas model net.py:Net --input 1,8 -- -n  # only say what would run
"""
# What the stages import; the first three are also what a newcomer knows by name.
NEEDED = ("torch", "snakemake", "onnxruntime", "onnxscript", "pandas", "jsonschema", "safetensors")
CONFIG = Path("results/model.yaml")
REPORT = Path("results/report/index.html")
_SHAPE = re.compile(r"(\d+(,\d+)*)?")
_RANGE = re.compile(r"(?P<low>[^:]+)\.\.(?P<high>[^:]+)")
_CALLABLE = re.compile(r"[^:]+\.[^:]+:[A-Za-z_][\w.]*")


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("model", __doc__, _EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="what builds the module, or FILE.onnx")
    parser.add_argument(
        "--input", action="append", default=[], metavar="SPEC", help="an input; may be repeated"
    )
    parser.add_argument("--opsets", metavar="LIST", help="such as 11,13 or 13-20")
    parser.add_argument("--exporters", metavar="LIST", help="such as torchscript,dynamo")
    parser.add_argument("--runtimes", metavar="LIST", help="such as onnxruntime,reference")
    parser.add_argument(
        "--kwargs", nargs="+", default=[], metavar="KEY=VALUE", help="what MODEL takes"
    )
    parser.add_argument("--weights", metavar="FILE", help="state dict: .safetensors, .pt or .pth")
    parser.add_argument(
        "--dynamic", action="append", default=[], metavar="NAME:AXIS=DIM,…",
        help="axes of an input whose sizes may differ, and names of these dimensions",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=Path(), metavar="FOLDER", help="where `results` goes"
    )
    parser.add_argument("--cores", metavar="N", default="all", help="jobs at once (default: all)")
    parser.add_argument("--open", action="store_true", help="show the report in a browser")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status is Snakemake's, or 2 where it was not started."""
    words = sys.argv[2:] if arguments is None else arguments
    end = words.index("--") if "--" in words else len(words)
    options = parser().parse_args(words[:end])
    folder = options.output.resolve()
    try:
        _check_installed()
        _check_free(folder)
        text = _checked(options, folder)
    except Refusal as refusal:
        print(f"opset-atlas model: {refusal}", file=sys.stderr)
        return 2
    path = folder / CONFIG
    path.parent.mkdir(parents=True, exist_ok=True)
    called = shlex.join(["opset-atlas", "model", *words[:end]])
    path.write_text(f"# {called}\n{text}", encoding="utf-8")
    status = _snakemake(folder, options.cores, words[end + 1 :], called)
    if options.open and not status:
        webbrowser.open((folder / REPORT).as_uri())
    return status


def _check_installed() -> None:
    """Say what to install where stages could not run.

    Raises:
        Refusal: a package is missing, or this system cannot run the stages.
    """
    if problem := environments.unsupported():
        raise Refusal(problem)
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise Refusal(f"it runs the whole workflow, which needs {', '.join(missing)}. {INSTALL}")


def _check_free(folder: Path) -> None:
    """Leave alone what is not ours.

    Raises:
        Refusal: the folder has a `results` that no run of opset-atlas made.
    """
    results = folder / "results"
    others = any(results.glob("[!.]*"))
    if others and not (folder / CONFIG).exists() and not (results / "run.json").exists():
        raise Refusal(f"{results} has files of something else; name a folder: --output FOLDER")


def _checked(options: argparse.Namespace, folder: Path) -> str:
    """The configuration of a run in `folder`, as YAML.

    Raises:
        Refusal: with everything that is wrong with it.
    """
    import yaml

    from opset_atlas.config.settings import ConfigError, resolve

    here = Path.cwd()
    try:
        resolve(_configuration(options, here), here)  # the folder of the run may not exist yet
    except ConfigError as error:
        raise Refusal("\n".join(error.problems)) from None
    config = _configuration(options, folder)
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _configuration(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What the options say, with files relative to `folder`."""
    config: dict[str, Any] = {"models": {_id(options.model): _model(options, folder)}}
    if options.opsets:
        config["opsets"] = _opsets(options.opsets)
    for key in ("exporters", "runtimes"):
        if given := getattr(options, key):
            config[key] = given.split(",")
    return config


def _model(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The model's keys."""
    is_file = options.model.endswith(".onnx")
    model: dict[str, Any] = {"onnx" if is_file else "factory": _seen_from(folder, options.model)}
    inputs = [_input(text, number, folder) for number, text in enumerate(options.input)]
    called = [each for each in inputs if isinstance(each, str)]
    if called and len(inputs) > 1:
        raise Refusal(f"--input {called[0]} returns all tensors; expected no other --input")
    if inputs:
        model["inputs"] = called[0] if called else inputs
    elif not is_file:
        raise Refusal("expected --input, such as --input 1,3,224,224")
    if options.kwargs:
        model["kwargs"] = dict(map(_keyword, options.kwargs))
    if options.weights:
        model["weights"] = _seen_from(folder, options.weights)
    if options.dynamic:
        model["dynamic_shapes"] = dict(map(_dynamic, options.dynamic))
    return model


def _id(reference: str) -> str:
    """A model's name from its reference: `Net` of `net.py:Net`."""
    name = Path(reference).stem if reference.endswith(".onnx") else reference.rpartition(":")[2]
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")[:64] or "model"


def _seen_from(folder: Path, reference: str) -> str:
    """A file of the command line relative to the folder of the run; a module as it is."""
    path, colon, name = reference.rpartition(":")
    if not colon:
        path, name = reference, ""
    elif not path.endswith(".py"):
        return reference
    return os.path.relpath(path, folder) + colon + name


def _input(text: str, number: int, folder: Path) -> dict[str, Any] | str:
    """An input as the configuration has it."""
    *before, shape = text.split(":")
    found: dict[str, Any] = {}
    if before and (limits := _RANGE.fullmatch(shape)):
        found["range"] = [_value(limits["low"]), _value(limits["high"])]
        *before, shape = before
    if _SHAPE.fullmatch(shape) and len(before) <= 2 and all(before):
        name = before[0] if before else f"input_{number}" if number else "input"
        sizes = [int(size) for size in shape.split(",") if size]
        return {
            "name": name,
            "shape": sizes,
            **dict(zip(["dtype"], before[1:], strict=False)),
            **found,
        }
    if not found and _CALLABLE.fullmatch(text):
        return _seen_from(folder, text)
    raise Refusal(
        f"--input {text}: expected SHAPE, NAME:SHAPE, NAME:TYPE:SHAPE or FILE.py:FUNCTION, such as"
        " 1,3,224,224 or tokens:int64:1,16"
    )


def _opsets(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise Refusal(f"--opsets {text}: expected numbers and ranges, such as 11,13 or 13-20")
        found += range(int(low), int(high or low) + 1)
    return sorted(set(found))


def _dynamic(text: str) -> tuple[str, dict[str, str]]:
    name, colon, axes = text.rpartition(":")
    pairs = [part.partition("=") for part in axes.split(",")]
    if not all(axis.isdecimal() and dimension for axis, _, dimension in pairs):
        raise Refusal(f"--dynamic {text}: expected NAME:AXIS=DIMENSION, such as x:0=batch,2=height")
    return name if colon else "input", {axis: dimension for axis, _, dimension in pairs}


def _keyword(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise Refusal(f"--kwargs {text}: expected KEY=VALUE, such as in_features=8")
    return key, _value(value)


def _value(text: str) -> Any:
    from opset_atlas.config.reading import value

    return value(text)


def workflow() -> Path:
    """The folder with the Snakefile: that of a clone, or what the wheel brings."""
    shipped = sources.PACKAGE / "shipped"
    return shipped if shipped.is_dir() else sources.PACKAGE.parents[1]


def _snakemake(folder: Path, cores: str, further: Sequence[str], called: str) -> int:
    """Run the workflow in a folder, and end with it, on Ctrl-C and SIGTERM too."""
    root, here = workflow(), Path.cwd()
    own = os.environ.get("PYTHONPATH", "")
    path = own if folder == here else os.pathsep.join(filter(None, [own, str(here)]))
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to both
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")),
            *("--configfile", str(CONFIG), "--cores", cores),
            *("--workflow-profile", str(root / "profiles/default"), *further),
        ],
        cwd=folder,
        env={**os.environ, environments.COMMAND: called, "PYTHONPATH": path},
    )
    signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    status = process.wait()
    return status if status >= 0 else 128 - status
