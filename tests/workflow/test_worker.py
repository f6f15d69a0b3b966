"""The warm worker: for a user, only the time differs.

That its files are those of separate processes, to the byte, is what
`test_through_a_scheduler_the_same_bytes` compares: jobs on a cluster have no worker.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.project import ROOT, Project
from opset_atlas.execution import address, client, levels, server
from opset_atlas.execution.address import WORKERS

RUN = """
import os, pathlib, sys
from opset_atlas.execution import levels, server
print(server.start(pathlib.Path("worker.log"), levels.BELOW) or "started", flush=True)
print(os.environ["ATLAS_WORKERS"], flush=True)
sys.stdin.read()
"""
CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7]}]
opsets: [13]
exporters: [torchscript]
input_sets: [random-0]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def environment(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a run's jobs; the run lasts as long as the tests of this module."""
    own = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=folder, env=own, text=True, **pipes
    ) as run:
        said, path = (run.stdout.readline().strip() for _ in range(2))
        assert said == "started"
        yield {**own, WORKERS: path}
        run.stdin.close()
    deadline = time.monotonic() + 20
    # It ends with its run and leaves nothing behind: neither a folder nor a process of any level.
    while Path(path).exists() or processes_with(path):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def processes_with(argument: str) -> list[str]:
    """Ids of the processes that have it on their command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument.encode() in file.read_bytes().split(b"\0"):
                found.append(file.parent.name)
    return found


def ask(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "opset_atlas", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("judge", "--help"),
        ("judge", "--no-such-option"),
        ("dump", "--export", "nowhere", "--output", "out"),
        ("compare", "a.onnx", "b.onnx"),
        ("no_such_stage",),
    ],
)
def test_status_and_words_are_those_of_a_process_of_its_own(
    environment: dict[str, str], folder: Path, arguments: tuple[str, ...]
) -> None:
    alone = {key: value for key, value in environment.items() if key != WORKERS}
    one, other = (ask(env, folder, *arguments) for env in (environment, alone))
    assert one.returncode == other.returncode
    assert last_line(one.stderr) == last_line(other.stderr)
    assert without_usage(one.stdout) == without_usage(other.stdout)


def without_usage(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("usage {")]


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def test_jobs_run_beside_each_other_and_each_in_its_folder(
    environment: dict[str, str], folder: Path
) -> None:
    places = [folder / name for name in ("one", "two with a space", "dreï")]
    jobs = []
    for place in places:
        place.mkdir()
        verdicts = ["--parity", "parity", "--output", "verdicts.json"]
        spec = '{"order": [], "runtimes": []}'
        command = [sys.executable, "-m", "opset_atlas", "judge", "--spec", spec, *verdicts]
        jobs.append(subprocess.Popen(command, cwd=place, env=environment))
    assert [job.wait(60) for job in jobs] == [0, 0, 0]
    assert all((place / "verdicts.json").is_file() for place in places)


def test_a_job_that_is_cancelled_ends_in_the_worker_too(
    environment: dict[str, str], folder: Path
) -> None:
    started = folder / "started"
    spec = folder / "slow.py"
    spec.write_text(
        "import pathlib, os, time\n"
        f"def slow():\n    pathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    text = (
        '{"model": "m", "factory": "slow.py:slow", "inputs": [], "seed": 0, "input_sets": [],'
        ' "limits": {"cell_seconds": 600}}'
    )
    client = subprocess.Popen(
        [sys.executable, "-m", "opset_atlas", "define", "--spec", text, "--output", "out"],
        cwd=folder, env=environment,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not started.exists() or not started.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pid = int(started.read_text())
    assert alive(pid)
    client.send_signal(signal.SIGKILL)
    client.wait()
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_long_work_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "_PATIENCE", 0.05)
    log, (read, write) = tmp_path / "job.log", os.pipe()
    log.write_text("earlier\nmodel × dynamo × 13: exporting (5/12)\n")

    def job() -> None:
        time.sleep(0.5)
        with log.open("a") as file:
            file.write("model × dynamo × 14: exporting (6/12)\n")
        time.sleep(0.5)
        os.close(write)

    thread = threading.Thread(target=job)
    thread.start()
    client._watch(read, str(log))
    thread.join()
    assert capfd.readouterr().err.splitlines() == [
        "model × dynamo × 13: exporting (5/12)",
        "model × dynamo × 14: exporting (6/12)",
    ]


@pytest.mark.parametrize("warm", [True, False])
def test_a_log_takes_everything_and_the_status_is_the_stages(
    warm: bool, environment: dict[str, str], folder: Path
) -> None:
    own = environment if warm else {**environment, WORKERS: ""}
    done = ask(own, folder, "--log", "given.log", "define", "--no-such-option")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    assert "the following arguments are required" in (folder / "given.log").read_text()
    spec = '{"order": [], "runtimes": []}'
    options = ["--spec", spec, "--parity", "parity", "--output", "verdicts.json"]
    done = ask(own, folder, "--log", "given.log", "judge", *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    text = (folder / "given.log").read_text()
    assert text.startswith("usage ") and f'"worker": {str(warm).lower()}' in text


def test_what_needs_no_torch_waits_for_none(environment: dict[str, str]) -> None:
    code = "import sys; from opset_atlas.execution import levels; levels.preload('files')"
    code += "; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert {"onnx", "opset_atlas.stages.report.stage", "opset_atlas.stages.parity"} <= set(
        done.stdout.split()
    )
    assert "torch" not in done.stdout.split()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], ["files"]),
        (["torch"], ["files", "torch"]),
        (["exporters", "files"], ["files", "torch", "exporters"]),
        (["mine"], ["files", "mine"]),
        (["torch.mine"], ["files", "torch", "torch.mine"]),
    ],
)
def test_a_run_has_the_levels_that_its_jobs_need(wanted: list[str], expected: list[str]) -> None:
    assert levels.with_those_below(wanted) == expected


def test_a_level_with_a_thread_declines_and_the_job_runs_all_the_same(folder: Path) -> None:
    """The levels below it serve; the reason is in the job's log, and once on the terminal."""
    package = folder / "strange"
    shutil.copytree(ROOT / "workflow/opset_atlas", package / "opset_atlas")
    (package / "with_a_thread.py").write_text(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, name='watcher', daemon=True).start()\n"
    )
    text = package / "opset_atlas/execution/levels.py"
    text.write_text(text.read_text().replace('"torch": ("torch",', '"torch": ("with_a_thread",'))
    own = {**os.environ, "PYTHONPATH": str(package)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=folder, env=own, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as run:  # fmt: skip
        assert run.stdout.readline() == "started\n"
        own[WORKERS] = run.stdout.readline().strip()
        reason = "a fork would lose the threads of this process: watcher"
        for number, note in enumerate((reason, "")):
            done = ask(own, folder, "--log", "declined.log", "define", "--no-such-option")
            assert done.returncode == 2 and note in done.stderr, number
            assert bool(done.stderr) == bool(note)
            log = (folder / "declined.log").read_text()
            assert reason in log and "arguments are required" in log
        options = ["--spec", '{"order": [], "runtimes": []}', "--parity", "no", "--output", "v"]
        ask(own, folder, "--log", "served.log", "judge", *options)
        assert '"worker": true' in (folder / "served.log").read_text()
        run.stdin.close()


LOST = """
import io, threading
import tqdm
from opset_atlas.execution import levels
before = levels._native_threads()
tqdm.tqdm(total=2, file=io.StringIO()).update()
print([each.name for each in threading.enumerate()])
print(repr(levels.lost_by_a_fork(before)))
print([each.name for each in threading.enumerate()])
print(repr(levels.lost_by_a_fork(before - 2)))
"""


def test_the_thread_that_watches_progress_bars_is_ended_before_a_fork() -> None:
    """onnxscript shows progress with tqdm, where that is installed."""
    pytest.importorskip("tqdm")
    done = subprocess.run(
        [sys.executable, "-c", LOST], env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "['MainThread', 'tqdm_monitor']",
        "''",
        "['MainThread']",
        "'a fork would lose 2 threads that a library has started'",
    ]


def test_two_environments_have_a_worker_each_and_a_job_finds_its_own(folder: Path) -> None:
    """The same Python under another prefix that hides no package."""
    venv.create(folder / "other", symlinks=True)
    (packages,) = (folder / "other").glob("lib/python3*/site-packages")
    (packages / "all.pth").write_text("\n".join(path for path in sys.path if "site-p" in path))
    other = str(folder / "other")
    code = f"""
import os, pathlib
from opset_atlas.execution import levels, server
server.start(pathlib.Path("other.log"), [], {other!r})
"""
    own = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    with subprocess.Popen(
        [sys.executable, "-c", code + RUN], cwd=folder, env=own, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as run:  # fmt: skip
        assert run.stdout.readline() == "started\n"
        own[WORKERS] = run.stdout.readline().strip()
        keys = {address.key(), address.key(other)}
        assert {path.name.partition(".")[0] for path in Path(own[WORKERS]).iterdir()} == keys
        for python in (sys.executable, f"{other}/bin/python"):
            options = ["--spec", '{"order": [], "runtimes": []}', "--parity", "no"]
            command = [python, "-m", "opset_atlas", "judge", *options, "--output", "v"]
            done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True)
            assert '"worker": true' in done.stdout, done.stderr
        run.stdin.close()


def test_where_no_socket_can_be_there_is_no_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert "no socket at" in server.start(tmp_path / "worker.log", [])
    assert not list(deep.iterdir()) and WORKERS not in os.environ


@pytest.mark.workflow
@pytest.mark.parametrize("wanted", ["true", "false"])
def test_the_switch(new_project: Callable[..., Project], wanted: str) -> None:
    project = new_project(f"worker_{wanted}", f"{CONFIG}worker: {wanted}\n")
    project.run()
    log = (project.folder / "results/logs/export/relu6/torchscript.log").read_text()
    assert f'"worker": {wanted}' in last_line(log)
