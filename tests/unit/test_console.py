"""The console shows a run's events: a line that changes, or a line per job; failures in full."""

from __future__ import annotations

import io
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake_logger_plugin_opset_atlas as plugin
import yte
from opset_atlas.execution import client, nothing
from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.settings.enums import Quietness
from snakemake.settings.types import OutputSettings
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase
from snakemake_logger_plugin_opset_atlas import console
from snakemake_logger_plugin_opset_atlas.progress import Job, Progress, clock
from snakemake_logger_plugin_opset_atlas.screen import Stream, columns, fit, printable

ROOT = Path(__file__).parents[2]
PROFILES = [
    "profiles/default",
    "workflow/profiles/slurm",
    "workflow/profiles/cluster-generic",
]
STATS = {"export": 2, "dump": 1, "all": 1, "total": 4}


class TestInterface(TestLogHandlerBase):
    """The tests that Snakemake's interface asks of every logger."""

    __test__ = True

    def get_log_handler_cls(self) -> type[plugin.LogHandler]:
        return plugin.LogHandler

    def get_log_handler_settings(self) -> None:
        return None

    @pytest.fixture(autouse=True)
    def kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(console.CONSOLE, "")


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Callable[..., plugin.LogHandler]:
    monkeypatch.setenv(console.CONSOLE, "")  # restored at the end

    def make(**settings: Any) -> plugin.LogHandler:
        return plugin.LogHandler(OutputSettings(**settings), None)

    return make


def record(event: LogEvent | None = None, message: str = "", **more: Any) -> logging.LogRecord:
    level = more.pop("level", logging.INFO)
    made = logging.LogRecord("snakemake.logging", level, "", 0, message, (), None)
    made.__dict__.update({"event": event, **more})
    return made


def job(number: int, rule: str, model: str, log: Path | str = "a.log") -> dict[str, Any]:
    wildcards = {"model": model} if model else {}
    return {
        "jobid": number, "rule_name": rule, "wildcards": wildcards, "log": [str(log)], "msg": "",
        "rule_msg": None, "output": ["out"], "shellcmd": "python -m x", "aux": {},
    }  # fmt: skip


def begin() -> list[logging.LogRecord]:
    return [
        record(LogEvent.WORKFLOW_STARTED, "Workflow has started!"),
        record(None, "Building DAG of jobs..."),
        record(LogEvent.RUN_INFO, "Job stats: …", stats=STATS),
    ]


def emit(handler: plugin.LogHandler, records: Iterable[logging.LogRecord]) -> None:
    for each in records:
        handler.emit(each)


def answer(width: int) -> list[tuple[str, str]]:
    return [("good", f"the answer in {width}"), ("loud", "opset-atlas itself failed")]


def test_elsewhere_a_line_per_job_and_the_answer_at_the_end(
    handler: Callable[..., plugin.LogHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    made = handler()
    emit(made, begin())
    emit(made, [record(LogEvent.JOB_INFO, **job(1, "export", "net"))])
    emit(made, [record(LogEvent.JOB_FINISHED, job_id=1)])
    emit(made, [record(LogEvent.PROGRESS, done=1, total=4)])
    emit(made, [record(None, "the answer", atlas_answer=answer)])
    made.close()
    made.close()
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "4 jobs: 2 export, 1 dump, 1 all",
        "[1/4] export net, 0.0 s",
        "4 jobs done in 0:00.",
        "opset-atlas itself failed",
    ]
    assert shown.out == "\nthe answer in 100\n"


def test_a_failed_job_is_shown_with_the_end_of_its_log(
    handler: Callable[..., plugin.LogHandler], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "export.log"
    log.write_text("".join(f"line {number}\x1b[2J\n" for number in range(100)))
    made = handler(quiet={Quietness.PROGRESS, Quietness.RULES})
    emit(made, begin())
    given = job(1, "export", "net", log)
    error = "CalledProcessError in file x, line 3:\nCommand 'python -m x' returned non-zero exit"
    emit(made, [record(LogEvent.JOB_INFO, **given)])
    emit(made, [record(LogEvent.ERROR, f"{error} status 7.", level=logging.ERROR)])
    emit(made, [record(LogEvent.JOB_ERROR, "Error in rule", level=logging.ERROR, **given)])
    emit(made, [record(None, "Exiting because a job execution failed.", level=logging.ERROR)])
    made.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "failed: export net after 0:00, exit status 7"
    assert "  command: python -m x" in lines
    assert [line for line in lines if line.startswith("  | ")] == [
        f"  | line {number} [2J" for number in range(70, 100)
    ]
    assert lines[-1] == "1 of 4 jobs failed: export net"
    assert not any("CalledProcessError" in line or "Exiting" in line for line in lines)


def test_what_went_wrong_before_a_run_is_shown_as_snakemake_says_it(
    handler: Callable[..., plugin.LogHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    made = handler(quiet={Quietness.ALL})
    text = "WorkflowError in file x:\nconfig: opsetz: unknown key"
    emit(made, [record(None, "Building DAG of jobs..."), record(LogEvent.ERROR, text, level=40)])
    made.close()
    assert capsys.readouterr().err == f"{text}\n"


def test_other_commands_say_what_they_say(
    handler: Callable[..., plugin.LogHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    made = handler()
    emit(made, [record(None, "Unlocked working directory.")])
    made.close()
    assert capsys.readouterr().err == "Unlocked working directory.\n"


@pytest.mark.parametrize("given", ["dryrun", "verbose", "printshellcmds", "debug_dag"])
def test_it_stands_aside_where_snakemakes_own_output_is_asked_for(
    handler: Callable[..., plugin.LogHandler], given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = handler(**{given: True})
    assert not made.writes_to_stream
    emit(made, [*begin(), record(None, "the answer", atlas_answer=answer)])
    made.close()
    assert capsys.readouterr() == ("", "")
    assert not os.environ[console.CONSOLE]  # jobs say themselves how far they are


def test_a_broken_console_leaves_snakemakes_own_output(
    handler: Callable[..., plugin.LogHandler],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = handler()
    emit(made, begin())
    monkeypatch.setattr(console.Console, "_job_began", lambda *_: 1 / 0)
    info = {**job(1, "export", "net"), "local": False, "is_checkpoint": False, "benchmark": None}
    info |= {"input": [], "reason": "new", "priority": 0, "threads": 1, "resources": {}}
    emit(made, [record(LogEvent.JOB_INFO, **info), record(LogEvent.PROGRESS, done=1, total=4)])
    made.close()
    shown = capsys.readouterr().err
    assert "note: the console of opset-atlas failed: ZeroDivisionError" in shown
    assert "rule export:" in shown and "1 of 4 steps (25%) done" in shown
    assert console.CONSOLE not in os.environ


def test_a_console_that_cannot_be_built_leaves_snakemakes_own_output(
    handler: Callable[..., plugin.LogHandler],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console.Console, "of_run", lambda *_: 1 / 0)
    made = handler()
    assert not made.writes_to_stream
    emit(made, begin())
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_closed_pipe_costs_the_output_alone(
    handler: Callable[..., plugin.LogHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    gone = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", gone)
    monkeypatch.setattr(sys, "stdout", gone)
    made = handler()
    emit(made, [*begin(), record(LogEvent.PROGRESS, done=1, total=4)])
    made.close()
    with pytest.raises(BrokenPipeError):  # the control: nobody reads
        gone.close()


class Terminal(io.StringIO):
    encoding = "ascii"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        text.encode(self.encoding)
        return super().write(text)


@pytest.mark.parametrize(
    ("environment", "live", "color"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
        ({"TERM": "xterm", "CI": "true"}, False, True),
        ({"TERM": "xterm", "CI": "false"}, True, True),
    ],
)
def test_color_and_the_changing_line_follow_the_environment(
    environment: dict[str, str], live: bool, color: bool
) -> None:
    terminal = Terminal()
    stream = Stream(terminal, environment, nocolor=False)
    stream.line("done", "good")
    assert (stream.live, "\x1b[32m" in terminal.getvalue()) == (live, color)


def test_a_line_is_written_above_the_one_that_changes() -> None:
    terminal = Terminal()
    stream = Stream(terminal, {"TERM": "xterm"}, nocolor=True)
    for text in ("one", "one", "two"):
        stream.draw(text)
    stream.line("above → it")  # in a terminal that has no arrow
    stream.draw("three")
    stream.erase()
    assert terminal.getvalue() == "one\r\x1b[Ktwo\r\x1b[Kabove ? it\nthree\r\x1b[K"


@pytest.mark.parametrize("width", range(1, 14))
def test_a_line_never_exceeds_the_terminal(width: int) -> None:
    for text in ("export net", "模型导出 net", "e\u0301tude de cas", ""):
        cut = fit(text, width)
        assert sum(map(columns, cut)) <= width
        assert cut == text or cut.endswith("…")


def test_what_moves_the_cursor_is_not_written() -> None:
    assert printable("a\x1b[2J\rb\u202ec\u2028d") == "a [2J b c d"


def test_the_time_left_follows_the_jobs_that_ended() -> None:
    progress = Progress(begun=0.0, total=12, counts={"export": 10, "report": 2})
    assert progress.left(1.0) is None
    for number, start in enumerate(range(0, 10, 2)):  # five exports of two seconds, one at a time
        progress.running[number] = Job("export", (), (), float(start))
        progress.finish(number, start + 2.0)
    assert progress.left(10.0) == pytest.approx(5 * 2 + 2 * 2)
    progress.running[9] = Job("export", (), (), 10.0)
    assert progress.left(11.0) == pytest.approx(5 * 2 + 2 * 2 - 1)


def test_a_long_job_says_how_far_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    running = Job("export", ("net", "dynamo"), (log,), 0.0)
    assert running.progress() == ""
    log.write_text("net × dynamo × 14: exporting, 3 of 12\nW1125 a warning of torch\n")
    assert (running.name, running.progress()) == ("export net · dynamo", "14: exporting, 3 of 12")


def test_times_as_a_clock_shows_them() -> None:
    assert [clock(each) for each in (0, 7.4, 59.6, 750, 3723)] == [
        "0:00", "0:07", "1:00", "12:30", "1:02:03",
    ]  # fmt: skip


def test_snakefile_and_jobs_know_the_same_names() -> None:
    assert client.CONSOLE == console.CONSOLE
    assert f'"{console.ANSWER}"' in (ROOT / "workflow/rules/common.smk").read_text()
    assert (ROOT / f"workflow/rules/{console.CONCLUDE}.smk").is_file()


def test_snakemake_says_that_nothing_is_to_be_done_as_expected() -> None:
    said = itertools.count()
    run, dry = (SimpleNamespace(is_main_process=True, dryrun=dry) for dry in (False, True))
    logger = logging.getLogger("snakemake.logging")
    before = list(logger.handlers)
    try:
        for workflow in (run, dry):
            nothing.call_when_nothing_is_done(workflow, lambda: next(said))
        logger.warning("something else")
        logger.warning(NOTHING_TO_BE_DONE_MSG)
    finally:
        logger.handlers[:] = before
    assert next(said) == 1  # not in the dry run
    assert NOTHING_TO_BE_DONE_MSG.startswith(console._NOTHING)


@pytest.mark.parametrize("folder", PROFILES)
def test_a_profile_names_the_console_only_where_it_is(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ROOT / folder / "profile.yaml"
    assert yte.process_yaml(path.read_text(), require_use_yte=True)["logger"] == ["opset-atlas"]
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    found = yte.process_yaml(path.read_text(), require_use_yte=True)
    assert "logger" not in found and found["keep-going"] is True
