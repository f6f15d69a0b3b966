"""Snakemake's scheduler without its limit of jobs per second, of no use on one machine.

Snakemake starts at most 100 jobs a second, unless told otherwise. To obey that limit its scheduler
looks at the ready jobs once more a second after each look, and every job that ends starts another
such chain (scheduling/job_scheduler.py, `_schedule_reevalutation`); docs/speed.md has what it took.

What this changes: `JobScheduler.job_rate_limiter` becomes None, which is what Snakemake itself sets
in a dry run. Compared on the versions below; with others, in a cluster, or where the user set a
limit, nothing is touched. `tests/unit/test_scheduler.py` fails when the patched place moves.
"""

from __future__ import annotations

from typing import Any

from opset_atlas.execution import environments

COMPARED = ("9.27.1",)
DEFAULT = (100, 1)  # jobs and seconds, of Snakemake's option --max-jobs-per-timespan


def without_timers(workflow: Any) -> bool:
    """Take the limit away from the scheduler of a run that is about to start; whether it was."""
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
