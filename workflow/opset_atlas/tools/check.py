"""One ONNX file: what loads it, whether it gives what it declares, and what its operators mean.

It is read, checked with onnx's checker and the text of the specification, and run in onnxruntime on
random inputs where that is installed. It is never changed.

exit status:
  0  nothing was found
  1  something was found; the first lines tell
  2  the file could not be read; the reason is on standard error
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opset_atlas.base.terminal import Terminal
from opset_atlas.records import VERSION, CheckReport, GraphFile, Loader, OperatorUse, RunAlone
from opset_atlas.tools import _command
from opset_atlas.tools._command import Refusal

if TYPE_CHECKING:
    from opset_atlas.numerics.random_runs import Choice

_EXAMPLES = """
  opset-atlas check model.onnx
  opset-atlas check model.onnx --size batch=4   # with a size that the file leaves open
  opset-atlas check model.onnx --json | jq .problems
"""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("check", __doc__, _EXAMPLES)
    parser.add_argument("file", type=Path, metavar="FILE.onnx")
    parser.add_argument("--json", action="store_true", help="data; docs/tool.md has its schema")
    parser.add_argument("--no-run", action="store_true", help="only read it")
    _command.add_run(parser, "")
    _command.add_limits(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        report = _report(options)
    except Refusal as refusal:
        return _command.refused("check", refusal)
    if options.json:
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        from opset_atlas.tools import _check_words

        print(_check_words.text(report, Terminal.of(sys.stdout)))
    return int(bool(report["problems"]))


def _report(options: argparse.Namespace) -> CheckReport:
    limits = _command.limits(options)
    wanted = not options.no_run and _command.runs()
    choice = _command.choice(options) if wanted else None
    found = _command.isolated("reading it", options.file, _read, limits)
    run: RunAlone | None = None
    if choice:
        try:
            given = options.file, found["declared"], choice
            run = _command.isolated("running it", given, _ran, limits)
        except Refusal as refusal:
            run = _command.not_run(str(refusal), misdeclared=[])
    report: CheckReport = {
        "version": VERSION,
        "file": found["file"],
        "size_bytes": found["size_bytes"],
        "problems": [],
        "loaders": [found["onnx"], _onnxruntime(found["file"], run)],
        "declared": found["declared"],
        "run": run,
        "departures": found["departures"],
        "operators": found["operators"],
    }
    report["problems"] = list(_problems(report, found["fault"]))
    return report


def _read(path: Path) -> dict[str, Any]:
    """In a child process: all that the file itself tells."""
    import onnx

    from opset_atlas.graph.departures import departures
    from opset_atlas.graph.reading import read
    from opset_atlas.onnx_files import facts

    try:
        inspected = facts.inspect(path)
        graph, imports = read(path)
        said = facts.of_model(path.name, onnx.load(path, load_external_data=False))
    except Exception as error:
        raise _command.reading(str(path), error) from error
    fault = inspected["fault"]
    return {
        "file": said,
        "size_bytes": inspected["size_bytes"],
        "declared": inspected["declared"],
        "fault": fault["text"] if fault else "",
        "departures": departures(graph),
        "operators": _operators(graph, imports.get("", imports.get("ai.onnx", 0))),
        "onnx": _onnx(said, fault["text"] if fault else ""),
    }


def _operators(graph: GraphFile, opset: int) -> list[OperatorUse]:
    """The operators of the file and its functions, the most frequent first."""
    from opset_atlas.graph.reading import walk
    from opset_atlas.graph.spelling import operator
    from opset_atlas.operators import definitions

    bodies = [graph["graph"], *(function["graph"] for function in graph["functions"])]
    nodes = [node for body in bodies for node in walk(body)]
    counts = Counter(operator(node) for node in nodes)
    found: dict[str, OperatorUse] = {}
    for node in nodes:
        op, domain, since = node["op"], node["domain"], node["since"]
        later = [v for v in definitions.versions(op, domain) if since is not None and v > since]
        use: OperatorUse = {
            "operator": operator(node),
            "domain": domain,
            "op": op,
            "since": since,
            "nodes": counts[operator(node)],
            "deprecated": since is not None and definitions.deprecated(op, since, domain),
            "following": later[0] if later else None,
            "summary": "",
            "numeric": False,
        }
        if later and since is not None:
            use["summary"] = str(definitions.transition(op, since, later[0], domain).summary)
            notes = definitions.notes(op, since, later[0], domain)
            use["numeric"] = any(note.numeric for note in notes)
        found.setdefault(use["operator"], use)
    return sorted(found.values(), key=lambda use: (-use["nodes"], use["operator"]))


def _onnx(said: Any, fault: str) -> Loader:
    """The installed onnx, and the first of its releases that knows the file's versions."""
    import onnx
    from onnx.helper import VERSION_TABLE

    opset, ir_version = said["opset"] or 0, said["ir_version"]
    fitting = (row[0] for row in VERSION_TABLE if row[1] >= ir_version and row[2] >= opset)
    return {
        "name": "onnx",
        "version": onnx.__version__,
        "opset": onnx.defs.onnx_opset_version(),
        "ir_version": onnx.IR_VERSION,
        "oldest": next(fitting, ""),
        "problem": fault,
    }


def _onnxruntime(said: Any, run: RunAlone | None) -> Loader:
    """The installed onnxruntime, if any, and the first release whose gate lets the file in."""
    from opset_atlas.execution.environments import version
    from opset_atlas.runtimes._gates import ONNXRUNTIME, oldest

    installed = version("onnxruntime") or ""
    own = next((g for g in ONNXRUNTIME if f"{installed}.".startswith(f"{g.version}.")), None)
    gate = oldest(said["opset"] or 0, said["ir_version"])
    return {
        "name": "onnxruntime",
        "version": installed,
        "opset": own.opset if own else None,
        "ir_version": own.ir_version if own else None,
        "oldest": gate.version if gate else "",
        "problem": run["problem"] if run else None,
    }


def _ran(given: tuple[Path, Any, Choice]) -> Any:
    """In a child process: the file on random inputs."""
    from opset_atlas.numerics.random_runs import run_alone

    return run_alone(*given)


def _problems(report: CheckReport, fault: str) -> Iterator[str]:
    from opset_atlas.numerics.verdicts import told_otherwise

    if fault:
        yield fault
    for use in report["operators"]:
        if use["deprecated"]:
            yield f"{use['operator']} is deprecated"
    run = report["run"]
    if run and run["problem"]:
        yield run["problem"]
    if run and run["misdeclared"]:
        sizes = ", ".join(f"{name} = {size}" for name, size in run["sizes"].items())
        where = f" (with {sizes})" if sizes else ""
        yield f"{told_otherwise(run['misdeclared'])}{where}"
    for each in report["departures"]:
        where = f"{each['operator']} takes {each['parameter']} of rank {each['rank']}"
        yield f"{where}; the specification says: {each['says']}"


if __name__ == "__main__":
    sys.exit(main())
