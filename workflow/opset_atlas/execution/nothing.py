"""Do something when a run has nothing to do: Snakemake (9.27.1) calls no hook then.

It only logs a message (workflow.py, `execute`), so this listens to its log, after the handlers that
show it. `tests/unit/test_nothing.py` fails if the message or its place changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

MESSAGE = "Nothing to be done"


def call_when_nothing_is_done(workflow: Any, action: Callable[[], None]) -> None:
    """Call `action` in a run that ends without a job, but not in a dry run or a cluster's job."""
    if workflow.is_main_process:
        logging.getLogger("snakemake.logging").addHandler(_Listener(workflow, action))


class _Listener(logging.Handler):
    def __init__(self, workflow: Any, action: Callable[[], None]) -> None:
        super().__init__()
        self._workflow, self._action = workflow, action

    def emit(self, record: logging.LogRecord) -> None:
        said = isinstance(record.msg, str) and record.msg.startswith(MESSAGE)
        if said and not self._workflow.dryrun:  # known only while the workflow is executed
            self._action()
