"""Environments of their own for tests, without a download: they share this one's packages."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from builders.project import ROOT

# This package as a clone installs it: what points to the clone.
OURS = ("__editable__", "_opset_atlas", "opset_atlas")


def sharing_packages(folder: Path, without: Sequence[str] = ()) -> Path:
    """The Python of a new environment with the packages of this one.

    Args:
        without: beginnings of the names of files in `site-packages` that it does not get; this
            package is never among them.
    """
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for place in map(Path, sys.path):
        for path in place.iterdir() if place.name == "site-packages" else ():
            target = packages / path.name
            if not path.name.startswith((*without, *OURS)) and not target.exists():
                target.symlink_to(path)
    return folder / "bin/python"


def wheel(folder: Path) -> Path:
    """Build the wheel of this tree."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    pip("wheel", *options, str(ROOT))
    (found,) = folder.glob("*.whl")
    return found


def pip(*arguments: str) -> str:
    """Run pip, which says why where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def run(
    folder: Path, program: Path, *arguments: str, expected: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program as a user would, who has no PYTHONPATH and stands in `folder`."""
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == expected, done.stdout[-3000:] + done.stderr[-3000:]
    return done
