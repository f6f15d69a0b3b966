"""Stage 2, per sweep: one model through one exporter at every requested opset.

reads   the sweep's specification (JSON), results/define/{model}, and for a conversion the base
        export
writes  record.json (what each file is, read from the file), cells/opset_NN.onnx with the large
        tensors that they share next to them, timing.json

If an exporter refuses a cell, delivers something other than requested, crashes or hangs, that is a
row of the record; the stage itself succeeds. Cells whose fingerprint (everything they depend on)
and content are unchanged since an earlier run are kept, so a new opset exports only that opset.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import logging
import shutil
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from opset_atlas import exporters
from opset_atlas.base import failures, source_lines, stopped
from opset_atlas.base.files import digest, file_sha256, read_json, write_json
from opset_atlas.base.messages import LIMIT, clean, describe, text_of, trace
from opset_atlas.execution.isolate import Result, await_copies, end_copy, run_isolated
from opset_atlas.records import VERSION, Cell, DefineRecord, ExportRecord, Failure, Message

LOGGERS = ("", "torch", "torch.onnx", "onnxscript", "onnx_ir")


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(prog="python -m opset_atlas export", description=__doc__)
    parser.add_argument("--spec", type=json.loads, required=True, help="specification as JSON")
    parser.add_argument("--define", type=Path, required=True, help="folder of the define stage")
    parser.add_argument("--base", type=Path, help="export folder that a conversion starts from")
    parser.add_argument("--code", default="", help="hash of the code of this stage")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    stopped.add_options(parser)
    options = parser.parse_args(arguments)
    spec = stopped.spec_with_limits(options)
    job = exporters.Job(spec, options.define, options.base)

    def work() -> None:
        cells = sweep(job, options.output, options.code)["cells"]
        lost = any(stopped.is_at_limit(cell["outcome"], cell["detail"]) for cell in cells)
        stopped.note(options.output / "record.json", spec["limits"], options.again, lost)

    failures.guard(work, lambda failure: _stand_in(spec, options.output, failure))


def _stand_in(spec: Mapping[str, Any], folder: Path, failure: Failure) -> None:
    """Write the record of a sweep on which this stage failed: no files; every cell says why."""
    shutil.rmtree(folder / "cells", ignore_errors=True)
    (folder / "cells").mkdir(parents=True)
    cells = [_failed(opset, failure) for opset in sorted(spec["opsets"])]
    write_json(folder / "timing.json", {str(cell["requested"]): None for cell in cells})
    write_json(folder / "record.json", _record(spec, {}, cells) | {"failures": [failure]})


def sweep(job: exporters.Job, folder: Path, code: str = "") -> ExportRecord:
    """Make or keep every requested cell in `folder`; write and return the record.

    Args:
        code: hash of the code that exports; part of every cell's fingerprint.
    """
    spec, exporter = job.spec, exporters.load(job.spec["exporter"])
    cells = folder / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    seconds = _kept_seconds(folder)
    prints = _fingerprints(job, code)
    done = {cell["requested"]: cell for cell in _kept(folder, prints)}
    missing = [opset for opset in spec["opsets"] if opset not in done]
    _remove_others(cells, done.values())
    for opset, cell, took in _export_cells(job, cells, missing):
        done[opset] = {**cell, "fingerprint": prints[opset]}
        seconds[str(opset)] = round(took, 4)
        name = f"{spec['model']} × {spec['exporter']} × {opset}"
        print(f"{name}: {cell['outcome']} in {took:.2f} s", flush=True)
    _remove_others(cells, done.values())
    versions = {name: importlib.metadata.version(name) for name in exporter.PACKAGES}
    record = _record(spec, versions, [done[opset] for opset in sorted(done)])
    if lines := _lines(job, record["cells"]):
        record["lines"] = lines
    write_json(
        folder / "timing.json", {str(opset): seconds.get(str(opset)) for opset in sorted(done)}
    )
    write_json(folder / "record.json", record)
    return record


def _record(
    spec: Mapping[str, Any], versions: dict[str, str], cells: Sequence[Cell]
) -> ExportRecord:
    record: ExportRecord = {
        "version": VERSION,
        "stage": "export",
        "model": spec["model"],
        "exporter": spec["exporter"],
        "versions": versions,
        "cells": list(cells),
    }
    # Without a traceback, it was the define stage that failed; its record says so.
    own = [c for c in cells if c["outcome"] == "internal-error" and c["traceback"]]
    if own:
        record["failures"] = [_failure(cell) for cell in own]
    return record


def _failed(opset: int, failure: Failure) -> Cell:
    """A cell on which this program failed, whatever the exporter did."""
    cell = _cell(opset, "internal-error", failures.named(failure))
    return {**cell, "traceback": failure["traceback"]}


def _failure(cell: Cell) -> Failure:
    """The failure behind such a cell."""
    return {
        "what": f"opset {cell['requested']}",
        "detail": cell["detail"].removeprefix(f"{failures.NAMED}: "),
        "traceback": cell["traceback"],
    }


def _fingerprints(job: exporters.Job, code: str) -> dict[int, str]:
    """For each requested opset, a hash over everything that determines its file.

    Limits are not included: a file made within one limit is the same within another.
    """
    model = cast(DefineRecord, read_json(job.define / "record.json", "define"))
    shared = {
        "spec": {key: value for key, value in job.spec.items() if key not in ("opsets", "limits")},
        "model": [
            model["weights_sha256"],
            model["inputs_sha256"],
            model["sources"],
            model["outcome"],
            model["detail"] if model["outcome"] == "failed" else "",
        ],
        "code": code,
        "base": _base_of(job),
        "files": [file_sha256(Path(path)) for path in job.spec.get("files", [])],
    }
    return {opset: digest({**shared, "opset": opset}) for opset in job.spec["opsets"]}


def _base_of(job: exporters.Job) -> Any:
    """What a conversion depends on of the sweep that it starts from."""
    if job.base is None:
        return ""
    part = getattr(exporters.load(job.spec["exporter"]), "base_of", None)
    return part(job) if part else file_sha256(job.base / "record.json")


def _kept(folder: Path, prints: Mapping[int, str]) -> Iterator[Cell]:
    """Cells of an earlier run that a new export would only repeat."""
    try:
        record: ExportRecord = read_json(folder / "record.json", "export")
    except (OSError, ValueError):
        return
    found: dict[str, str] = {}  # by name, since the files of a sweep share their weights

    def whole(cell: Cell) -> bool:
        for name, sha256 in _files(cell).items():
            path = folder / "cells" / name
            if name not in found:
                found[name] = file_sha256(path) if path.is_file() else ""
            if found[name] != sha256:
                return False
        return True

    for cell in record["cells"]:
        ours = cell["outcome"] == "internal-error"
        lasting = not ours and not stopped.is_at_limit(cell["outcome"], cell["detail"])
        if lasting and prints.get(cell["requested"]) == cell["fingerprint"] and whole(cell):
            yield cell


def _files(cell: Cell) -> dict[str, str | None]:
    """The hashes of a cell's files by name: the ONNX file and its external data files."""
    return {cell["file"]: cell["sha256"], **cell["tensors"]} if cell["file"] else {}


def _kept_seconds(folder: Path) -> dict[str, float]:
    try:
        return dict(json.loads((folder / "timing.json").read_text()))
    except (OSError, ValueError):
        return {}


def _remove_others(cells: Path, kept: Iterable[Cell]) -> None:
    """Remove files that do not belong to any cell."""
    names = {Path(name).parts[0] for cell in kept for name in _files(cell)}
    for path in cells.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _export_cells(
    job: exporters.Job, folder: Path, opsets: Sequence[int]
) -> Iterator[tuple[int, Cell, float]]:
    """Export in child processes, one cell after the other; a fault costs only its own cell."""
    model: DefineRecord = read_json(job.define / "record.json", "define")
    if model["outcome"] != "ok":
        outcome = "no-model" if model["outcome"] == "failed" else model["outcome"]
        source = source_lines.in_text(model["traceback"])
        for opset in opsets:
            yield opset, {**_cell(opset, outcome, model["detail"]), "source": source}, 0.0
        return
    frozen = _frozen(job, model)
    spec = frozen.spec
    state: dict[str, exporters.Export] = {}

    def setup() -> None:
        try:
            state["export"] = exporters.load(spec["exporter"]).prepare(frozen)
        except Exception as error:
            if failures.is_ours(error):
                raise
            state["export"] = _refusing(error)

    def work(opset: int) -> list[Any]:
        number = f"{opsets.index(opset) + 1} of {len(opsets)}"
        print(f"{spec['model']} × {spec['exporter']} × {opset}: exporting, {number}", flush=True)
        return _export_cell(state["export"], opset, folder)

    limits = job.spec["limits"]
    for group in _together(spec, opsets):
        for opset, result in run_isolated(
            group,
            work,
            limits["cell_seconds"],
            limits.get("memory_mb"),
            setup,
            foreign="factory" in spec,
        ):
            if result.status == "done":
                yield opset, *result.value
            elif result.status == "internal-error":
                yield opset, _failed(opset, result.failure("")), result.seconds
            else:
                yield opset, _cell(opset, result.status, _fault(result)), result.seconds


def _lines(job: exporters.Job, cells: Sequence[Cell]) -> dict[str, str]:
    """The line of each node in the newest file of the sweep about which a tracer warned."""
    warned = [cell["requested"] for cell in cells if cell["file"] and _is_warned(cell)]
    lines = getattr(exporters.load(job.spec["exporter"]), "lines", None)
    if not warned or not lines:
        return {}
    given = _frozen(job, read_json(job.define / "record.json", "define"))
    limits = job.spec["limits"]
    seconds, memory = limits["cell_seconds"], limits.get("memory_mb")

    def work(opset: int) -> dict[str, str]:
        try:
            with warnings.catch_warnings(action="ignore"):
                found: dict[str, str] = lines(given, opset)
        except Exception:  # the file exists, and only says less
            return {}
        return found

    for _, result in run_isolated(warned[-1:], work, seconds, memory, foreign=True):
        return dict(result.value) if result.status == "done" else {}
    return {}


def _is_warned(cell: Cell) -> bool:
    return any(message["source"] == "TracerWarning" for message in cell["messages"])


def _frozen(job: exporters.Job, model: DefineRecord) -> exporters.Job:
    """The job as exporters get it."""
    spec = {
        **job.spec,
        "input_set": model["sets"][0]["name"],
        "input_names": [port["name"] for port in model["inputs"]],
        "output_names": [port["name"] for port in model["outputs"]],
        "flattened": model.get("flattened", False),
    }
    return exporters.Job(spec, job.define, job.base)


def _refusing(error: Exception) -> exporters.Export:
    """A substitute for an exporter that cannot take the model at all: it always says so."""

    def export(opset: int, path: Path) -> str:
        raise error

    return export


def _together(spec: Mapping[str, Any], opsets: Sequence[int]) -> Sequence[Sequence[int]]:
    """The groups of opsets that one process may export; a single group by default."""
    together = getattr(exporters.load(spec["exporter"]), "together", None)
    return together(spec, opsets) if together else [opsets]


def _fault(result: Result) -> str:
    return f"the exporting process: {result.detail}"


def _export_cell(export: exporters.Export, opset: int, folder: Path) -> list[Any]:
    """In the child: one request and its result."""
    path = folder / f"opset_{opset:02d}.onnx"
    path.unlink(missing_ok=True)
    heard = _Heard()
    started = time.perf_counter()
    base, error = "", None
    with _listening(heard):
        try:
            base = export(opset, path)
        except BaseException as raised:  # also SystemExit, and pyo3's exception for a panic in Rust
            error = raised
    took = time.perf_counter() - started
    end_copy()  # the model's code may have forked
    await_copies()  # else one may empty the file, to write it too, while it is read here
    if error is not None:
        path.unlink(missing_ok=True)
        cell = _refused(opset, error)
    else:
        cell = _read_cell(opset, path, heard.raised)
    cell["base"], cell["way"] = base, getattr(export, "way", "plain")
    cell["messages"] = [
        Message(level=level, source=source, text=text, place=place, count=count)
        for (level, source, text, place), count in heard.messages.items()
    ]
    return [cell, took]


def _refused(opset: int, error: BaseException) -> Cell:
    """The reason in the exporter's plain words, or the exception; and the exception's traceback."""
    raised: BaseException | None = error
    reason, source = describe(error), source_lines.in_traceback(error)
    if isinstance(error, exporters.Refusal):
        reason, source, raised = str(error), error.source, error.__cause__
    cell = _cell(opset, "refused", "; ".join([reason, *_beyond(opset)]))
    cell["source"] = source
    cell["traceback"] = trace(raised) if raised else ""
    return cell


def _beyond(opset: int) -> list[str]:
    """The limit of the installed onnx, if a request exceeds it."""
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if opset <= newest:
        return []
    return [f"onnx {onnx.__version__} knows opsets up to {newest}"]


@dataclass
class _Heard:
    """An exporter's messages as (level, source, text, place), each with its count.

    `raised`: the exceptions attached to log lines, the only trace of failures that an exporter
    otherwise ignores.
    """

    messages: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    raised: list[BaseException] = field(default_factory=list)


@contextlib.contextmanager
def _listening(heard: _Heard) -> Iterator[None]:
    """Collect an exporter's warnings, log lines and output."""
    messages = heard.messages

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not getattr(record, "_atlas_seen", False):
                record._atlas_seen = True
                text = clean(_message(record))
                if record.exc_info and record.exc_info[1]:
                    heard.raised.append(record.exc_info[1])
                    text = f"{text}: {describe(record.exc_info[1])}"
                messages[record.levelname.lower(), record.name, text, ""] += 1

    handler, printed = Handler(logging.WARNING), _Printed()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            _consoles_aside(printed),
        ):
            warnings.simplefilter("always")
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    for warning in caught:
        text, place = text_of(warning.message), source_lines.at(warning.filename, warning.lineno)
        messages["warning", warning.category.__name__, clean(text), place] += 1
    if text := clean(printed.getvalue()):
        more = f" … ({printed.length} characters)" if printed.length > LIMIT else ""
        messages["print", "stdout", text + more, ""] += 1


@contextlib.contextmanager
def _consoles_aside(printed: io.StringIO) -> Iterator[None]:
    """Send log lines that a handler would print here to this process's log: they are no prints.

    From 2.14 on, the handlers of torch write to what `sys.stderr` is at that time, with the clock
    time and the process ID (torch/_logging/_internal.py, `_StderrHandler`).
    """

    def aside(record: logging.LogRecord) -> bool:
        print(f"{record.levelname}: {_message(record)}", file=sys.__stderr__)
        return False

    named = list(logging.root.manager.loggerDict.values())
    loggers = [logging.root, *(each for each in named if isinstance(each, logging.Logger))]
    found = {handler for logger in loggers for handler in logger.handlers}
    consoles = [handler for handler in found if getattr(handler, "stream", None) is printed]
    for handler in consoles:
        handler.addFilter(aside)
    try:
        yield
    finally:
        for handler in consoles:
            handler.removeFilter(aside)


def _message(record: logging.LogRecord) -> str:
    """The text of a log line, even if its values cannot be formatted."""
    try:
        return record.getMessage()
    except Exception:
        return text_of(record.msg)


class _Printed(io.StringIO):
    """The beginning of the printed text, which may be a gigabyte, and its length."""

    length = 0

    def write(self, text: str) -> int:
        """Keep as much as there is room for."""
        super().write(text[: max(0, LIMIT - self.length)])
        self.length += len(text)
        return len(text)


def _read_cell(opset: int, path: Path, raised: Sequence[BaseException]) -> Cell:
    """The cell, read from the file; only reasons are taken from the exporter's messages.

    Args:
        raised: the exceptions that the exporter logged.

    Raises:
        Exceptions that no file content may cause: a defect of ours, or MemoryError.
    """
    if not path.is_file() or path.stat().st_size == 0:
        missing = "an empty file" if path.is_file() else "no file"
        return _cell(opset, "invalid", f"the exporter returned normally and left {missing}")
    from opset_atlas.onnx_files.facts import inspect, says_of_file

    try:
        facts = inspect(path, apart=True)
    except Exception as error:
        if not says_of_file(error):
            raise
        cell = _cell(opset, "invalid", f"the file cannot be read: {describe(error)}")
        cell["file"], cell["size_bytes"] = path.name, path.stat().st_size
        cell["sha256"] = cell["delivered_sha256"] = file_sha256(path)
        return cell
    fault = facts.pop("fault")
    cell = cast(Cell, {**_cell(opset, "ok"), "file": path.name, **facts})
    moved = cell["delivered"] != opset
    if moved:
        cell["outcome"] = "moved"
        why, cell["source"] = _why_moved(opset, cell["delivered"], path, raised)
        told = f"asked for opset {opset}; the file is opset {cell['delivered']}"
        cell["detail"] = ": ".join(filter(None, [told, why]))
    if fault:
        cell["outcome"] = "invalid"
        cell["detail"] = "; ".join(filter(None, [cell["detail"], fault["text"]]))
        cell["source"] = fault["source"] or cell["source"]
    return cell


def _why_moved(
    opset: int, delivered: int | None, path: Path, raised: Sequence[BaseException]
) -> tuple[str, str]:
    """Why a file has another opset, from the last logged exception, and that exception's place."""
    if not raised:
        return "", ""
    import onnx

    from opset_atlas.onnx_files import origins
    from opset_atlas.operators import conversions

    message = str(raised[-1])
    words = conversions.refusal(message, opset, [delivered] if delivered else [])
    model = onnx.load(path, load_external_data=False)
    source = origins.of_operator(model, *conversions.named(message))
    return conversions.FAILED + (words or describe(raised[-1])), source


def _cell(opset: int, outcome: Any, detail: str = "") -> Cell:
    return {
        "requested": opset,
        "outcome": outcome,
        "detail": detail,
        "source": "",
        "delivered": None,
        "imports": {},
        "ir_version": None,
        "file": None,
        "size_bytes": None,
        "nodes": None,
        "declared": None,
        "sha256": None,
        "tensors": {},
        "beside": 0,
        "delivered_sha256": None,
        "canonical_sha256": None,
        "messages": [],
        "traceback": "",
        "fingerprint": "",
        "base": "",
        "way": "",
    }


if __name__ == "__main__":
    main()
