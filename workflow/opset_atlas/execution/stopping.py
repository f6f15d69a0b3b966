"""Make SIGTERM end the jobs of a run on this machine too.

On SIGTERM Snakemake (9.27.1, scheduling/job_scheduler.py) starts no more jobs but waits for the
running ones, which may take hours. Whoever stops a run (systemd, a container engine) waits only
seconds before SIGKILL. The jobs of a cluster are left to their scheduler.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import Any


def end_jobs_on_sigterm(workflow: Any) -> None:
    """Pass SIGTERM on to the jobs of a run that is about to start, after Snakemake's handler."""
    if not workflow.local_exec:
        return
    # Not at the top: another system is refused in one sentence, after this file was imported.
    from opset_atlas.execution import processes

    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        if callable(before):
            before(number, frame)
        processes.tell_descendants(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(ValueError):  # only the main thread may set a handler
        signal.signal(signal.SIGTERM, end)
