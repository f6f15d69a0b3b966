"""What a run is doing: its jobs from Snakemake's events, and how long the rest may take."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

# Before a guess about the rest is worth showing.
_LEAST_DONE, _LEAST_SHARE, _LEAST_SECONDS = 3, 0.1, 3.0
_RECENT = 32  # jobs of a rule that say how long the next one takes
_LINES = 20  # at the end of a log, in which progress is looked for
_LINE = 200  # bytes that a line of a log usually has at most
# What stages write when they begin a part of long work.
_COUNTS = re.compile(r"\b\d+ of \d+$")


@dataclass(frozen=True)
class Job:
    """A job that was started; `log`: its files."""

    rule: str
    wildcards: tuple[str, ...]
    log: tuple[Path, ...]
    started: float

    @property
    def name(self) -> str:
        """`export my_model · dynamo`"""
        return f"{self.rule} {' · '.join(self.wildcards)}".rstrip()

    def progress(self) -> str:
        """The last line of its log that counts, without what the name says.

        `14: exporting, 3 of 12`
        """
        lines = tail(self.log[0], _LINES) if self.log else []
        text = next((line for line in reversed(lines) if _COUNTS.search(line)), "")
        for value in self.wildcards:
            text = text.removeprefix(value).lstrip(" ×:·")
        return text


@dataclass
class Progress:
    """The jobs of a run. Times are seconds of one clock, whichever."""

    begun: float
    total: int = 0
    done: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    _finished: Counter[str] = field(default_factory=Counter)
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _spent: float = 0.0

    def finish(self, number: int, now: float) -> tuple[Job, float] | None:
        """Note that a job has ended; returns it and its seconds, if it was known."""
        self.done += 1
        job = self.running.pop(number, None)
        if job is None:
            return None
        seconds = max(now - job.started, 0.0)
        self._finished[job.rule] += 1
        self._recent.setdefault(job.rule, deque(maxlen=_RECENT)).append(seconds)
        self._spent += seconds
        return job, seconds

    def longest(self) -> Job | None:
        """The job that has been running for the longest time."""
        return min(self.running.values(), key=lambda job: job.started, default=None)

    def left(self, now: float) -> float | None:
        """Seconds that the rest may take, by the jobs that have ended; None: too early to say.

        By the median of each rule, since the first jobs wait until packages are imported.
        """
        elapsed = now - self.begun
        least = max(_LEAST_DONE, _LEAST_SHARE * self.total)
        if self.done < least or elapsed < _LEAST_SECONDS or not self._recent:
            return None
        usual = {rule: median(seconds) for rule, seconds in self._recent.items()}
        other = median(usual.values())
        rest = sum(
            max(count - self._finished[rule], 0) * usual.get(rule, other)
            for rule, count in self.counts.items()
        )
        under_way = sum(now - job.started for job in self.running.values())
        at_once = max((self._spent + under_way) / elapsed, 0.1)
        return max(rest - under_way, 0.0) / at_once


def tail(path: Path, lines: int = 1) -> list[str]:
    """The last lines of a file; none if it cannot be read."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _LINE * lines))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return text.strip().splitlines()[-lines:]


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`"""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
