"""A program in a terminal of its own: what it writes there, and keys pressed on the way."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ERASE = "\r\x1b[K"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Shown:
    """`text`: all that was written; `status`: the exit status; `moments`: when each part came."""

    text: str
    status: int
    moments: list[tuple[float, str]]

    def final(self) -> list[str]:
        """The lines that are left, without colors."""
        plain = _STYLE.sub("", self.text).replace("\r\n", "\n")
        return [line.rpartition(ERASE)[2] for line in plain.rstrip("\n").split("\n")]

    def drawn(self) -> list[str]:
        """What the line that changes showed, one after the other."""
        plain = _STYLE.sub("", self.text).replace("\r\n", "\n")
        lines = (line.split(ERASE)[:-1] for line in plain.split("\n"))
        return [part for parts in lines for part in parts if part]


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    columns: int = 80,
    press: Mapping[str, bytes] | None = None,
    seconds: float = 300,
) -> Shown:
    """Run a command to its end.

    Args:
        press: what to type once a text was shown. Ctrl-C is `\\x03`, as the terminal sends SIGINT.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    waiting = dict(press or {})
    with subprocess.Popen(
        command,
        cwd=folder,
        env={"TERM": "xterm", **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=_own_terminal,
    ) as process:
        os.close(slave)
        parts, start = [], time.monotonic()
        while data := _read(master, start + seconds - time.monotonic()):
            parts.append((time.monotonic() - start, data))
            text = b"".join(part for _, part in parts).decode(errors="replace")
            for shown in [each for each in waiting if each in text]:
                os.write(master, waiting.pop(shown))
        os.close(master)
        process.wait(30)
    moments = [(moment, data.decode(errors="replace")) for moment, data in parts]
    text = b"".join(data for _, data in parts).decode(errors="replace")
    return Shown(text, process.returncode, moments)


def _read(master: int, seconds: float) -> bytes:
    if not select.select([master], [], [], max(seconds, 0))[0]:
        raise TimeoutError("the program in the terminal has not ended")
    try:
        return os.read(master, 1 << 16)
    except OSError:  # Linux: nobody has the other end open any more
        return b""


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
