"""The environments in which jobs run: which Python, which packages, which copy of this package.

An environment is identified by its prefix, the `sys.prefix` of its Python. The default is the
environment of this process.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from opset_atlas.execution import python_path
from opset_atlas.execution.address import HERE, RUN

# What the user typed, if that was not a call of Snakemake.
COMMAND = "ATLAS_COMMAND"


def variables() -> dict[str, str]:
    """Environment variables that make `python -m opset_atlas STAGE` use this tree and this Python.

    Under `--sdm conda` the environment of a rule takes precedence over this Python. The user's own
    PYTHONPATH comes after this tree. No process sees a GPU: models run on the CPU, and a process
    that has looked for one could not be forked.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = python_path.with_own(os.environ.get("PYTHONPATH", ""))
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    return {"PYTHONPATH": own, "PATH": path, RUN: str(os.getpid()), **hidden}


def unsupported(platform: str = sys.platform) -> str:
    """Why this operating system cannot run the stages, in a sentence; "" on Linux."""
    if platform == "linux":
        return ""
    return (
        f"opset-atlas runs its stages only on Linux, and this is {platform}: it isolates models by"
        " fork, prctl and Unix sockets. Use a Linux container or virtual machine."
    )


def python(prefix: str = HERE) -> str:
    """The Python of an environment."""
    return sys.executable if prefix == HERE else f"{prefix}/bin/python"


def versions(packages: Iterable[str], prefix: str = HERE) -> dict[str, str | None]:
    """The versions of some distributions in an environment; None where one is not installed."""
    return {name: version(name, prefix) for name in packages}


@functools.cache
def version(package: str, prefix: str = HERE) -> str | None:
    """The version of a distribution in an environment, from its metadata there.

    No Python is started, since this is called for every job at every start of Snakemake.
    """
    from importlib import metadata

    if prefix == HERE:
        found = metadata.distributions(name=package)
    else:
        found = metadata.distributions(name=package, path=_site_packages(prefix))
    return next((each.version for each in found), None)


@functools.cache
def _site_packages(prefix: str) -> list[str]:
    return [str(path) for path in sorted(Path(prefix).glob("lib*/python3*/site-packages"))]
