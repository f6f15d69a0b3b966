"""Describe where a wrong result begins in a few sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

from opset_atlas.graph.spelling import operator, visible
from opset_atlas.models.sizes import sizes_of
from opset_atlas.operators import definitions
from opset_atlas.records import Located, Node

MOST_OPERATORS = 6
_MOST_NAME = 60
_MOST_MESSAGE = 500
_MOST_WARNINGS = 2


def sentence(found: Located, warned: Sequence[str] = ()) -> str:
    """What is to blame, how large the error is, compared with what, and whose fault it is.

    Args:
        warned: what a tracer said about the lines that the nodes come from.
    """
    size = sizes_of(found["set"])
    said = [
        f"The tracer warned about this line: {_first(text)}" for text in warned[:_MOST_WARNINGS]
    ]
    return " ".join([(f"With {size}: " if size else "") + _sentence(found), *said])


def _first(text: str) -> str:
    """The first sentence of a warning, which says what was converted."""
    return visible(re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0], _MOST_MESSAGE)


def _sentence(found: Located) -> str:
    if found["stops"]:
        return _stop(found)
    if found["fault"] == "outputs":
        return f"The graph's outputs are not the model's: {found['difference']}."
    if not found["value"]:
        what = _name(found["output"]) or "the result"
        return f"Could not find where {what} goes wrong: {found['detail']}."
    if found["fault"] == "constant":
        return f"`{_name(found['value'])}` is fixed in the file: no input of the model reaches it."
    parts = [_where(found), _consequence(found), found["instead"], _fault(found), _base(found)]
    return " ".join(filter(None, parts))


def _stop(found: Located) -> str:
    """Where a runtime fails."""
    if not found["nodes"]:
        return f"Could not find where the file fails: {found['detail']}."
    (node,) = found["nodes"]
    name = f" `{_name(node['name'])}`" if node["name"] else ""
    message = visible(found["difference"].rstrip(". "), _MOST_MESSAGE)
    said = f"The runtime fails at {node['text']}{name}: {message}."
    return " ".join(filter(None, [said, found["instead"], _base(found)]))


def spelled(node: Node) -> str:
    """`Softmax-11(axis=1)`: operator, version and non-default attributes."""
    given = [
        f"{a['name']}={visible(str(a['value']), _MOST_NAME // 2)}"
        for a in node["attributes"]
        if not a["default"] and not isinstance(a["value"], dict) and a["value"] != "subgraph"
    ]
    return visible(operator(node), _MOST_NAME) + (f"({', '.join(given)})" if given else "")


def listed(texts: Sequence[str]) -> str:
    """The first few of many."""
    return ", ".join([*texts[:MOST_OPERATORS], *(["…"] if len(texts) > MOST_OPERATORS else [])])


def _where(found: Located) -> str:
    nodes = found["nodes"]
    texts = listed([node["text"] for node in nodes])
    if found["fault"] == "optimization":
        return (
            f"{texts}: right as written; with the runtime's graph optimizations the result is "
            f"{_off(found)}."
        )
    if found["fault"] == "unconfirmed":
        return (
            f"{texts} `{_name(nodes[0]['name'])}` gives another result than {found['against']} "
            f"does with the same inputs ({_off(found)}); no other runtime or opset says which is "
            "right."
        )
    if found["early"]:
        return (
            f"Something is missing after {texts} `{_name(nodes[0]['name'])}`: it gives what "
            f"{_name(found['early'])} gives, and the model goes on from there."
        )
    inside = f" in {_name(nodes[0]['inside'])}" if nodes[0]["inside"] else ""
    beyond = "beyond noise" if found["verdict"] == "above-noise" else "wrong"
    if found["idle"]:
        return (
            f"{texts} `{_name(nodes[0]['name'])}` passes its input on, where the model computes "
            f"something: its input is right, its result is {beyond}, {_off(found)}."
        )
    if len(nodes) == 1:
        return (
            f"{texts} `{_name(nodes[0]['name'])}`{inside} is the first node whose result is "
            f"{beyond} while its inputs are right: {_off(found)}."
        )
    return (
        f"{len(nodes)} nodes ({texts}){inside} take right inputs, and their result "
        f"`{_name(found['value'])}` is {beyond}: {_off(found)}."
    )


def _off(found: Located) -> str:
    if found["difference"]:
        return f"{found['difference']}, against {found['against']}"
    if found["error"] is None or found["allowed"] is None:
        return f"not that of {found['against']}"
    error, allowed = _number(found["error"]), _number(found["allowed"])
    return f"{error} u off {found['against']}, where {allowed} u would be noise"


def _consequence(found: Located) -> str:
    if found["value"] == found["output"] or found["fault"] == "unconfirmed":
        return ""
    if found["repairs"]:
        return "With the right value in its place the output is right."
    return "With the right value in its place the output is still wrong: there is another fault."


def _fault(found: Located) -> str:
    if found["fault"] == "kernel":
        return "Another runtime computes the same nodes correctly, so the kernel is at fault."
    if found["fault"] == "undecided":
        return "Whether the file or the runtime is at fault is undecided."
    if found["fault"] == "file" and found["right_at"]:
        said = f"Under opset {found['right_at']} the same nodes are right."
        return f"{said} {_meaning(found)}".rstrip()
    if found["fault"] == "file":
        return "Another runtime computes the same, so the file itself is at fault."
    return ""


def _meaning(found: Located) -> str:
    """The known changes of meaning between the file's version and the right one."""
    for node in found["nodes"]:
        other = definitions.in_force(node["op"], found["right_at"] or 0, node["domain"])
        if node["since"] and other and other != node["since"]:
            notes = definitions.notes(node["op"], node["since"], other, node["domain"])
            if told := [note.note for note in notes if note.numeric]:
                versions = sorted((node["since"], other))
                return f"{node['op']} {versions[0]} → {versions[1]}: {' '.join(told)}"
    return ""


def _base(found: Located) -> str:
    base = found["inherited"]
    return f"The file that it was converted from, {base}, is wrong too." if base else ""


def _name(text: str) -> str:
    return visible(text.replace("`", "'"), _MOST_NAME)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if 0.1 <= value < 1000 else f"{value:.2g}"
