"""What was stopped at a limit is repeated when the limit changes: not before, and only once."""

from __future__ import annotations

from pathlib import Path

import pytest
from opset_atlas.base import stopped

LOW, HIGH = {"cell_seconds": 1}, {"cell_seconds": 9}


class Job:
    """A job, and its parameter at its last run, which Snakemake remembers."""

    def __init__(self, record: Path) -> None:
        self.record, self.told = record, ""

    def start(self, limits: dict[str, int], hits_limit: bool, forced: bool = False) -> bool:
        """Whether the job runs at a start of Snakemake."""
        told = stopped.again(self.record, limits)
        if told == self.told and not forced:
            return False
        self.told = told
        stopped.note(self.record, limits, told, hits_limit)
        return True


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "record.json")


def test_what_was_not_stopped_leaves_no_file_and_knows_no_limit(job: Job) -> None:
    assert job.start(LOW, hits_limit=False)
    assert not job.start(HIGH, hits_limit=False)
    assert not list(job.record.parent.iterdir())


def test_another_limit_tries_again_until_nothing_is_stopped(job: Job) -> None:
    assert job.start(LOW, hits_limit=True)
    assert not job.start(LOW, hits_limit=True)
    assert job.start(HIGH, hits_limit=True)  # still too low
    assert not job.start(HIGH, hits_limit=True)
    assert job.start({"cell_seconds": 99}, hits_limit=False)
    for limits in ({"cell_seconds": 99}, HIGH, LOW):
        assert not job.start(limits, hits_limit=False)


def test_a_run_for_another_reason_forgets_nothing(job: Job) -> None:
    job.start(LOW, hits_limit=True)
    job.start(HIGH, hits_limit=False)
    assert job.start(LOW, hits_limit=False, forced=True)
    assert not job.start(LOW, hits_limit=False)
    assert job.start(LOW, hits_limit=True, forced=True)
    assert not job.start(LOW, hits_limit=True)
    assert job.start(HIGH, hits_limit=False)


def test_a_run_that_was_interrupted_before_the_job_tries_it_later(job: Job) -> None:
    job.start(LOW, hits_limit=True)
    assert stopped.again(job.record, HIGH) == stopped.again(job.record, HIGH) != job.told


def test_another_reason_is_told_once(job: Job) -> None:
    job.start(LOW, hits_limit=False)
    told = stopped.again(job.record, LOW, changed=True)
    assert told != job.told
    stopped.note(job.record, LOW, told, anything=False)
    assert stopped.again(job.record, HIGH) == told != stopped.again(job.record, LOW, changed=True)


def test_a_damaged_note_is_a_reason_to_try_again(job: Job) -> None:
    job.start(LOW, hits_limit=True)
    job.record.with_suffix(".stopped").write_text("{")
    assert job.start(LOW, hits_limit=False)


@pytest.mark.parametrize(
    ("status", "detail", "expected"),
    [
        ("timeout", "still running at its time limit; killed", True),
        ("crashed", "process ended by SIGKILL", True),
        ("refused", "MemoryError: Unable to allocate 4 GiB", True),
        ("failed", "[ONNXRuntimeError] : 1 : FAIL : std::bad_alloc", True),
        ("refused", "UnsupportedOperatorError: aten::x", False),
        ("ok", "", False),
    ],
)
def test_what_another_limit_may_change(status: str, detail: str, expected: bool) -> None:
    assert stopped.is_at_limit(status, detail) is expected
