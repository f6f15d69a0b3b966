"""Work stopped at a time or memory limit, so that a changed limit repeats that work and no other.

Where something was stopped, a job writes a separate file next to its record. It holds the limits
at that time and the number of repeats, which the job was given as `--again`. Snakemake compares
that number, a parameter of the job, with the one of the job's last run (`again`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opset_atlas.base.files import json_argument, write_json

Limits = Mapping[str, Any]
NEVER = "0"
_NO_MEMORY = ("MemoryError", "bad_alloc", "allocate memory", "Failed to allocate", "out of memory")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options `--limits` and `--again` of a stage."""
    parser.add_argument(
        "--limits", type=json_argument, default={}, help="JSON or @FILE, over the spec's own"
    )
    parser.add_argument("--again", default=NEVER, help="how often it was tried again")


def spec_with_limits(options: argparse.Namespace) -> dict[str, Any]:
    """The specification that a stage was given, with the limits of `--limits` under `limits`."""
    given = {"limits": options.limits} if options.limits else {}
    return {**options.spec, **given}


def is_at_limit(status: str, detail: str) -> bool:
    """Whether another limit may give another result: a process ended or ran out of memory.

    Args:
        status: `crashed`, `timeout`, or the outcome that was reached.
        detail: the message of Python, of C++ or of a runtime.
    """
    return status in ("crashed", "timeout") or any(words in detail for words in _NO_MEMORY)


def note(record: Path, limits: Limits, told: str, anything: bool) -> None:
    """Note that something in a record was stopped, or remove that note.

    Args:
        told: the job's `--again`, that is, the result of `again` when the job began.
        anything: whether something was stopped.
    """
    if anything or told != NEVER:
        write_json(_beside(record), {"limits": limits if anything else None, "told": told})
    else:
        _beside(record).unlink(missing_ok=True)


def again(record: Path, limits: Limits, changed: bool = False) -> str:
    """The `--again` of a job: the same as at its last run, unless it must run again.

    Args:
        changed: whether it must run again for another reason that Snakemake does not see.
    """
    try:
        found = json.loads(_beside(record).read_text(encoding="utf-8"))
        told, hit = int(found["told"]), found["limits"] not in (None, limits)
    except FileNotFoundError:
        told, hit = int(NEVER), False
    except (OSError, ValueError, KeyError, TypeError):
        return "-1"  # damaged
    return str(told + (hit or changed))


def _beside(record: Path) -> Path:
    return record.with_suffix(".stopped")
