"""Nothing that a run starts asks for a host or opens a connection beyond this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.project import Project, need

pytestmark = pytest.mark.workflow

# Numeric addresses that are not the loopback's; names are asked for at such an address, too.
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_CALLS = "connect,sendto,sendmsg,sendmmsg"
SESSION = """
import onnx.parser, onnxruntime, time
model = onnx.parser.parse_model(
    '<ir_version: 8, opset_import: ["" : 13]> g (float[2] x) => (float[2] y) { y = Relu(x) }'
)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
"""
IDENTIFIER = ".cache/Microsoft"  # what onnxruntime's telemetry keeps in the user's home


def attempts(command: list[str], folder: Path, home: Path) -> list[str]:
    """The addresses beyond loopback that a command and its child processes contact."""
    trace = folder / "trace"
    options = ["-f", "-qq", "--seccomp-bpf", "-e", f"trace={_CALLS}", "-e", "signal=none"]
    done = subprocess.run(
        [need("strace"), *options, "-o", str(trace), *command],
        cwd=folder, env=environment(home), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if "ptrace" in done.stderr and not trace.stat().st_size:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = [v4 or v6 for v4, v6 in _ADDRESS.findall(trace.read_text(errors="replace"))]
    return [address for address in found if not address.startswith("127.") and address != "::1"]


def environment(home: Path) -> dict[str, str]:
    """The environment of a user: onnxruntime sends nothing if `CI` is set."""
    hidden = {"PYTHONPATH", "CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    return {**kept, "HOME": str(home)}


def test_the_control_sees_what_there_is(tmp_path: Path) -> None:
    """A name is asked for over UDP, at the address in /etc/resolv.conf or the one that is given."""
    code = (
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError), socket.socket() as stream:\n"
        "    stream.settimeout(0.2)\n"
        "    stream.connect(('192.0.2.1', 80))\n"
        "with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as datagrams:\n"
        "    datagrams.sendto(b'?', ('192.0.2.2', 53))\n"
    )
    script = tmp_path / "control.py"
    script.write_text(code)
    assert attempts([sys.executable, str(script)], tmp_path, tmp_path) == ["192.0.2.1", "192.0.2.2"]


def test_onnxruntime_by_itself_keeps_an_identifier(tmp_path: Path) -> None:
    """Another control: without the package's settings, this version reports its sessions."""
    command = [sys.executable, "-c", SESSION]
    subprocess.run(command, env=environment(tmp_path), check=True, timeout=60)
    assert (tmp_path / IDENTIFIER).exists()


def test_a_run_and_its_reproducers_turn_to_nobody(
    new_project: Callable[..., Project], tmp_path: Path
) -> None:
    """The default configuration."""
    project = new_project("network")
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    assert attempts(command, project.folder, tmp_path) == []
    assert not (tmp_path / IDENTIFIER).exists()
    scripts = sorted((project.folder / "results/locate").rglob("run.py"))
    assert scripts
    for script in scripts[:2]:
        subprocess.run([sys.executable, str(script)], env=environment(tmp_path), timeout=60)
    assert not (tmp_path / IDENTIFIER).exists()
    assert len({row["model"] for row in project.read("tables/parity.json")}) == 10
