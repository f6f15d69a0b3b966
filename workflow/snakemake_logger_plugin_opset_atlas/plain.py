"""Snakemake's own output, for a run whose console failed."""

from __future__ import annotations

import sys
from logging import Handler
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter


def handler(settings: Any) -> Handler:
    """What `LoggerManager` adds where no logger writes to a stream (Snakemake 9.27.1)."""
    own: Handler = ColorizingTextHandler(nocolor=settings.nocolor, stream=sys.stderr)
    own.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
    own.addFilter(
        DefaultFilter(
            settings.quiet,
            settings.debug_dag,
            settings.verbose,
            settings.dryrun,
            settings.printshellcmds,
        )
    )
    return own
