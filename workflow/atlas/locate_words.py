"""Where a wrong result begins, as one or two sentences that an engineer reads once."""

from __future__ import annotations

from atlas import schema
from atlas.picture import visible
from atlas.records import BlamedNode, Located

MOST_OPERATORS = 6
_MOST_NAME = 60


def sentence(found: Located) -> str:
    """What is to blame, by how much, against what, and whose fault it is."""
    if found["fault"] == "outputs":
        return f"The graph's outputs are not the model's: {found['difference']}."
    if not found["value"]:
        what = _name(found["output"]) or "the result"
        return f"Where {what} goes wrong was not found: {found['detail']}."
    if found["fault"] == "constant":
        return f"`{_name(found['value'])}` is fixed in the file: no input of the model reaches it."
    return " ".join(filter(None, [_where(found), _consequence(found), _fault(found)]))


def _where(found: Located) -> str:
    nodes = found["nodes"]
    if found["fault"] == "optimization":
        return (
            f"{_operators(nodes)}: right as written; with the runtime's graph optimizations the "
            f"result is {_off(found)}."
        )
    if len(nodes) == 1:
        return (
            f"{_operator(nodes[0])} `{_name(nodes[0]['name'])}` is the first node whose result is "
            f"wrong while its inputs are right: {_off(found)}."
        )
    return (
        f"What goes into {len(nodes)} nodes ({_operators(nodes)}) is right, and what comes out, "
        f"`{_name(found['value'])}`, is wrong: {_off(found)}."
    )


def _off(found: Located) -> str:
    if found["difference"]:
        return f"{found['difference']}, against {found['against']}"
    if found["error"] is None or found["allowed"] is None:
        return f"not that of {found['against']}"
    error, allowed = _number(found["error"]), _number(found["allowed"])
    return f"{error} u off {found['against']}, where {allowed} u would be noise"


def _consequence(found: Located) -> str:
    if found["value"] == found["output"]:
        return ""
    if found["repairs"]:
        return "With the right value in its place the output is right."
    return "With the right value in its place the output is still wrong: there is more than one."


def _fault(found: Located) -> str:
    if found["fault"] == "kernel":
        return "onnx.reference computes the same nodes rightly: the runtime's kernel is at fault."
    if found["fault"] == "undecided":
        return "Whether the file or the runtime is at fault is undecided."
    if found["right_at"]:
        return (
            f"Under opset {found['right_at']} the same nodes are right. {_meaning(found)}".strip()
        )
    return ""


def _meaning(found: Located) -> str:
    """What is known to have changed between the version in the file and the one that is right."""
    for node in found["nodes"]:
        other = schema.in_force(node["op"], found["right_at"] or 0, node["domain"])
        if node["since"] and other and other != node["since"]:
            notes = schema.notes(node["op"], node["since"], other, node["domain"])
            if told := [note.note for note in notes if note.numeric]:
                versions = sorted((node["since"], other))
                return f"{node['op']} {versions[0]} → {versions[1]}: {' '.join(told)}"
    return ""


def _operators(nodes: list[BlamedNode]) -> str:
    spelled = [_operator(node) for node in nodes[:MOST_OPERATORS]]
    return ", ".join([*spelled, *(["…"] if len(nodes) > MOST_OPERATORS else [])])


def _operator(node: BlamedNode) -> str:
    return f"{_name(node['op'])}-{node['since']}" if node["since"] else _name(node["op"])


def _name(text: str) -> str:
    return visible(text, _MOST_NAME)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if 0.1 <= value < 1000 else f"{value:.2g}"
