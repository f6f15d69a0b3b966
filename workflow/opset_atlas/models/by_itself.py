"""Run a model as its user would: with torch and the user's own files, but without this package.

This text is passed to `python -c` with a JSON object as its argument: `factory`, `kwargs`,
`weights`, `dtype`, `seed`; `inputs`, a torch file with a list of tuples of tensors, and `items`,
how they are given, or `callable` and `seeds`, or `files` and `transform`, which make it; `result`,
the file to write the outcome to. If that file is missing at the end, the model ended the process.
"""

import importlib
import inspect
import json
import random
import sys
import traceback
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def main(task: dict[str, Any]) -> None:
    """Build the module and run it once on each of the inputs."""
    try:
        run(task)
        found = {"type": "", "message": "", "traceback": ""}
    except BaseException as error:  # a factory may raise something other than an Exception
        try:
            message = str(error)
        except BaseException as another:
            message = f"<no text: its __str__ raised {type(another).__name__}>"
        found = {
            "type": type(error).__name__,
            "message": message,
            "traceback": traceback.format_exc(),
        }
    Path(task["result"]).write_text(json.dumps(found), encoding="utf-8", errors="replace")


def run(task: dict[str, Any]) -> None:
    """Like `main`, but raises whatever the model or torch raises."""
    import torch

    torch.set_num_threads(1)
    random.seed(task["seed"])
    torch.manual_seed(task["seed"])
    module = find(task["factory"])(**built(task["kwargs"]))
    if task["weights"]:
        module.load_state_dict(state_of(task["weights"]))
    if task["dtype"] != "float32":
        module = module.to(getattr(torch, task["dtype"]))
    module.eval()
    with torch.no_grad():
        for args, kwargs in given(task, module):
            module(*args, **kwargs)


def given(task: dict[str, Any], module: Any) -> Any:
    """The positional and keyword arguments of each run."""
    import torch

    if task.get("files"):
        return [bound(read(file, task), module) for file in task["files"]]
    if not task.get("callable"):
        sets = torch.load(task["inputs"], weights_only=True)
        return [listed(task["items"], iter(tensors)) for tensors in sets]
    function = find(task["callable"])
    takes_seed = inspect.signature(function).parameters.keys() - {"sizes"}
    runs = []
    for seed in task["seeds"]:
        random.seed(seed)
        torch.manual_seed(seed)
        made = function(seed) if takes_seed else function()
        runs.append(bound(made, module))
    return runs


def bound(made: Any, module: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What was made, as arguments: the keys of a mapping are parameters, if they are."""
    if not isinstance(made, Mapping):
        return (tuple(made) if isinstance(made, tuple | list) else (made,)), {}
    parameters = inspect.signature(module.forward).parameters
    anything = any(each.kind == each.VAR_KEYWORD for each in parameters.values())
    if anything or set(made) <= set(parameters):
        return (), dict(made)
    return tuple(made.values()), {}


def read(file: str, task: dict[str, Any]) -> Any:
    """What a file of inputs holds."""
    import torch

    if task["transform"]:
        return find(task["transform"])(Path(file))
    if not file.endswith(".npz"):
        return state_of(file)
    import numpy

    with numpy.load(file) as arrays:
        tensors = {name: torch.from_numpy(numpy.asarray(arrays[name])) for name in arrays.files}
    dtype = getattr(torch, task["dtype"])
    return {n: t.to(dtype) if t.dtype == torch.float64 else t for n, t in tensors.items()}


def listed(items: Any, tensors: Any) -> tuple[list[Any], dict[str, Any]]:
    """A list of inputs as arguments."""
    args, kwargs = [], {}
    for item in items:
        if item.get("keyword"):
            kwargs[item["keyword"]] = value_of(item, tensors)
        else:
            args.append(value_of(item, tensors))
    return args, kwargs


def value_of(item: dict[str, Any], tensors: Any) -> Any:
    """The tensor, the constant or the nest that an item of the list stands for."""
    if "items" not in item:
        return built(item["value"]) if "value" in item else next(tensors)
    below = item["items"]
    if isinstance(below, dict):
        return {key: value_of(each, tensors) for key, each in below.items()}
    return tuple(value_of(each, tensors) for each in below)


def built(value: Any) -> Any:
    """A value of the configuration with the tuples and objects that it says."""
    if isinstance(value, list):
        return [built(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$tuple" in value:
        return tuple(built(value["$tuple"]))
    if "$python" in value:
        return find(value["$python"])
    if "$call" in value:
        args, kwargs = built(value.get("args", [])), built(value.get("kwargs", {}))
        return find(value["$call"])(*args, **kwargs)
    return {key: built(each) for key, each in value.items()}


def state_of(path: str) -> Any:
    """The user's weights."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def find(reference: str) -> Any:
    """The object that `path/to/file.py:name` or `package.module:name` refers to."""
    place, _, name = reference.rpartition(":")
    target: Any = load(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    for part in name.split("."):
        target = getattr(target, part)
    return target


def load(path: Path) -> Any:
    """Import a file as the files next to it would."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.endswith(path.name) and Path(file).resolve() == path.resolve():
            return module
    sys.path.append(str(path.resolve().parent))
    spec = spec_from_file_location(path.stem, path.resolve())
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
