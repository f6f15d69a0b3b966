"""CPU seconds from cold, and the largest process, of the commands about files: docs/tool.md.

`python bench/commands.py` prints the table. Each command runs in processes of its own, on the two
files of docs/examples.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

OLD, NEW = (f"docs/examples/resize-{opset}.onnx" for opset in (11, 13))
COMMANDS = {
    "--help": ["--help"],
    "op Resize 11 13": ["op", "Resize", "11", "13"],
    "text": ["text", OLD],
    "diff": ["diff", OLD, NEW],
    "check": ["check", OLD],
    "diff --run": ["diff", OLD, NEW, "--run"],
}
# In a process of its own, so that the children of other commands are not counted.
_MEASURE = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "opset_atlas", *sys.argv[1:]],
                      stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss >> 10)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print("| command, on these files | CPU seconds | MiB |\n|---|---|---|")
    for name, arguments in COMMANDS.items():
        measured = [_measured(arguments) for _ in range(runs)]
        seconds = statistics.median(cpu for cpu, _ in measured)
        print(f"| `{name}` | {seconds:.2g} | {max(peak for _, peak in measured)} |", flush=True)


def _measured(arguments: list[str]) -> tuple[float, int]:
    """CPU seconds of a command with all its processes, and MiB of the largest one."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", _MEASURE, *arguments]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    status, seconds, peak = done.stdout.split()
    if status != "0":
        raise SystemExit(f"{' '.join(arguments)}: exit status {status}")
    return float(seconds), int(peak)


if __name__ == "__main__":
    main()
