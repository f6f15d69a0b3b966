"""Remove Snakemake's limit of jobs per second, which is useless on a single machine.

By default Snakemake starts at most 100 jobs a second. To enforce that limit, its scheduler checks
the ready jobs again one second after each check, and every finished job starts another such chain
(scheduling/job_scheduler.py, `_schedule_reevalutation`). docs/speed.md has the cost.

The change: `JobScheduler.job_rate_limiter` becomes None, as Snakemake itself does in a dry run. It
was verified on the versions below. With other versions, on a cluster, or if the user set a limit,
nothing is changed. `tests/unit/test_scheduler.py` fails if Snakemake moves the patched attribute.
"""

from __future__ import annotations

from typing import Any

from opset_atlas.execution import environments

COMPARED = ("9.27.1",)
DEFAULT = (100, 1)  # jobs and seconds, of Snakemake's option --max-jobs-per-timespan


def without_timers(workflow: Any) -> bool:
    """Remove the limit from a run that is about to start; returns whether that was done."""
    scheduler = getattr(workflow, "scheduler", None)
    if (
        environments.version("snakemake") not in COMPARED
        or not workflow.local_exec
        or scheduler is None
        or not hasattr(scheduler, "job_rate_limiter")
        or set_by_user(workflow.scheduling_settings)
    ):
        return False
    scheduler.job_rate_limiter = None
    return True


def set_by_user(settings: Any) -> bool:
    """Whether a limit was given: `settings` are Snakemake's `SchedulingSettings`."""
    limit = settings.max_jobs_per_timespan
    if settings.max_jobs_per_second is not None or limit is None:
        return True
    return (limit.max_jobs, limit.timespan) != DEFAULT
