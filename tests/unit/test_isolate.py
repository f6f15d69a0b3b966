"""An item that misbehaves costs itself and nothing else."""

import os
import signal
import subprocess
import sys
import time

import pytest
from opset_atlas.execution.isolate import run_isolated


def behave(item: str) -> str:
    if item == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "hang":
        time.sleep(60)
    if item == "exit":
        sys.exit(3)
    if item == "grandchild":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        time.sleep(60)
    if item == "memory":
        bytearray(4 << 30)
    return item.upper()


def statuses(items: list[str], **options: object) -> list[tuple[str, str, str]]:
    results = run_isolated(items, behave, **{"seconds": 1.0, **options})
    return [(item, result.status, result.value or result.detail) for item, result in results]


def test_results_arrive_in_order() -> None:
    assert statuses(["a", "b"]) == [("a", "done", "A"), ("b", "done", "B")]


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        ("segfault", "crashed", "process ended by SIGSEGV"),
        ("exit", "crashed", "process ended itself with status 3"),
        ("hang", "timeout", "still running at its time limit; killed"),
    ],
)
def test_a_fault_costs_its_item_alone(fault: str, status: str, detail: str) -> None:
    assert statuses(["a", fault, "b", fault]) == [
        ("a", "done", "A"),
        (fault, status, detail),
        ("b", "done", "B"),
        (fault, status, detail),
    ]


def test_a_grandchild_does_not_outlive_its_item() -> None:
    statuses(["grandchild"])
    time.sleep(0.1)
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "import time; time.sleep(60)" not in listing.stdout.replace(sys.argv[0], "")


def test_an_exception_of_our_own_is_raised_with_its_traceback() -> None:
    def broken(item: str) -> None:
        raise LookupError(item)

    with pytest.raises(RuntimeError, match="LookupError: a"):
        list(run_isolated(["a"], broken, seconds=5))


def test_memory_is_limited() -> None:
    with pytest.raises(RuntimeError, match="MemoryError"):
        statuses(["memory"], memory_mb=2048)


def test_setup_runs_in_every_child() -> None:
    marks: list[str] = []
    results = run_isolated(
        ["a", "segfault", "b"],
        lambda item: [behave(item), *marks],
        seconds=5,
        setup=lambda: marks.append("ready"),
    )
    assert [result.value for _, result in results] == [["A", "ready"], None, ["B", "ready"]]
