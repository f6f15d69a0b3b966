"""How differences are worded: values, attributes and groups of nodes."""

from __future__ import annotations

from collections import Counter

from opset_atlas.graph.spelling import content_of, type_of, visible
from opset_atlas.graph.view import View
from opset_atlas.records import Attribute, Node, Port

WORDS = 300  # characters of an attribute's value
CONTENT = 120  # characters of a constant's content


def given(port: Port | None, side: View | None = None) -> str:
    """How an input is given, in words; `side` is used to name the node that computes it."""
    if port is None or port["given"] == "omitted":
        return "omitted"
    content = visible(content_of(port), CONTENT)
    if "computed" in port:
        shapes = any(node["op"] in {"Shape", "Size"} for node in port["computed"])
        what = "fixed shapes" if shapes else "constants"
        return f"{type_of(port)} {content} (computed from {what} by {made_by(port)})"
    if port["given"] == "empty":
        return f"an empty tensor {type_of(port)}"
    if port["given"] in {"constant", "initializer"}:
        return f"{port['given']} {type_of(port)} {content}".strip()
    words = f"computed {type_of(port)}".strip()
    if port["given"] == "input":
        return f"the input {visible(port['name'])} {type_of(port)}".strip()
    source = side.source(port) if side else None
    return f"{words} by {side.nodes[source[0]]['op']}" if side and source else words


def made_by(port: Port) -> str:
    """The operators that compute a constant from others; "" if the file holds it."""
    return spelled(tuple(port.get("computed", ()))) if "computed" in port else ""


def written(attribute: Attribute | None) -> str:
    """The value of an attribute."""
    return "absent" if attribute is None else visible(str(attribute["value"]), WORDS)


def spelled(nodes: tuple[Node, ...]) -> str:
    """The operators of a region in file order: `2 Mul, Add`."""
    counts = Counter(f"{n['domain']}::{n['op']}" if n["domain"] else n["op"] for n in nodes)
    words = [f"{count} {op}" if count > 1 else op for op, count in counts.items()]
    return visible(", ".join(words), 2 * WORDS) or "nothing"


def main_node(nodes: tuple[Node, ...]) -> Node | None:
    """The node that a region is named after: its rarest operator, data movement last."""
    if not nodes:
        return None
    counts = Counter(node["op"] for node in nodes)
    plumbing = {"Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Shape", "Gather"}
    return min(nodes, key=lambda node: (node["op"] in plumbing, counts[node["op"]], node["index"]))
