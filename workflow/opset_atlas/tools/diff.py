"""What differs between two ONNX files, and why.

The first line is the verdict; then every change with its cause, those that can matter first. The
producer of a file, the names of its nodes and values, the order of its nodes and different ways to
write the same value do not matter. The names of the model's inputs and outputs do, because callers
use them.

exit status:
  0  both files mean the same
  1  they differ, or the files alone do not settle it
  2  they could not be compared; the reason is on standard error
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opset_atlas.base.terminal import Terminal
from opset_atlas.records import VERSION, DiffReport
from opset_atlas.tools import _command
from opset_atlas.tools._command import Refusal

if TYPE_CHECKING:
    from opset_atlas.numerics.random_runs import Choice

_EXAMPLES = """
  opset-atlas diff old.onnx new.onnx
  opset-atlas diff old.onnx new.onnx --run                 # and run both on random inputs
  opset-atlas diff old.onnx new.onnx --run --size batch=4  # with a size that the files leave open
  opset-atlas diff old.onnx new.onnx --open                # both graphs side by side in a browser
  opset-atlas diff old.onnx new.onnx --markdown            # for a pull request
  git show HEAD:model.onnx | opset-atlas diff - model.onnx
"""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("diff", __doc__, _EXAMPLES)
    files = "two files; - is one on standard input, without external data"
    parser.add_argument("files", nargs=2, metavar="FILE.onnx", help=files)
    shown = parser.add_argument_group("what is printed").add_mutually_exclusive_group()
    shown.add_argument(
        "--json", action="store_true", help="data (schemas/records/diff.schema.json)"
    )
    shown.add_argument("--markdown", action="store_true", help="a comment for a pull request")
    shown.add_argument("-q", "--quiet", action="store_true", help="nothing; see the exit status")
    page = parser.add_argument_group("a page with both graphs")
    page.add_argument("--html", type=Path, metavar="PAGE", help="write it, too")
    page.add_argument("--open", action="store_true", help="open it in a browser")
    _command.add_run(parser, "run both in onnxruntime on the same random inputs")
    _command.add_limits(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        with _paths(options.files) as paths:
            report, page = _report(paths, options)
    except Refusal as refusal:
        return _command.refused("diff", refusal)
    from opset_atlas.tools import _diff_words as words

    if options.json:
        print(json.dumps(report, indent=1, ensure_ascii=False))
    elif options.markdown:
        print(words.markdown(report))
    elif not options.quiet:
        print(words.text(report, Terminal.of(sys.stdout)))
    if page:
        _show(page, options.html, options.open)
    return words.exit_status(report)


@contextlib.contextmanager
def _paths(names: list[str]) -> Iterator[tuple[Path, Path]]:
    """The files; what comes on standard input is kept in one for as long as it is needed."""
    if names.count("-") > 1:
        raise Refusal("only one of the files can come on standard input")
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "stdin.onnx"
        if "-" in names:
            kept.write_bytes(sys.stdin.buffer.read())
        one, other = (kept if name == "-" else Path(name) for name in names)
        yield one, other


def _report(paths: tuple[Path, Path], options: argparse.Namespace) -> tuple[DiffReport, str]:
    """What differs, and the page if one is wanted."""
    from opset_atlas.tools._diff_words import settle

    limits = _command.limits(options)
    choice = _command.choice(options) if options.run else None
    wanted = bool(options.html or options.open)
    given = list(zip(options.files, paths, strict=True)), wanted
    found = _command.isolated("comparing them", given, _compared, limits)
    run = None
    if choice:
        try:
            both = paths, tuple(found["declared"]), choice
            run = _command.isolated("running them", both, _ran, limits)
        except Refusal as refusal:
            run = _command.not_run(str(refusal), notes=[])
    report: DiffReport = {
        "version": VERSION,
        "verdict": settle(found["changes"], run),
        "files": found["files"],
        "changes": found["changes"],
        "run": run,
    }
    return report, found.get("page", "")


def _compared(given: tuple[list[tuple[str, Path]], bool]) -> dict[str, Any]:
    """In a child process: the changes between two files, and their page if requested."""
    import onnx

    from opset_atlas.causes import Situation
    from opset_atlas.comparison.steps import compare
    from opset_atlas.graph.reading import read_model
    from opset_atlas.onnx_files import facts

    named, wanted = given
    graphs, files, declared = [], [], []
    for name, path in named:
        try:
            model = onnx.load(path, load_external_data=False)
            if not model.HasField("graph"):
                raise ValueError("no graph in it")
            files.append(facts.of_model(name, model))
            declared.append(facts.declared(model.graph))
            graphs.append(read_model(model, path.parent)[0])
        except Exception as error:
            raise _command.reading(name, error) from error
    opsets = [file["opset"] or 0 for file in files]
    try:
        changes = compare(graphs[0], graphs[1], Situation(opsets[0], opsets[1]))
    except Exception as error:
        raise _command.stopped(named, error) from error
    found: dict[str, Any] = {"changes": changes, "files": files, "declared": declared}
    if wanted:
        from opset_atlas.stages.report import pair

        one, other = (
            pair.File(path.name, opset, graph)
            for (_, path), opset, graph in zip(named, opsets, graphs, strict=True)
        )
        found["page"] = pair.page(one, other, changes)
    return found


def _ran(both: tuple[Any, Any, Choice]) -> Any:
    """In a child process: both files on the same random inputs."""
    from opset_atlas.numerics.random_runs import run_together

    return run_together(*both)


def _show(page: str, path: Path | None, browser: bool) -> None:
    """Write the page, and open it in a browser if wanted."""
    from opset_atlas.base.files import write_text

    path = path or Path(tempfile.mkdtemp(prefix="opset-atlas-")) / "diff.html"
    write_text(path, page)
    if browser:
        import webbrowser

        address = path.resolve().as_uri()
        if not webbrowser.open(address):
            print(f"found no browser; open {address}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
