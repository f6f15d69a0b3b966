"""What SIGTERM does to a run on this machine: it ends the jobs too.

Snakemake (9.27.1, scheduling/job_scheduler.py) starts no more jobs then and waits for those that
run, which may take hours; whoever stops a run (systemd, a container's engine) waits seconds before
SIGKILL. The jobs of a cluster are their scheduler's.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import Any

from opset_atlas.execution import processes


def end_jobs_on_sigterm(workflow: Any) -> None:
    """Pass SIGTERM on to the jobs of a run that is about to start, after what Snakemake does."""
    if not workflow.local_exec:
        return
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        if callable(before):
            before(number, frame)
        processes.tell_descendants(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(ValueError):  # only a main thread may
        signal.signal(signal.SIGTERM, end)
