"""Run files on random inputs that fit what they declare: one file, or two on the same tensors.

A size that a file leaves open is chosen: the first of `SIZES` at which the files run. So is the
range of integers, since they may be places in a table. Files are run node by node as they are
written, so that no optimization of the runtime is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import ml_dtypes
import numpy as np

from opset_atlas.base.arrays import Array, dtype_name
from opset_atlas.base.messages import impersonal, shorten
from opset_atlas.models import inputs
from opset_atlas.numerics import declared
from opset_atlas.numerics.measure import measure
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import judge_output
from opset_atlas.records import (
    Apart,
    Declared,
    DeclaredPort,
    Measure,
    RunAlone,
    RunTogether,
    Signature,
)
from opset_atlas.runtimes import Phase, Session
from opset_atlas.runtimes._oracle import NAME, ORACLE

SIZES = (3, 1, 8, 16, 32, 64, 128, 224, 256)
INTEGERS = (9, 3, 1, 0)
SEED = 0
MOST_ELEMENTS = 1 << 28

T = TypeVar("T")


class CannotRun(Exception):
    """Why a file cannot be run, or not on these inputs, in a sentence."""


@dataclass(frozen=True)
class Choice:
    """What the user chose: sizes by name, by input a whole shape or one value for all elements, and
    how many random input sets.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    sets: int = 3

    @property
    def names(self) -> list[str]:
        """The names of the input sets."""
        return [f"random-{number}" for number in range(self.sets)]


@dataclass(frozen=True)
class _Feed:
    """What tensors of `ports` look like: the open sizes, and the largest integer."""

    ports: Sequence[DeclaredPort]
    choice: Choice
    sizes: dict[str, int]
    integers: int

    def tensors(self, set_name: str) -> dict[str, Array]:
        """The tensors of an input set by the names of the inputs."""
        items = []
        for port in self.ports:
            if not port["dtype"]:
                raise CannotRun(f"the input {port['name']} is not a tensor")
            shape = [_number(size, self.sizes) for size in _open_named(port, self.choice)]
            if min(shape, default=0) < 0 or math.prod(shape) > MOST_ELEMENTS:
                raise CannotRun(f"the input {port['name']} has the shape {shape}")
            whole = port["dtype"] == "string" or "int" in port["dtype"]
            item = {"name": port["name"], "shape": shape, "dtype": port["dtype"]}
            items.append(item | {"dtype": "int64", "range": (0, self.integers)} if whole else item)
        made = inputs.make(items, set_name, SEED)
        for i, port in enumerate(self.ports):
            if port["name"] in self.choice.values:
                made[i] = np.full(made[i].shape, self.choice.values[port["name"]])
        return {p["name"]: _cast(a, p["dtype"]) for p, a in zip(self.ports, made, strict=True)}


def run_alone(path: Path, promised: Declared, choice: Choice) -> RunAlone:
    """Run a file on random inputs, and compare what it declares with what it gives."""
    found: RunAlone = {
        "runtime": runtime(),
        "sets": choice.names,
        "sizes": {},
        "integers": 0,
        "problem": "",
        "outputs": [],
        "misdeclared": [],
    }
    try:
        session = _load(path)
        ports = _fed(promised["inputs"], session)
        feed, first, _ = _first(ports, choice, lambda tensors: _run(session, path, tensors))
        found["sizes"], found["integers"] = feed.sizes, feed.integers
        found["outputs"] = [_signature(*each) for each in _by_name(session, first).items()]
        kept = {}
        for name in choice.names:
            tensors = feed.tensors(name)
            kept[name] = declared.disagreements(promised, tensors, _run(session, path, tensors))
        found["misdeclared"] = declared.summary(kept)
    except CannotRun as reason:
        found["problem"] = str(reason)
    return found


def run_together(
    paths: tuple[Path, Path], both: tuple[Declared, Declared], choice: Choice
) -> RunTogether:
    """Run two files on the same random inputs, and measure the second against the first."""
    found: RunTogether = {
        "runtime": runtime(),
        "sets": choice.names,
        "sizes": {},
        "integers": 0,
        "notes": [],
        "problem": "",
        "outputs": [],
    }
    try:
        pair = _Pair.load(paths, both)
        found["notes"] += pair.notes
        feed, first, reason = _first(pair.ports, choice, pair.run)
        found["sizes"], found["integers"] = feed.sizes, feed.integers
        if reason:
            found["notes"].append(f"other inputs were tried before: {reason}")
        names, notes = _pairs(*(list(results) for results in first))
        found["notes"] += notes
        _measure(pair, feed, names, found)
    except CannotRun as reason:
        found["problem"] = str(reason)
    return found


def runtime() -> str:
    """The runtime and its version; ImportError where it is not installed."""
    ORACLE.prepare()
    from opset_atlas.execution.environments import version

    return f"{NAME} {version(ORACLE.PACKAGES[0])}"


@dataclass(frozen=True)
class _Pair:
    """Two loaded files. `ports` are all inputs; each file takes those at its `positions`."""

    paths: tuple[Path, Path]
    sessions: tuple[Session, Session]
    ports: list[DeclaredPort]
    positions: tuple[list[int], list[int]]
    notes: list[str]

    @classmethod
    def load(cls, paths: tuple[Path, Path], both: tuple[Declared, Declared]) -> _Pair:
        sessions = _load(paths[0]), _load(paths[1])
        one, other = (
            _fed(declared["inputs"], session)
            for declared, session in zip(both, sessions, strict=True)
        )
        names, others = ([port["name"] for port in ports] for ports in (one, other))
        more = [port for port in other if port["name"] not in names]
        notes: list[str] = []
        if set(names) <= set(others) or set(others) <= set(names):
            ports = [*one, *more]
            every = [port["name"] for port in ports]
            positions = [every.index(name) for name in others]
            notes = [f"only one of the files takes {n}" for n in set(names) ^ set(others)]
        elif len(names) == len(others):
            ports, positions = list(one), list(range(len(one)))
            pairs = zip(names, others, strict=True)
            notes = [f"the input {a} is called {b} in the second" for a, b in pairs if a != b]
        else:
            raise CannotRun(f"the first takes {', '.join(names)}; the second {', '.join(others)}")
        for place, port in zip(positions, other, strict=True):
            ports[place] = _common(ports[place], port)
        return cls(paths, sessions, ports, (list(range(len(one))), positions), sorted(notes))

    def run(self, tensors: Mapping[str, Array]) -> list[dict[str, Any]]:
        """The outputs of both by name."""
        arrays, results = list(tensors.values()), []
        for path, session, places in zip(self.paths, self.sessions, self.positions, strict=True):
            feed = {n: arrays[i] for n, i in zip(session.input_names, places, strict=True)}
            results.append(_by_name(session, _run(session, path, feed)))
        return results


def _measure(
    pair: _Pair, feed: _Feed, names: Sequence[tuple[str, str]], found: RunTogether
) -> None:
    """Measure every output on every set; one that changes from run to run cannot be compared."""
    measures: dict[str, list[Measure]] = {}
    random = set()
    for set_name in found["sets"]:
        tensors = feed.tensors(set_name)
        ours, theirs = pair.run(tensors)
        again = pair.run(tensors)[0] if set_name == found["sets"][0] else ours
        random |= {name for name, _ in names if not _same(ours[name], again[name])}
        for name, other in names:
            values = ours[name], theirs[other]
            if name not in random and all(isinstance(each, np.ndarray) for each in values):
                found_here = measure(name, set_name, values[1], values[0], None)
                measures.setdefault(name, []).append(found_here)
    found["notes"] += [f"the output {name} changes from run to run" for name in sorted(random)]
    left_out = [name for name, _ in names if name not in random and name not in measures]
    found["notes"] += [f"the output {name} is not a tensor" for name in left_out]
    found["outputs"] = [_apart(name, each) for name, each in measures.items()]


def _first(
    ports: Sequence[DeclaredPort], choice: Choice, run: Callable[[Mapping[str, Array]], T]
) -> tuple[_Feed, T, str]:
    """The first inputs that can be run, what that gave, and why earlier ones could not be."""
    reason = ""
    whole = any("int" in port["dtype"] for port in ports if port["name"] not in choice.values)
    for integers in INTEGERS if whole else INTEGERS[:1]:
        for default in _defaults(ports, choice):
            feed = _Feed(ports, choice, _sizes(ports, choice, default), integers)
            try:
                return feed, run(feed.tensors(choice.names[0])), reason
            except CannotRun as error:
                reason = reason or str(error)
    raise CannotRun(reason)


def _load(path: Path) -> Session:
    try:
        return ORACLE.load(path, ORACLE.AS_WRITTEN)
    except Exception as error:
        raise _fault(error, "load", path) from error


def _run(session: Session, path: Path, feed: Mapping[str, Array]) -> list[Any]:
    try:
        return ORACLE.run(session, feed)
    except Exception as error:
        raise _fault(error, "run", path) from error


def _fault(error: Exception, phase: Phase, path: Path) -> CannotRun:
    detail = shorten(impersonal(ORACLE.classify(error, phase)[1], path)).rstrip(".")
    return CannotRun(f"{NAME} cannot {phase} {path.name}: {detail}")


def _fed(ports: Sequence[DeclaredPort], session: Session) -> list[DeclaredPort]:
    """The declared inputs that must be fed, in the session's order."""
    known = {port["name"]: port for port in ports}
    missing: DeclaredPort = {"name": "", "dtype": "", "shape": None}
    return [known.get(name, {**missing, "name": name}) for name in session.input_names]


def _common(one: DeclaredPort, other: DeclaredPort) -> DeclaredPort:
    """An input with the sizes that both files allow."""
    ours, theirs = one["shape"], other["shape"]
    apart = f"they take different inputs: {_spell(one)} and {_spell(other)}"
    if one["dtype"] != other["dtype"]:
        raise CannotRun(apart)
    if ours is None or theirs is None:
        return {**one, "shape": theirs if ours is None else ours}
    fixed = [p for p in zip(ours, theirs, strict=False) if all(isinstance(s, int) for s in p)]
    if len(ours) != len(theirs) or any(a != b for a, b in fixed):
        raise CannotRun(apart)
    merged = [b if isinstance(b, int) else a for a, b in zip(ours, theirs, strict=True)]
    return {**one, "shape": merged}


def _spell(port: DeclaredPort) -> str:
    sizes = port["shape"]
    shape = "…" if sizes is None else ",".join("?" if size is None else str(size) for size in sizes)
    return f"{port['name']} {port['dtype']}[{shape}]"


def _defaults(ports: Sequence[DeclaredPort], choice: Choice) -> Sequence[int]:
    """What to try for the sizes that nobody has chosen."""
    return SIZES if set(_sizes(ports, choice, 0)) - set(choice.sizes) else SIZES[:1]


def _sizes(ports: Sequence[DeclaredPort], choice: Choice, default: int) -> dict[str, int]:
    """Every open size by its name; one without a name is called after its input and axis.

    An expression (`2*length`) follows from the names in it.
    """
    found: dict[str, int] = {}
    later = []
    for port in ports:
        for name in _open_named(port, choice):
            if isinstance(name, int):
                continue
            if name in choice.sizes or name.isidentifier() or name.startswith(f"{port['name']}."):
                found[name] = choice.sizes.get(name, default)
            else:
                later.append(name)
    for name in later:
        if declared.evaluate(name, found) is None:
            found[name] = default
    return found


def _open_named(port: DeclaredPort, choice: Choice) -> list[int | str]:
    """The shape of an input in which every open size has a name."""
    shape = choice.shapes.get(port["name"], port["shape"])
    if shape is None:
        raise CannotRun(f"the input {port['name']} declares no shape: --shape {port['name']}=1,3,8")
    return [f"{port['name']}.{axis}" if s is None else s for axis, s in enumerate(shape)]


def _number(size: int | str, sizes: Mapping[str, int]) -> int:
    return size if isinstance(size, int) else declared.evaluate(size, sizes) or 0


def _cast(array: Array, dtype: str) -> Array:
    if dtype == "string":
        return np.asarray(array.astype(str), dtype=object)
    return array.astype(np.dtype(getattr(ml_dtypes, dtype, dtype)))


def _by_name(session: Session, results: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(session.output_names, results, strict=True))


def _signature(name: str, value: Any) -> Signature:
    if isinstance(value, np.ndarray):
        return {"name": name, "dtype": dtype_name(value.dtype), "shape": list(value.shape)}
    return {"name": name, "dtype": type(value).__name__, "shape": []}


def _pairs(ours: list[str], theirs: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Which outputs belong together: by name if both files have the same names, else by place."""
    if set(ours) == set(theirs):
        return [(name, name) for name in ours], []
    if len(ours) != len(theirs):
        raise CannotRun(f"they give {len(ours)} and {len(theirs)} outputs")
    pairs = list(zip(ours, theirs, strict=True))
    return pairs, [f"the output {a} is called {b} in the second" for a, b in pairs if a != b]


def _same(one: Any, other: Any) -> bool:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return True
    if one.dtype.kind == "O":
        return bool(one.tolist() == other.tolist())
    return one.shape == other.shape and bool(one.tobytes() == other.tobytes())


def _apart(name: str, measures: Sequence[Measure]) -> Apart:
    """How far an output of the second file is from the first file's, on the worst input set.

    Without a float64 run, the verdicts are `exact`, `no-noise-floor` (rounding), `vacuous` and
    `mismatch`.
    """
    verdict = judge_output(measures, Tolerances())
    worst = max(measures, key=lambda each: each["n_runtime"] or 0.0)
    structure = next(filter(None, (m["structure"] or m["masks"] for m in measures)), "")
    return {
        "output": name,
        "dtype": worst["dtype"],
        "verdict": verdict["verdict"],
        "units": worst["n_runtime"],
        "max_abs": max((m["max_abs"] or 0.0 for m in measures), default=None),
        "set": worst["set"],
        "detail": structure,
        "different": sum(m["flips"] for m in measures),
        "elements": sum(m["elements"] for m in measures),
    }
