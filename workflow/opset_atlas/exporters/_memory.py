"""Work that `torch.onnx.export(dynamo=True)` repeats at every call, done once per sweep.

A small module's export takes 0.65 s whatever the module, and nearly all of that does not depend on
the requested opset. During a call, six private functions of torch and onnxscript are replaced by
ones that run the original once and then return the same answer with the same messages.
`torch.onnx.export` itself, translation, conversion, optimization and saving run unchanged.

With other versions than those compared (`_compared.py`), or where one of these functions is
missing, nothing is replaced. `tests/stage/test_memory.py` compares both ways.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Hashable, Iterator
from typing import Any

from opset_atlas.exporters import _compared
from opset_atlas.exporters._once import Answers, once, replaced

# Of the process, not of a sweep: an answer depends on the source of one function and nothing else.
_SIGNATURES: Answers = {}


class Memory:
    """The answers of one sweep: one module with the same inputs and options at every call.

    `way` says how its exports are made: "memoized", or "plain: " and the reason.
    """

    def __init__(self, wanted: bool) -> None:
        self._answers: Answers = {}
        self._operators: Hashable = None
        self._stand_ins: list[tuple[Any, str, Any]] = []
        reason = _compared.unknown() if wanted else "switched off"
        if not reason:
            try:
                self._stand_ins = self._make_stand_ins()
            except (ImportError, AttributeError, KeyError) as error:
                reason = f"torch or onnxscript is not as expected inside: {error}"
        self.way = f"plain: {reason}" if reason else "memoized"

    @contextlib.contextmanager
    def remembering(self) -> Iterator[None]:
        """Around one call of `torch.onnx.export`; everything is as before afterwards."""
        with contextlib.ExitStack() as stack:
            for place in self._stand_ins:
                stack.enter_context(replaced(*place))
            try:
                yield
            except BaseException as error:
                _hide_own_frames(error)
                raise

    def _make_stand_ins(self) -> list[tuple[Any, str, Any]]:
        """Places in classes and modules, and what to put there. KeyError where there is none."""
        from onnxscript._internal.values import TracedOnnxFunction as Traced
        from torch.onnx._internal.exporter import _capture_strategies as strategies
        from torch.onnx._internal.exporter import _core, _registration, _schemas

        places = (
            (Traced, "function_ir", _source_signature),
            (_schemas, "op_signature_from_function", _typed_signature),
            (_registration.ONNXRegistry, "from_torchlib", self._registry),
            (strategies.CaptureStrategy, "__call__", self._capture),
            (_core, "_prepare_exported_program_for_export", self._decomposition),
        )
        return [(owner, name, make(vars(owner)[name])) for owner, name, make in places]

    def _registry(self, original: Any) -> Any:
        """torch/onnx/_internal/exporter/_registration.py, `ONNXRegistry.from_torchlib`.

        Depends on the opset, the installed packages and the operators that are registered when the
        sweep begins. Each caller gets a registry of its own, because it may add to it; the entries
        in it are never changed.
        """

        def from_torchlib(cls: Any, *given: Any, **named: Any) -> Any:
            key = ("registry", given, tuple(named.items()))
            made = once(self._answers, key, original.__func__, cls, *given, **named)
            self._operators = frozenset(made.functions)
            registry = copy.copy(made)
            registry.functions = {name: list(entry) for name, entry in made.functions.items()}
            return registry

        return classmethod(from_torchlib)

    def _capture(self, original: Any) -> Any:
        """torch/onnx/_internal/exporter/_capture_strategies.py, `CaptureStrategy.__call__`.

        Depends on module, inputs and dynamic shapes; it does not know the opset. An answer may be a
        failure: the caller reads the exception from it and raises a new one. The operators are part
        of the key so that a program is decomposed only once, as it is without us: decomposing may
        add symbols to the environment that the shapes of a program share.
        """

        def call(strategy: Any, model: Any, args: Any, kwargs: Any, dynamic_shapes: Any) -> Any:
            # By identity: the sweep holds module and inputs as long as it lasts.
            who = (type(strategy), self._operators, id(model), *map(id, args))
            given = (strategy, model, args, kwargs, dynamic_shapes)
            return once(self._answers, (*who, repr((kwargs, dynamic_shapes))), original, *given)

        return call

    def _decomposition(self, original: Any) -> Any:
        """torch/onnx/_internal/exporter/_core.py, `_prepare_exported_program_for_export`: 0.25 s.

        Makes the table of decompositions, runs it, inserts type promotions. Depends on the captured
        program and on which operators the registry has (the same for opsets 18 to 22), and changes
        neither. The translation that follows reads the program and writes to a graph of its own.

        It makes Python objects of all operators that C++ knows (torch/_export/utils.py) 54 times:
        once per namespace, for two tables. No operator is added in between.
        """
        from torch._export import utils

        name = "_materialize_cpp_cia_ops"
        listing = vars(utils)[name]

        def decomposed(program: Any, *, registry: Any) -> Any:
            with replaced(utils, name, functools.cache(listing)):
                return original(program, registry=registry)

        def prepare(program: Any, *, registry: Any) -> Any:
            key = (program, frozenset(registry.functions))
            return once(self._answers, key, decomposed, program, registry=registry)

        return prepare


def _source_signature(original: Any) -> Any:
    """onnxscript/_internal/values.py, `TracedOnnxFunction.function_ir`: 0.4 s per registry.

    Fetches, tokenizes and parses the source of one of 497 functions, and depends on nothing else.
    Its callers only read it: torch and onnxscript look at its domain.
    """
    return property(lambda function: once(_SIGNATURES, function, original.fget, function))


def _typed_signature(original: Any) -> Any:
    """torch/onnx/_internal/exporter/_schemas.py, `op_signature_from_function`: 0.1 s per registry.

    Reads the type hints of such a function, and depends on nothing else. Registries
    may share a signature: torch's own functions are registered once per process.
    """

    def signature(*given: Any, **named: Any) -> Any:
        return once(_SIGNATURES, (given, tuple(named.items())), original, *given, **named)

    return signature


def _hide_own_frames(error: BaseException | None) -> None:
    """Remove our frames from a traceback and from those of its causes: it is about the exporter."""
    own = {code.co_filename for code in (_hide_own_frames.__code__, once.__code__)}
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        step = error.__traceback__
        while step is not None:
            while step.tb_next and step.tb_next.tb_frame.f_code.co_filename in own:
                step.tb_next = step.tb_next.tb_next
            step = step.tb_next
        error = error.__cause__ or error.__context__
