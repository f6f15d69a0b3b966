"""The history of an operator: what every version takes, what changed, and what that means.

Numbers are opsets: `op Resize 11 13` shows the steps between them, and `op Resize 12` the version
that opset 12 uses. Without numbers, all versions stand side by side. The facts are those of the
installed onnx; notes on changes of meaning are ours, each with the page that it was read from.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from opset_atlas.base.terminal import Role, Terminal
from opset_atlas.tools import _command
from opset_atlas.tools._command import Refusal

_EXAMPLES = """
  opset-atlas op Resize 11 13              # what changed from opset 11 to 13
  opset-atlas op Resize                    # all versions side by side
  opset-atlas op Resize 12                 # the version that opset 12 uses
  opset-atlas op ai.onnx.ml.TreeEnsemble   # an operator of another domain
"""
_SHORT = {"required": "req", "optional": "opt", "variadic": "var", "–": "–"}
_SAID_BY_KIND = {"required to optional", "optional to required", "deprecated"}
_MARKUP = re.compile(r"\s*<br */?>\s*")
_LIGHT = {"none", "text only", "function body only", "types only", "extended"}


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = _command.parser("op", __doc__, _EXAMPLES)
    parser.add_argument("operator", metavar="OPERATOR", help="its name, such as Resize")
    parser.add_argument("opsets", nargs="*", type=int, metavar="OPSET", help="one opset, or two")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    if len(options.opsets) > 2:
        parser().error("expected at most two opsets")
    try:
        op, domain = _named(options.operator)
        lines = _told(op, domain, options.opsets, Terminal.of(sys.stdout))
        print("\n".join(lines))
    except Refusal as refusal:
        return _command.refused("op", refusal)
    return 0


def _told(op: str, domain: str, opsets: Sequence[int], terminal: Terminal) -> list[str]:
    from opset_atlas.operators import definitions

    known = definitions.versions(op, domain)
    used = [_in_force(op, domain, opset) for opset in opsets]
    name = f"{domain}.{op}" if domain else op
    if not used:
        return [*_all_versions(name, op, domain, known, terminal)]
    if len(used) == 1:
        return [*_one_version(name, op, domain, used[0], terminal)]
    ends = (f"{name}-{since} (opset {at})" for since, at in zip(used, opsets, strict=True))
    lines = [terminal.paint(terminal.wrap(" → ".join(ends), "  ", ""), "strong")]
    if used[0] == used[1]:
        return [*lines, "", terminal.wrap(f"Both opsets use {name}-{used[0]}: nothing changes.")]
    for step in definitions.transition(op, *used, domain).steps:
        lines += ["", *_step(op, domain, step.old, step.new, terminal)]
    return lines


def _named(name: str) -> tuple[str, str]:
    """An operator and its domain.

    Raises:
        Refusal: ONNX defines no such operator.
    """
    from opset_atlas.operators import definitions
    from opset_atlas.operators.parameters import canonical_domain, history

    domain, _, op = name.replace("::", ".").rpartition(".")
    domain = canonical_domain(domain)
    if domain not in history():
        known = ", ".join(each or "ai.onnx" for each in sorted(history()))
        raise Refusal(f"onnx knows no domain {domain!r}; there are: {known}")
    if definitions.versions(op, domain):
        return op, domain
    every = {f"{home}.{each}" if home else each for home in history() for each in history()[home]}
    alike = [each for each in every if each.rpartition(".")[2].lower() == op.lower()]
    near = alike or difflib.get_close_matches(op, every, 1)
    hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
    raise Refusal(f"the installed onnx has no operator {name!r}{hint}")


def _in_force(op: str, domain: str, opset: int) -> int:
    from opset_atlas.operators import definitions
    from opset_atlas.operators.parameters import last_opset

    since = definitions.in_force(op, opset, domain)
    if since is not None:
        return since
    if opset > (last := last_opset(domain)):
        raise Refusal(f"the installed onnx ends at opset {last}; it knows no {opset}")
    first = definitions.versions(op, domain)[0]
    raise Refusal(f"opset {opset} has no {op}: it came with opset {first}")


def _all_versions(
    name: str, op: str, domain: str, known: Sequence[int], terminal: Terminal
) -> Iterator[str]:
    from opset_atlas.operators import definitions
    from opset_atlas.stages.report.versions import side_by_side

    yield terminal.paint(f"{name}: versions {', '.join(map(str, known))}", "strong")
    yield from _link(definitions.operator_url(op, domain), "", terminal)
    for note in definitions.notes(op, None, known[0], domain):
        yield terminal.wrap(note.note)
    rows = side_by_side(op, domain)
    width = max(len(row.name) for row in rows) + 2 if rows else 0
    columns = len("required") + 2
    short = width + columns * len(known) > (terminal.width or 100)
    columns = len("req") + 2 if short else columns
    yield ""
    yield f"{'':{width}}" + "".join(f"{since:<{columns}}" for since in known).rstrip()
    role = ""
    for row in rows:
        if row.role != role:
            role = row.role
            yield terminal.paint(f"{role}s", "faint")
        cells = [row.cells.get(since) for since in known]
        words = [cell.presence.partition(",")[0] if cell else "–" for cell in cells]
        words = [_SHORT[word] for word in words] if short else words
        yield f"{row.name:{width}}" + "".join(f"{word:<{columns}}" for word in words).rstrip()
    for old, new in pairwise(known):
        yield ""
        yield from _step(op, domain, old, new, terminal)


def _one_version(name: str, op: str, domain: str, since: int, terminal: Terminal) -> Iterator[str]:
    from opset_atlas.operators import definitions
    from opset_atlas.operators.compare import default_text
    from opset_atlas.stages.report.versions import summarize

    gone = " (deprecated)" if definitions.deprecated(op, since, domain) else ""
    yield terminal.paint(terminal.wrap(f"{name}-{since}{gone}", "  ", ""), "strong")
    yield from _link(definitions.operator_url(op, domain), "", terminal)

    def text(parameter: str) -> str:
        found = definitions.explain_parameter(op, since, parameter, domain)
        said = dict.fromkeys(filter(None, [found.description, found.condition]))
        return _MARKUP.sub(" ", " ".join(said))

    for title, formal in (("inputs", definitions.inputs), ("outputs", definitions.outputs)):
        parameters = formal(op, since, domain)
        if parameters:
            yield from ("", terminal.paint(title, "faint"))
        for each in parameters:
            presence = "" if each.option == "single" else f" ({each.option})"
            yield terminal.wrap(f"{each.name}{presence}: {summarize(each.types)}", "    ", "  ")
            if words := text(each.name):
                yield terminal.wrap(words, "    ")
    attributes = definitions.attributes(op, since, domain)
    if attributes:
        yield from ("", terminal.paint("attributes", "faint"))
    for name, attribute in attributes.items():
        default = "required" if attribute.required else "optional"
        if attribute.default is not None:
            default = f"default {default_text(attribute.default)}"
        yield terminal.wrap(f"{name}: {attribute.type}, {default}", "    ", "  ")
        if words := text(name):
            yield terminal.wrap(words, "    ")
    notes = definitions.notes(op, None, since, domain)
    if notes:
        yield from ("", terminal.paint("changes of meaning, by version", "faint"))
    for note in notes:
        yield terminal.wrap(note.note, "    ", f"  {note.new}: ")


def _step(op: str, domain: str, old: int, new: int, terminal: Terminal) -> Iterator[str]:
    """What a step between neighbouring versions changes, in either direction."""
    from opset_atlas.operators import definitions
    from opset_atlas.stages.report.versions import statements

    transition = definitions.transition(op, old, new, domain)
    notes = definitions.notes(op, old, new, domain)
    tone: Role = "good" if str(transition.summary) in _LIGHT else "warn"
    tone = "bad" if any(note.numeric for note in notes) else tone
    title = f"{old} → {new}: {transition.summary}"
    if any(note.numeric for note in notes):
        title += "; results can differ"
    yield terminal.paint(terminal.wrap(title, "  ", ""), tone)
    for each in statements(transition):
        about = f": {', '.join(each.parameters)}" if each.parameters else ""
        detail = f" ({each.detail})" if each.detail and each.kind not in _SAID_BY_KIND else ""
        yield terminal.wrap(f"{each.kind}{about}{detail}", "    ", "  ")
    for note in notes:
        mark = "  ! " if note.numeric else "  · "
        about = f"{note.parameter}: " if note.parameter else ""
        yield terminal.wrap(f"{about}{note.note}", "    ", mark)
    yield from _link(definitions.url(op, old, new, domain), "  ", terminal)


def _link(url: str | None, indent: str, terminal: Terminal) -> Iterable[str]:
    return [indent + terminal.paint(url, "faint")] if url else []


if __name__ == "__main__":
    sys.exit(main())
