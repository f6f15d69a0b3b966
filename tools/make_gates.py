"""Measure which opset and IR version each release of onnxruntime loads: `runtimes/_gates.py`.

`python tools/make_gates.py FOLDER` installs the last patch release of every minor version that has
a wheel for this Python into an environment of its own below FOLDER (some 200 MB each), tries a file
of one Relu, and prints the table. It needs a package index.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

# Run in each environment; onnx is not needed, since the file is written by hand.
_TRY = r"""
import json, sys
import onnxruntime as ort
ort.set_default_logger_severity(4)

def varint(n):
    out = b""
    while True:
        n, low = n >> 7, n & 127
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out

def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content

def value(name):
    shape = field(1, field(1, 2))  # one dimension of 2
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

def model(opset, ir):
    node = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
    graph = field(1, node) + field(2, b"g") + field(11, value(b"x")) + field(12, value(b"y"))
    return field(1, ir) + field(7, graph) + field(8, field(2, opset))

def loads(opset, ir):
    try:
        ort.InferenceSession(model(opset, ir), providers=["CPUExecutionProvider"])
        return True
    except Exception:
        return False

opsets = [n for n in range(7, 41) if loads(n, 3)]
irs = [n for n in range(3, 31) if loads(7, n)]
print(json.dumps([max(opsets, default=0), max(irs, default=0)]))
"""


def main() -> int:
    """Print a row for every minor version."""
    folder = Path(sys.argv[1])
    for version in last_patches():
        home = folder / version
        python = home / "bin" / "python"
        if not python.exists():
            venv.create(home, with_pip=True)
        numpy = "numpy<2" if minor(version) < (1, 19) else "numpy"  # undeclared up to 1.18
        install = [python, "-m", "pip", "install", "--quiet", f"onnxruntime=={version}", numpy]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode == 0:
            done = subprocess.run([python, "-c", _TRY], capture_output=True, text=True)
        if done.returncode:
            print(f"# {version}: {done.stderr.strip().splitlines()[-1]}", flush=True)
            continue
        opset, ir = json.loads(done.stdout)
        print(f"    Gate({version.rpartition('.')[0]!r}, {opset}, {ir}),", flush=True)
    return 0


def last_patches() -> list[str]:
    """The last patch release of every minor version, oldest first."""
    command = [sys.executable, "-m", "pip", "index", "versions", "onnxruntime"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(row for row in shown.splitlines() if row.startswith("Available versions:"))
    found: dict[tuple[int, ...], str] = {}
    for version in line.partition(":")[2].replace(" ", "").split(","):
        found.setdefault(minor(version), version)  # the newest comes first
    return [found[each] for each in sorted(found)]


def minor(version: str) -> tuple[int, ...]:
    """`(1, 19)` of `1.19.2`."""
    return tuple(int(part) for part in version.split(".")[:2])


if __name__ == "__main__":
    sys.exit(main())
