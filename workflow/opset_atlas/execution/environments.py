"""The environment in which jobs run: which Python, and which copy of this package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

WORKFLOW = Path(__file__).parents[2]


def variables() -> dict[str, str]:
    """Variables under which `python -m opset_atlas STAGE` is this very tree, run by this Python.

    Under `--sdm conda` the environment of a rule comes before this Python again.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {"PYTHONPATH": str(WORKFLOW), "PATH": path}
