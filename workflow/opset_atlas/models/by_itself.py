"""Run a model as its user would: with torch and the user's own files, but without this package.

This text is passed to `python -c` with a JSON object as its argument: `factory`, `kwargs`,
`weights`, `dtype`, `seed`; `inputs`, a torch file with a list of tuples of tensors, or `callable`
and `seeds`, which make them; `result`, the file to write the outcome to. If that file is missing at
the end, the model ended the process.
"""

import importlib
import inspect
import json
import random
import sys
import traceback
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
    module = find(task["factory"])(**task["kwargs"])
    if task["weights"]:
        module.load_state_dict(state_of(task["weights"]))
    if task["dtype"] != "float32":
        module = module.to(getattr(torch, task["dtype"]))
    module.eval()
    with torch.no_grad():
        for tensors in given(task):
            module(*tensors)


def given(task: dict[str, Any]) -> Any:
    """The inputs of each run."""
    import torch

    if not task.get("callable"):
        return torch.load(task["inputs"], weights_only=True)
    function = find(task["callable"])
    takes_seed = inspect.signature(function).parameters.keys() - {"sizes"}
    runs = []
    for seed in task["seeds"]:
        random.seed(seed)
        torch.manual_seed(seed)
        made = function(seed) if takes_seed else function()
        made = made.values() if isinstance(made, dict) else made
        runs.append((made,) if isinstance(made, torch.Tensor) else tuple(made))
    return runs


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
