"""Snakemake's console while opset-atlas runs: `snakemake --logger opset-atlas`.

Snakemake finds this package by its name and imports it at every start, whatever it runs, so this
file imports nothing but the interface. `console` has what is shown and when.

Nothing here may end or disturb a run: where the console cannot be built, Snakemake prints as it
does without it, and where the console fails later, this handler goes on as Snakemake's own does.
"""

from __future__ import annotations

import contextlib
import sys
from logging import Handler, LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase

if TYPE_CHECKING:
    from snakemake_logger_plugin_opset_atlas.console import Console


class LogHandler(LogHandlerBase):
    """What Snakemake builds for `--logger opset-atlas`."""

    _console: Console | None = None
    _plain: Handler | None = None  # Snakemake's own handler, after the console failed

    def __post_init__(self) -> None:
        """Build the console, unless Snakemake's own output was asked for."""
        try:
            from snakemake_logger_plugin_opset_atlas.console import Console, stands_aside

            if not stands_aside(self.common_settings):
                self._console = Console.of_run(self.common_settings)
        except Exception as error:
            _say(error)

    def emit(self, record: LogRecord) -> None:
        """Show a record, on Snakemake's logging thread."""
        try:
            if self._console:
                self._console.handle(record)
                return
        except Exception as error:
            self._give_up(error)
        if self._plain:
            try:
                self._plain.handle(record)
            except Exception:  # the terminal is gone
                self._plain = None

    def close(self) -> None:
        """End the run's output, after the last record; Python's logging calls this again."""
        ended, self._console = self._console, None
        try:
            if ended:
                ended.close()
        except Exception as error:
            _say(error)
        super().close()

    def _give_up(self, error: Exception) -> None:
        """Go on with Snakemake's own output."""
        broken, self._console = self._console, None
        try:
            from snakemake_logger_plugin_opset_atlas.plain import handler

            if broken:
                broken.abandon()
            _say(error)
            self._plain = handler(self.common_settings)
        except Exception:
            self._plain = None

    @property
    def writes_to_stream(self) -> bool:
        """If not, Snakemake adds its own output."""
        return self._console is not None

    @property
    def writes_to_file(self) -> bool:
        """Snakemake writes its log itself."""
        return False

    @property
    def has_filter(self) -> bool:
        """`--quiet` must not hide what failed."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Records are not formatted one by one."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Never."""
        return False


def _say(error: Exception) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"note: the console of opset-atlas failed: {error!r}", file=sys.stderr, flush=True)
