"""An item that misbehaves affects nothing else, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opset_atlas.execution import isolate, processes
from opset_atlas.execution.isolate import Result, run_isolated

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def segfault() -> None:
    faulthandler.disable()  # pytest's own, which would print a page
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(60)


def leave() -> None:
    sys.exit(3)


def kill_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def kill_group() -> None:
    os.killpg(0, signal.SIGKILL)


def close_everything() -> None:
    os.closerange(0, 100)


def write_everywhere() -> None:
    for number in range(3, 100):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"not what was agreed\n")
    time.sleep(60)


def break_streams() -> None:
    sys.stdout = sys.stderr = None


def patch_modules() -> None:
    json.dumps = json.loads = os.write = os._exit = os.getpid = None  # type: ignore[assignment]


def fork() -> None:
    os.fork()


def fork_and_leave() -> None:
    if os.fork():
        os._exit(0)


BEHAVIOR: dict[str, Callable[[], None]] = {
    f.__name__: f
    for f in (
        segfault,
        hang,
        leave,
        kill_parent,
        kill_group,
        close_everything,
        write_everywhere,
        break_streams,
        patch_modules,
        fork,
        fork_and_leave,
    )
}


def behave(item: str) -> str:
    if item in BEHAVIOR:
        BEHAVIOR[item]()
    return item.upper()


def outcomes(
    items: list[str], work: Callable[[str], object] = behave, **options: object
) -> list[Result]:
    given = {"seconds": 5.0, "foreign": True, **options}
    return [result for _, result in run_isolated(items, work, **given)]


def words(results: list[Result]) -> list[str]:
    return [result.value if result.status == "done" else result.detail for result in results]


@pytest.mark.parametrize("foreign", [True, False])
def test_results_arrive_in_order(foreign: bool) -> None:
    assert words(outcomes(["a", "b"], foreign=foreign)) == ["A", "B"]


@pytest.mark.parametrize("fault", ["segfault", "leave", "hang"])
def test_without_a_keeper_a_fault_costs_its_item_alone_too(fault: str) -> None:
    results = outcomes(["a", fault, "b"], seconds=1.0, foreign=False)
    assert [result.status == "done" for result in results] == [True, False, True]


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        ("segfault", "crashed", "process ended by SIGSEGV"),
        ("leave", "crashed", "process ended itself with status 3"),
        ("hang", "timeout", "still running at its time limit; killed"),
        ("kill_parent", "crashed", "process ended by SIGKILL"),
        ("kill_group", "crashed", "process ended by SIGKILL"),
        ("close_everything", "crashed", "process ended itself with status 1"),
        ("write_everywhere", "crashed", "its results were overwritten by its own code"),
        ("fork_and_leave", "crashed", "process ended itself with status 0"),
    ],
)
def test_a_fault_costs_its_item_alone(fault: str, status: str, detail: str) -> None:
    results = outcomes(["a", fault, "b", fault], seconds=1.0)
    assert words(results) == ["A", detail, "B", detail]
    assert [result.status for result in results] == ["done", status] * 2


@pytest.mark.parametrize("harm", ["break_streams", "patch_modules", "fork"])
def test_what_an_item_does_to_its_process_keeps_no_result_back(harm: str) -> None:
    results = outcomes(["a", harm, "b", harm, "c"])
    assert words(results) == ["A", harm.upper(), "B", harm.upper(), "C"]


def test_a_copy_of_an_item_ends_where_it_is_told_to(tmp_path: Path) -> None:
    """A constructor that forks returns twice; the copy must not write what the item writes."""

    def work(item: str) -> str:
        pid = os.fork()
        isolate.end_copy()
        (tmp_path / f"{os.getpid()}").write_text(item)
        os.waitpid(pid, 0)
        return item

    assert words(outcomes(["a", "b"], work)) == ["a", "b"]
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["b"]  # one child did both


def test_an_item_waits_for_its_copies_before_it_reads_what_both_have_written(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"

    def work(item: str) -> str:
        file.write_text("")
        if os.fork() == 0:
            time.sleep(0.3)
            file.write_text(item)
        isolate.end_copy()
        isolate.await_copies()
        return file.read_text()

    assert words(outcomes(["a", "b"], work)) == ["a", "b"]


def test_an_item_does_not_wait_for_another_program(tmp_path: Path) -> None:
    def work(item: str) -> str:
        subprocess.Popen(SLEEP)
        time.sleep(0.2)  # until it is another program
        isolate.await_copies()
        return item

    assert words(outcomes(["a"], work, seconds=2.0)) == ["a"]


def daemon(pids: Path) -> None:
    """Start a process that has left its parent, its session and its group."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    if os.fork() == 0:
        pids.write_text(str(os.getpid()))
        time.sleep(60)
    while not pids.exists() or not pids.read_text():
        time.sleep(0.01)
    os._exit(0)


def child(pids: Path) -> None:
    pids.write_text(str(subprocess.Popen(SLEEP).pid))


def own_session(pids: Path) -> None:
    pids.write_text(str(subprocess.Popen(SLEEP, start_new_session=True).pid))


@pytest.mark.parametrize("start", [child, own_session, daemon])
@pytest.mark.parametrize("after", ["done", "segfault", "leave", "hang", "kill_parent"])
def test_what_an_item_started_ends_with_it(
    start: Callable[[Path], None], after: str, tmp_path: Path
) -> None:
    def work(item: str) -> bool:
        if item == "first":
            start(tmp_path / "pid")
            return processes._lives(int((tmp_path / "pid").read_text())) and bool(behave(after))
        return processes._lives(int((tmp_path / "pid").read_text()))

    first, second = outcomes(["first", "second"], work, seconds=1.5)
    assert first.value is (True if after == "done" else None)
    assert second.value is False
    assert not processes._lives(int((tmp_path / "pid").read_text()))


def test_children_of_others_are_spared(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as other:
        assert words(outcomes(["a", "kill_parent", "b"])) == ["A", "process ended by SIGKILL", "B"]
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_items_end_with_the_process_that_runs_them(by: int, tmp_path: Path) -> None:
    code = (
        "import os, pathlib, subprocess, time\n"
        "from opset_atlas.execution.isolate import run_isolated\n"
        "def work(item):\n"
        f"    pid = subprocess.Popen({SLEEP!r}, start_new_session=True).pid\n"
        f"    path = pathlib.Path({str(tmp_path / 'pids')!r})\n"
        "    path.with_suffix('.new').write_text(f'{os.getpid()} {os.getppid()} {pid}')\n"
        "    path.with_suffix('.new').rename(path)\n"
        "    time.sleep(60)\n"
        "list(run_isolated([1], work, 60, foreign=True))\n"
    )
    path = str(Path(isolate.__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}
    ) as p:
        wait_for(lambda: (tmp_path / "pids").exists())
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(map(processes._lives, pids))
        p.send_signal(by)
    wait_for(lambda: not any(map(processes._lives, pids)))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_defect_of_our_own_costs_its_item_and_is_named() -> None:
    def broken(item: str) -> str:
        if item == "b":
            raise LookupError("no such thing")
        return item

    results = outcomes(["a", "b", "c"], broken)
    assert words(results) == ["a", "LookupError: no such thing", "c"]
    assert results[1].status == "internal-error"
    assert 'raise LookupError("no such thing")' in results[1].traceback


def test_a_setup_that_raises_is_the_result_of_every_item() -> None:
    results = outcomes(["a", "b"], setup=lambda: {}["missing"])
    assert words(results) == ["KeyError: 'missing'"] * 2
    assert {result.status for result in results} == {"internal-error"}


def test_memory_is_limited() -> None:
    (result,) = outcomes(["a"], lambda _: len(bytearray(4 << 30)), memory_mb=2048)
    assert (result.status, result.detail) == ("internal-error", "MemoryError")


def test_setup_runs_in_every_child() -> None:
    marks: list[str] = []
    results = outcomes(
        ["a", "segfault", "b"],
        lambda item: [behave(item), *marks],
        setup=lambda: marks.append("ready"),
    )
    assert [result.value for result in results] == [["A", "ready"], None, ["B", "ready"]]


def test_of_what_items_print_the_beginning_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    def work(item: str) -> str:
        os.write(1, f"{item} begins\n".encode())  # below Python's streams, which pytest captures
        if item == "loud":
            for _ in range(300):
                os.write(1, b"x" * (1 << 20))
        return item

    assert words(outcomes(["quiet", "loud", "last"], work, seconds=60)) == ["quiet", "loud", "last"]
    printed = capfd.readouterr().err
    assert len(printed) < isolate.PRINTED + 1000
    lines = [line if len(line) < 100 else "…" for line in printed.splitlines()]
    dropped = 300 * (1 << 20) + len("loud begins\n") - isolate.PRINTED
    assert lines == [
        "quiet begins",
        "loud begins",
        "…",
        f"… and {dropped} more bytes, which were dropped",
        "last begins",
    ]


def spin(seconds: float) -> None:
    """Use that much time of a CPU."""
    while time.process_time() < seconds:
        pass


@pytest.fixture
def crowded() -> Iterator[None]:
    """This process and its children share one CPU with two others that never rest."""
    if not hasattr(os, "sched_setaffinity") or not Path("/proc/self/schedstat").exists():
        pytest.skip("needs Linux")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        for each in busy:
            each.kill()
            each.wait()


def test_a_limit_does_not_count_the_time_that_others_have_the_cpu(
    crowded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolate, "MOST", 100)  # however busy the machine is
    works = {
        "work": lambda: spin(0.35),
        "too much": lambda: spin(9),
        "sleep": lambda: time.sleep(9),
    }
    results = outcomes([*works], lambda item: works[item](), seconds=0.6)
    assert [result.status for result in results] == ["done", "timeout", "timeout"]
    assert results[0].seconds > 0.6, "the machine was not crowded"
