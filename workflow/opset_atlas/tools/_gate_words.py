"""What a gate found, in the forms that continuous integration reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from opset_atlas.graph.spelling import visible
from opset_atlas.tools.baseline import Row, place, spelled

Cells = Mapping[str, Sequence[int]]  # of the baseline: `model/exporter` and its requested opsets

# GitHub shows ten annotations of a kind for a step, and takes a summary of 1 MiB.
_ANNOTATIONS = 10
_ROWS = 500
_LONGEST = 400


def headline(rows: Sequence[Row], cells: Cells) -> str:
    """`gate: failed, 3 of 36 cells no longer give what the baseline has`."""
    total = sum(map(len, cells.values()))
    failed = _failed(rows, cells)
    sweeps = sum(1 for row in rows if row["matters"] and not row["opsets"])
    if not failed and not sweeps:
        return f"gate: passed, all {total} cells give what the baseline has"
    return f"gate: failed, {len(failed)} of {total} cells no longer give what the baseline has"


def junit(rows: Sequence[Row], cells: Cells) -> str:
    """JUnit XML: a suite per sweep, a test case per cell of the baseline."""
    failed = _failed(rows, cells)
    root = ElementTree.Element(
        "testsuites", name="opset-atlas gate", tests=_count(cells), failures=str(len(failed))
    )
    for sweep, opsets in cells.items():
        wrong = [opset for opset in opsets if (sweep, opset) in failed]
        suite = ElementTree.SubElement(
            root, "testsuite", name=sweep, tests=str(len(opsets)), failures=str(len(wrong))
        )
        for opset in opsets:
            case = ElementTree.SubElement(
                suite, "testcase", classname=sweep.replace("/", "."), name=f"opset {opset}"
            )
            found = failed.get((sweep, opset), [])
            if found:
                # One element: several are valid, yet most readers show the first alone.
                first = visible(f"{found[0]['kind']}: {found[0]['text']}", _LONGEST)
                kinds = ", ".join(dict.fromkeys(row["kind"] for row in found))
                failure = ElementTree.SubElement(case, "failure", message=first, type=kinds)
                failure.text = "\n".join(map(spelled, found))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def github(rows: Sequence[Row], files: Mapping[str, str]) -> str:
    """Workflow commands of GitHub: one for a failure, at the file of its model.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions

    Args:
        files: a model's source file, relative to the folder of the run.
    """
    failed = [row for row in rows if row["matters"]]
    shown = failed if len(failed) <= _ANNOTATIONS else failed[: _ANNOTATIONS - 1]
    lines = []
    for row in shown:
        properties = {"file": files.get(row["model"], ""), "title": f"opset-atlas: {place(row)}"}
        given = ",".join(f"{key}={_property(text)}" for key, text in properties.items() if text)
        lines.append(f"::error {given}::{_data(visible(row['kind'] + ' ' + row['text'], 4000))}")
    if len(shown) < len(failed):
        lines.append(f"::error title=opset-atlas::and {len(failed) - len(shown)} more")
    return "".join(f"{line}\n" for line in lines)


def markdown(rows: Sequence[Row], cells: Cells) -> str:
    """The failures as a table, then what else differs; for a summary or a comment."""
    failed = [row for row in rows if row["matters"]]
    others = [row for row in rows if not row["matters"] and row["kind"] != "version"]
    lines = [f"### {headline(rows, cells)}", ""]
    if changed := _versions(rows):
        lines += [f"Versions: {', '.join(map(_escaped, changed))}.", ""]
    lines += _table(failed)
    if others:
        title = f"Other differences, which do not count: {len(others)}"
        lines += ["<details>", f"<summary>{title}</summary>", "", *_table(others), "</details>", ""]
    return "\n".join(lines)


def _failed(rows: Sequence[Row], cells: Cells) -> dict[tuple[str, int], list[Row]]:
    """What fails, by cell of the baseline."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        sweep = f"{row['model']}/{row['exporter']}"
        for opset in row["opsets"] if row["matters"] else ():
            if opset in cells.get(sweep, ()):
                found.setdefault((sweep, opset), []).append(row)
    return found


def _count(cells: Cells) -> str:
    return str(sum(map(len, cells.values())))


def _versions(rows: Sequence[Row]) -> list[str]:
    return sorted({row["text"] for row in rows if row["kind"] == "version"})


def _table(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| model × exporter × opset | what | difference |", "|---|---|---|"]
    for row in rows[:_ROWS]:
        cells = place(row), row["kind"], visible(row["text"], _LONGEST)
        lines.append(f"| {' | '.join(map(_escaped, cells))} |")
    more = [f"\nand {len(rows) - _ROWS} more in gate.json"] if len(rows) > _ROWS else []
    return [*lines, *more, ""]


def _escaped(text: str) -> str:
    """Text that Markdown and HTML take as it is."""
    plain = visible(text, 4000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|" else c for c in plain)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
