"""What the console shows, and when.

In a terminal: one line that changes, and above it what failed. Elsewhere (a pipe, a CI): a line per
job that ended. At the end: what ran, and the answer of the run. All else is in Snakemake's own log.

The progress goes to standard error, where Snakemake writes; the answer to standard output. The
answer comes with a record that the Snakefile logs; this package knows nothing about the results.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_opset_atlas.progress import Job, Progress, clock, tail
from snakemake_logger_plugin_opset_atlas.screen import Stream

# Tells a job's process that its progress is shown here (`opset_atlas.execution.client`).
CONSOLE = "ATLAS_CONSOLE"
# A record with this attribute has the answer: a function from a width to lines with their styles.
ANSWER = "atlas_answer"
# The rule that ends a run with an error where the answer has failures, and says the same.
CONCLUDE = "conclude"

_TICK = 0.25  # seconds between two looks at a terminal's line
_QUIET_FOR = 30.0  # seconds without a line, elsewhere, until a long job is named
_SOON = 2.0  # seconds until the log of a job is looked at
_LOG_LINES = 30  # of a failed job
_COMMAND = 300  # characters of a failed job's command
# What Snakemake (9.27.1) says of the run itself. Where it says something else one day, these lines
# are missing or said twice, and nothing else happens.
_STOPPING = ("Terminating processes on user request", "Will exit after finishing")
_NOTHING = "Nothing to be done"
_RETRIED = "Trying to restart job"
_SAID_HERE = ("Exiting because a job execution failed", "At least one job did not complete")
_EXIT = re.compile(
    r"CalledProcessError in file .* returned non-zero (exit status \d+)"
    r"|CalledProcessError in file .* died with <Signals\.(\w+)",
    re.DOTALL,
)
_NEVER = ("Assuming unrestricted shared filesystem usage",)
_LOGS = "Complete log(s): "

Answer = Callable[[int], Iterable[tuple[str, str]]]


def stands_aside(settings: Any) -> bool:
    """Whether the user asked for what Snakemake itself prints: a dry run, commands, the DAG."""
    return bool(
        settings.dryrun or settings.verbose or settings.printshellcmds or settings.debug_dag
    )


class Console:
    """The console of a run.

    Records come on one thread, and the line that changes is drawn on another.

    Args:
        quiet: what not to show, as in Snakemake's `--quiet`.
    """

    def __init__(self, log: Stream, out: Stream, quiet: Iterable[str]) -> None:
        self._log, self._out, self._quiet = log, out, frozenset(quiet)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._progress: Progress | None = None  # of a run that executes jobs
        self._started = False
        self._nothing = self._stopping = self._erred = False
        self._answer: Answer | None = None
        self._held: list[Any] = []  # failures that the answer says better
        self._exits: list[str] = []  # errors that name a job's command, before those of the job
        self._logs = ""
        self._spoke = time.time()
        self._looked: tuple[float, str, str] = (0.0, "", "")
        self._ticker = threading.Thread(target=self._tick, daemon=True, name="atlas-console")

    @classmethod
    def of_run(cls, settings: Any) -> Console:
        """The console of this process, by Snakemake's settings and the environment."""
        log = Stream(sys.stderr, os.environ, settings.nocolor)
        out = Stream(sys.stdout, os.environ, settings.nocolor)
        quiet = {getattr(each, "name", str(each)).lower() for each in settings.quiet or ()}
        console = cls(log, out, quiet)
        os.environ[CONSOLE] = "1"
        return console

    def handle(self, record: LogRecord) -> None:
        """Take in a record."""
        with self._lock:
            self._take(record)

    def close(self) -> None:
        """Say how the run ended, and its answer."""
        self._stop()
        with self._lock:
            self._log.erase()
            self._conclude()

    def abandon(self) -> None:
        """Stop without a word."""
        os.environ.pop(CONSOLE, None)
        self._stop()
        self._log.erase()

    def _stop(self) -> None:
        self._ended.set()
        if self._ticker.is_alive():
            self._ticker.join(2.0)

    def _take(self, record: LogRecord) -> None:
        event = getattr(record, "event", None)
        if answer := getattr(record, ANSWER, None):
            self._answer = answer
        elif event == LogEvent.WORKFLOW_STARTED:
            self._started = True
        elif event == LogEvent.RUN_INFO:
            self._begin(getattr(record, "stats", {}), record.created)
        elif event == LogEvent.JOB_INFO:
            self._job_began(record)
        elif event == LogEvent.JOB_FINISHED:
            self._job_ended(record)
        elif event == LogEvent.PROGRESS:
            self._count(record)
        elif event == LogEvent.JOB_ERROR:
            self._job_failed(vars(record), record.created)
        elif event == LogEvent.GROUP_ERROR:
            for each in getattr(record, "job_error_info", []):
                self._job_failed(each, record.created)
        elif record.levelno >= WARNING:
            self._problem(record)
        elif event is None:
            self._note(record.getMessage())

    def _begin(self, stats: Any, now: float) -> None:
        counts = {rule: count for rule, count in dict(stats).items() if rule != "total"}
        total = int(dict(stats).get("total", sum(counts.values())))
        self._progress = Progress(begun=now, total=total, counts=counts)
        if not self._log.live and not self._quiet & {"progress", "all"}:
            jobs = ", ".join(f"{count} {rule}" for rule, count in counts.items())
            for line in textwrap.wrap(f"{total} jobs: {jobs}", self._log.width):
                self._say(line)
        if not self._quiet & {"progress", "all"} and self._ticker.ident is None:
            self._ticker.start()

    def _job_began(self, record: LogRecord) -> None:
        if self._progress:
            given = vars(record)
            self._progress.running[given["jobid"]] = Job(
                rule=given["rule_name"],
                wildcards=tuple(map(str, dict(given["wildcards"] or {}).values())),
                log=tuple(Path(path).absolute() for path in given["log"]),
                started=record.created,
            )

    def _job_ended(self, record: LogRecord) -> None:
        if not self._progress:
            return
        ended = self._progress.finish(vars(record)["job_id"], record.created)
        if self._log.live or self._quiet & {"progress", "rules", "all"} or not ended:
            return
        job, seconds = ended
        if job.log:  # else it only names the run's targets
            self._say(f"{self._place()}{job.name}, {seconds:.1f} s")

    def _count(self, record: LogRecord) -> None:
        if self._progress:
            self._progress.done = int(vars(record)["done"])
            self._progress.total = int(vars(record)["total"])

    def _place(self) -> str:
        """`[  7/85] `"""
        assert self._progress
        total = str(self._progress.total)
        return f"[{self._progress.done:>{len(total)}}/{total}] "

    def _job_failed(self, given: Any, now: float) -> None:
        ended = self._progress.running.pop(given["jobid"], None) if self._progress else None
        name = ended.name if ended else str(given["rule_name"])
        if self._progress:
            self._progress.failed.append(name)
        if given["rule_name"] == CONCLUDE:
            self._held.append(given)
        elif not self._stopping:
            self._failure(name, given, now - ended.started if ended else None)

    def _failure(self, name: str, given: Any, seconds: float | None = None) -> None:
        """A failed job in full, with the end of its log."""
        after = f" after {clock(seconds)}" if seconds is not None else ""
        self._say(f"failed: {name}{after}{self._exit(given)}", "bad")
        if given.get("rule_msg"):
            self._say(f"  {given['rule_msg']}")
        for key, value in dict(given.get("aux") or {}).items():
            self._say(f"  {key}: {value}")
        if given.get("output"):
            self._say(f"  output: {', '.join(map(str, given['output']))}")
        if command := " ".join(str(given.get("shellcmd") or "").split()):
            more = " … (the whole command is in Snakemake's log)" * (len(command) > _COMMAND)
            self._say(f"  command: {command[:_COMMAND]}{more}")
        for path in map(str, given.get("log") or []):
            lines = tail(Path(path), _LOG_LINES)
            self._say(f"  {path}{', its end:' if lines else ' is empty or missing'}")
            for line in lines:
                self._say(f"  | {line}")

    def _exit(self, given: Any) -> str:
        """How a failed job's process ended: `, exit status 1`."""
        command = str(given.get("shellcmd") or "").strip()
        for text in self._exits:
            if command and command in text and (found := _EXIT.search(text)):
                self._exits.remove(text)
                return f", {found[1] or found[2]}"
        return ""

    def _problem(self, record: LogRecord) -> None:
        """A warning, or an error that is not that of a job: in full."""
        text = record.getMessage()
        failed = self._progress and self._progress.failed
        if any(said in text for said in _SAID_HERE) and failed:
            return
        if self._progress and _EXIT.search(text):
            self._exits.append(text)
            return
        if record.levelno >= ERROR:
            self._erred = True
            for line in text.splitlines():
                self._say(line, "bad")
        elif "all" not in self._quiet:
            for line in text.splitlines():
                self._say(line, "warn")

    def _note(self, text: str) -> None:
        """What Snakemake says by the way: shown if no run has begun, which is another command."""
        if text.startswith(_STOPPING):
            if not self._stopping:
                self._say(text, "warn")
            self._stopping = True
        elif text.startswith(_NOTHING):
            self._nothing = True
        elif text.startswith(_LOGS):
            self._logs = text.removeprefix(_LOGS)
        elif "all" in self._quiet or text.startswith(_NEVER):
            return
        elif text.startswith(_RETRIED) or not self._started:
            for line in text.splitlines():
                self._say(line)

    def _say(self, text: str, style: str = "plain") -> None:
        self._log.line(text, style)
        self._spoke = time.time()

    def _tick(self) -> None:
        """Keep the line of a terminal true, or elsewhere name what takes long."""
        while not self._ended.wait(_TICK if self._log.live else 1.0):
            with self._lock:
                try:
                    self._look(time.time())
                except Exception:  # a line less; records show it if the console is broken
                    self._log.erase()

    def _look(self, now: float) -> None:
        progress = self._progress
        if not progress or self._stopping:
            return
        if self._log.live:
            self._log.draw(self._status(progress, now))
        elif now - self._spoke >= _QUIET_FOR and (job := progress.longest()):
            text = f"{job.name}: {self._inside(job, now)}".rstrip(": ")
            self._say(f"{self._place()}{text}, {clock(now - job.started)} so far")

    def _status(self, progress: Progress, now: float) -> str:
        """`31/85  0:20 left  export my_model · dynamo: 14: exporting, 3 of 12`"""
        left = progress.left(now)
        parts = [f"{progress.done}/{progress.total}", clock(now - progress.begun)]
        if left is not None:
            parts.append(f"{clock(left)} left")
        if job := progress.longest():
            more = len(progress.running) - 1
            inside = self._inside(job, now)
            parts.append(f"{job.name}{f' +{more}' * bool(more)}{f': {inside}' * bool(inside)}")
        return "  ".join(parts)

    def _inside(self, job: Job, now: float) -> str:
        """How far a job is, from its log, which is read once a second."""
        if now - job.started < _SOON:
            return ""
        looked, name, text = self._looked
        if name != job.name or now - looked >= 1.0:
            text = job.progress()
            self._looked = (now, job.name, text)
        return text

    def _conclude(self) -> None:
        """The last lines: how the run ended, its log, its answer."""
        if not self._answer:
            for given in self._held:
                self._failure(given["rule_name"], given)
        if not (self._stopping or self._held):
            for text in self._exits:
                self._say(text, "bad")
        if "all" in self._quiet and not (self._progress and self._progress.failed):
            return
        self._outcome(time.time())
        if self._logs and not self._nothing:
            self._log.line(f"Snakemake's log: {_relative(self._logs)}", "dim")
        if self._answer:
            self._out.line()
            for style, text in self._answer(self._out.width):
                # Failures of opset-atlas are last, and seen where the answer goes to a file.
                (self._log if style == "loud" else self._out).line(text, style)

    def _outcome(self, now: float) -> None:
        progress = self._progress
        if self._nothing:
            self._log.line("Nothing to do.")
        if not progress:
            return
        took = clock(now - progress.begun)
        if self._stopping:
            text = f"Stopped after {took}"
            if "progress" not in self._quiet:
                text += f" with {progress.done} of {progress.total} jobs done"
            self._log.line(f"{text}. The same command goes on from there.", "warn")
        elif progress.failed:
            failed = progress.failed
            rest = progress.total - progress.done - len(failed)
            text = f"{len(failed)} of {progress.total} jobs failed"
            if rest and "progress" not in self._quiet:  # else Snakemake does not say what ended
                text += f", and {rest} that need them did not run"
            self._log.line(f"{text}: {', '.join(failed[:5])}{', …' * (len(failed) > 5)}", "bad")
        elif not self._erred:
            jobs = "1 job" if progress.total == 1 else f"{progress.total} jobs"
            self._log.line(f"{jobs} done in {took}.")


def _relative(paths: str) -> str:
    """Paths, as seen from here where they are below."""
    here = f"{Path.cwd()}{os.sep}"
    return ", ".join(path.removeprefix(here) for path in paths.split(", "))
