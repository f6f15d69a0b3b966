"""Python objects that a configuration says in plain data; built in the model's process only.

`{$tuple: [1, 2]}` is a tuple, `{$python: torch:float16}` the object of this name, and
`{$call: package.module:callable, args: […], kwargs: {…}}` what the callable returns.
`config.checks` knows the same three keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opset_atlas.models.loading import load_callable


def built(value: Any) -> Any:
    """`value` with the objects in it, at any depth.

    Raises:
        Whatever an import or a call raises.
    """
    if isinstance(value, list):
        return [built(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "$tuple" in value:
        return tuple(built(each) for each in value["$tuple"])
    if "$python" in value:
        return load_callable(value["$python"])
    if "$call" in value:
        args, kwargs = value.get("args", []), value.get("kwargs", {})
        return load_callable(value["$call"])(*built(args), **built(kwargs))
    return {key: built(each) for key, each in value.items()}
