"""What `torch.onnx.export(dynamo=True)` does again at every call, remembered within one sweep.

A small module's export takes 0.65 s whatever the module, and nearly all of that does not depend on
the requested opset. Four functions of torch and onnxscript, private ones, get a stand-in for the
time of a call: it runs the original once, and then gives the same answer with the same messages.
`torch.onnx.export` itself, translation, conversion, optimization and saving run as ever.

Where the versions are not those that this was compared on, or a function is not where it should be,
nothing is touched. `tests/unit/test_memory.py` compares both ways.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.metadata
import io
import logging
import warnings
from collections.abc import Callable, Hashable, Iterator
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
Say = Callable[[], object]  # gives a message that was collected
Answers = dict[Hashable, tuple[Any, list[Say]]]

# Local tags, such as `+cpu`, do not count: they name the build, not the code.
KNOWN = {"torch": "2.13.0", "onnxscript": "0.7.2"}

# Of the process, not of a sweep: an answer depends on one function of onnxscript and nothing else.
_SIGNATURES: Answers = {}


class Memory:
    """What a sweep remembers: one module with the same inputs and options at every call.

    `way` says how its exports are made: "memoized", or "plain: " and the reason.
    """

    def __init__(self, wanted: bool) -> None:
        self._answers: Answers = {}
        self._operators: Hashable = None
        self._stand_ins: list[tuple[Any, str, Any]] = []
        reason = _strange_version() if wanted else "switched off"
        if not reason:
            try:
                self._stand_ins = self._make_stand_ins()
            except (ImportError, AttributeError, KeyError) as error:
                reason = f"not as expected inside torch or onnxscript: {error}"
        self.way = f"plain: {reason}" if reason else "memoized"

    @contextlib.contextmanager
    def remembering(self) -> Iterator[None]:
        """Around one call of `torch.onnx.export`; everything is as before afterwards."""
        with contextlib.ExitStack() as stack:
            for place in self._stand_ins:
                stack.enter_context(_replaced(*place))
            try:
                yield
            except BaseException as error:
                _hide_own_frames(error)
                raise

    def _make_stand_ins(self) -> list[tuple[Any, str, Any]]:
        from onnxscript._internal.values import TracedOnnxFunction
        from torch.onnx._internal.exporter import _capture_strategies, _core, _registration

        return [
            _stand_in(TracedOnnxFunction, "function_ir", self._signature),
            _stand_in(_registration.ONNXRegistry, "from_torchlib", self._registry),
            _stand_in(_capture_strategies.CaptureStrategy, "__call__", self._capture),
            _stand_in(_core, "_prepare_exported_program_for_export", self._decomposition),
        ]

    def _signature(self, original: Any) -> Any:
        """onnxscript/_internal/values.py, `TracedOnnxFunction.function_ir`: 0.4 s per registry.

        Fetches, tokenizes and parses the source of one of 497 functions. It depends on that source
        alone, and those who ask only read: torch and onnxscript want its domain.
        """

        def function_ir(function: Any) -> Any:
            return _once(_SIGNATURES, function, lambda: original.fget(function))

        return property(function_ir)

    def _registry(self, original: Any) -> Any:
        """torch/onnx/_internal/exporter/_registration.py, `ONNXRegistry.from_torchlib`: 0.1 s.

        Depends on the opset, on the installed packages and on the operators that are registered
        when the sweep begins. Each caller gets a registry of its own, for it may add to it; the
        entries in it are never changed.
        """

        def from_torchlib(cls: Any, *given: Any, **named: Any) -> Any:
            key = ("registry", given, tuple(named.items()))
            made = _once(self._answers, key, lambda: original.__func__(cls, *given, **named))
            self._operators = frozenset(made.functions)
            registry = copy.copy(made)
            registry.functions = {name: list(entry) for name, entry in made.functions.items()}
            return registry

        return classmethod(from_torchlib)

    def _capture(self, original: Any) -> Any:
        """torch/onnx/_internal/exporter/_capture_strategies.py, `CaptureStrategy.__call__`.

        Depends on module, inputs and dynamic shapes; the opset is unknown to it. An answer may be a
        failure: the caller reads the exception from it and raises a new one. The operators are part
        of the key so that a program is decomposed but once, as without us: decomposing may add
        symbols to the environment that the shapes of a program share.
        """

        def call(strategy: Any, model: Any, args: Any, kwargs: Any, dynamic_shapes: Any) -> Any:
            # By identity: the sweep holds module and inputs as long as it lasts.
            key = (type(strategy), self._operators, id(model), *map(id, args))
            given = repr((kwargs, dynamic_shapes))
            work = functools.partial(original, strategy, model, args, kwargs, dynamic_shapes)
            return _once(self._answers, (*key, given), work)

        return call

    def _decomposition(self, original: Any) -> Any:
        """torch/onnx/_internal/exporter/_core.py, `_prepare_exported_program_for_export`: 0.25 s.

        Makes the table of decompositions, runs it, inserts type promotions. Depends on the captured
        program and on which operators the registry has (the same for opsets 9 to 22), and changes
        neither. The translation that follows reads the program and writes to its own graph.
        """

        def prepare(program: Any, *, registry: Any) -> Any:
            key = (program, frozenset(registry.functions))
            return _once(self._answers, key, lambda: original(program, registry=registry))

        return prepare


def _once(answers: Answers, key: Hashable, work: Callable[[], T]) -> T:
    """The answer of `work`, worked out the first time only, and its messages every time.

    Where it raises, everything is forgotten: what it worked on may be half changed.
    """
    if key not in answers:
        messages: list[Say] = []
        try:
            with _collected(messages):
                answers[key] = work(), messages
        except BaseException:
            answers.clear()
            for say in messages:
                say()
            raise
    answer, messages = answers[key]
    for say in messages:
        say()
    return answer  # type: ignore[no-any-return]


@contextlib.contextmanager
def _collected(messages: list[Say]) -> Iterator[None]:
    """Keep log records, warnings and prints from whoever listens; `messages` gives them again."""

    def keep(logger: logging.Logger, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), ()
        messages.append(lambda: logger.handle(copy.copy(record)))

    printed = io.StringIO()
    try:
        with (
            _replaced(logging.Logger, "handle", keep),
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


def _stand_in(owner: Any, name: str, make: Callable[[Any], Any]) -> tuple[Any, str, Any]:
    """A place in a class or module, and what to put there. KeyError where there is no such name."""
    return owner, name, make(vars(owner)[name])


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _strange_version() -> str:
    """The first package whose version was not compared, or ""."""
    for name, known in KNOWN.items():
        found = importlib.metadata.version(name)
        if found.partition("+")[0] != known:
            return f"{name} {found} is not {known}, the version that was compared"
    return ""


def _hide_own_frames(error: BaseException | None) -> None:
    """Take this file out of a traceback and its causes': they are about the exporter."""
    own, seen = _hide_own_frames.__code__.co_filename, set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        step: TracebackType | None = error.__traceback__
        while step is not None:
            while step.tb_next and step.tb_next.tb_frame.f_code.co_filename == own:
                step.tb_next = step.tb_next.tb_next
            step = step.tb_next
        error = error.__cause__ or error.__context__
