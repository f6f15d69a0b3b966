"""The limit of jobs per second: removed unless the user set it, and still in the same place."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import pytest
from opset_atlas.execution import environments, scheduler
from snakemake.cli import get_argument_parser
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.settings.types import MaxJobsPerTimespan, SchedulingSettings


def settings(*arguments: str) -> SchedulingSettings:
    """What Snakemake makes of its command line."""
    options = get_argument_parser().parse_args(["--cores", "1", *arguments])
    return SchedulingSettings(
        max_jobs_per_second=options.max_jobs_per_second,
        max_jobs_per_timespan=options.max_jobs_per_timespan,
    )


@dataclass
class Run:
    """The attributes of Snakemake's workflow that are read."""

    scheduling_settings: SchedulingSettings
    local_exec: bool = True
    scheduler: Any = field(default_factory=lambda: type("S", (), {"job_rate_limiter": "a limit"})())


def test_the_place_is_where_it_was_when_this_was_compared() -> None:
    """Fails with a Snakemake that has moved it, or whose default is another."""
    assert metadata.version("snakemake") in scheduler.COMPARED
    text = inspect.getsource(JobScheduler)
    assert "self.job_rate_limiter = (" in text
    assert text.count("if self.job_rate_limiter is not None:") == 1
    assert "self._schedule_reevalutation(self.job_rate_limiter.timespan)" in text
    assert "if self.job_rate_limiter is None:" in text  # it knows what to do without
    assert not scheduler.set_by_user(settings())


def test_it_is_taken_away_on_one_machine() -> None:
    run = Run(settings())
    assert scheduler.without_timers(run)
    assert run.scheduler.job_rate_limiter is None


@pytest.mark.parametrize(
    "run",
    [
        Run(settings("--max-jobs-per-timespan", "5/1s")),
        Run(settings("--max-jobs-per-timespan", "100/1m")),
        Run(settings("--max-jobs-per-second", "7")),
        Run(settings(), local_exec=False),
    ],
    ids=["per timespan", "per minute", "per second", "cluster"],
)
def test_it_stays_where_it_was_asked_for_and_in_a_cluster(run: Run) -> None:
    assert not scheduler.without_timers(run)
    assert run.scheduler.job_rate_limiter == "a limit"


def test_it_stays_with_a_snakemake_that_nobody_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "version", lambda name: "99.0")
    assert not scheduler.without_timers(Run(settings()))


def test_a_limit_of_a_timespan_has_the_two_numbers_that_are_compared() -> None:
    limit = MaxJobsPerTimespan.parse_choice("100/1s")
    assert (limit.max_jobs, limit.timespan) == scheduler.DEFAULT
