"""Work that is done once, and whose messages are repeated every time.

A message is anything that the work logs, warns or prints: later calls give the same ones as the
first.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import logging
import warnings
from collections.abc import Callable, Hashable, Iterator
from typing import Any

Say = Callable[[], object]  # gives a message that was collected
Answers = dict[Hashable, tuple[Any, list[Say]]]


def once(
    answers: Answers, key: Hashable, work: Callable[..., Any], *given: Any, **named: Any
) -> Any:
    """The result of `work`, computed the first time only; its messages are repeated every time.

    If it raises, all answers are dropped: what it worked on may be half changed.
    """
    if key not in answers:
        messages: list[Say] = []
        try:
            with _collected(messages):
                answers[key] = work(*given, **named), messages
        except BaseException:
            answers.clear()
            for say in messages:
                say()
            raise
    answer, messages = answers[key]
    for say in messages:
        say()
    return answer


@contextlib.contextmanager
def _collected(messages: list[Say]) -> Iterator[None]:
    """Hold back log records, warnings and prints; the functions in `messages` emit them later."""

    def keep(logger: logging.Logger, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), ()
        messages.append(lambda: logger.handle(copy.copy(record)))

    printed = io.StringIO()  # the stage listens to both streams as one
    try:
        with (
            replaced(logging.Logger, "handle", keep),
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            yield
    finally:
        for warning in caught:
            given = (warning.message, warning.category, warning.filename, warning.lineno)
            messages.append(functools.partial(warnings.warn_explicit, *given))
        if text := printed.getvalue():
            messages.append(functools.partial(print, text, end=""))


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)
