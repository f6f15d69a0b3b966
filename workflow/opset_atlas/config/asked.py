"""Functions that Snakemake calls for every job: inputs, parameters and resources."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def asked_per_job(function: _Function) -> _Function:
    """Keep the signature of a function with it.

    Snakemake tells by the names of a function's arguments what to give to it, and asks `inspect`
    for them three times a job and function. `inspect` takes what `__signature__` says, and works it
    out again each time where there is none.
    """
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function
