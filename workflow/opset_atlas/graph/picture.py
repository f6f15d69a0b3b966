"""A graph as a picture, drawn by graphviz.

It shows what a viewer usually hides: the formal parameter name of every input, and whether it was
omitted or given an empty tensor.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import graphviz

from opset_atlas.graph.spelling import content_of, operator, type_of, visible
from opset_atlas.records import Graph, GraphFile, Node, Port

MOST_NODES = 300  # a larger picture is unreadable
SECONDS = 60  # per picture
_SVG = re.compile(r"<svg.*?</svg>\n", re.DOTALL)
_PAGE = re.compile(r'<g id="page\d+,\d+_')  # graphviz numbers the graphs of one input as pages


def has_dot() -> bool:
    """Whether graphviz is installed."""
    return shutil.which("dot") is not None


def source(file: GraphFile) -> tuple[str, str]:
    """The picture in graphviz's language, or "" and the reason why there is none."""
    count = len(file["graph"]["nodes"])
    if count > MOST_NODES:
        return "", f"{count} nodes are too many to read in one picture; see the text form"
    if not has_dot():
        return (
            "",
            "graphviz is not installed: `dot` draws the pictures (Debian: apt install graphviz)",
        )
    return str(_dot(file["graph"]).source), ""


def draw(sources: Sequence[str]) -> list[tuple[str, str]]:
    """The SVG of each source, all from one process; "" and the reason where graphviz fails."""
    if not sources:
        return []
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"],
            input="\n".join(sources),
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS * len(sources),
            check=True,
        )
        return [(svg, "") for svg in _pictures(done.stdout, len(sources))]
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        if len(sources) > 1:  # draw each alone, so that one failure costs only one picture
            return [draw([each])[0] for each in sources]
        said = getattr(error, "stderr", None) or error
        return [("", visible(f"graphviz failed: {said}", 300))]


def _pictures(output: str, count: int) -> list[str]:
    """The SVGs in graphviz's output, as if each were alone; graphviz escapes `<` in their text."""
    found = [_PAGE.sub('<g id="', svg, count=1) for svg in _SVG.findall(output)]
    if len(found) != count:
        raise ValueError(f"{len(found)} pictures of {count} graphs")
    return found


def _dot(graph: Graph) -> graphviz.Digraph:
    dot = graphviz.Digraph(
        "graph",  # otherwise graphviz names it by its position in the input
        graph_attr={
            "rankdir": "TB",
            "bgcolor": "transparent",
            "nodesep": "0.25",
            "ranksep": "0.35",
        },
        node_attr={"shape": "plain", "fontname": "Helvetica", "fontsize": "11"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9", "arrowsize": "0.6"},
    )
    producers = {
        port["name"]: f"n{node['index']}" for node in graph["nodes"] for port in node["outputs"]
    }
    results = {port["name"] for port in graph["outputs"]}
    for index, port in enumerate(graph["inputs"]):
        producers[port["name"]] = f"i{index}"
        dot.node(f"i{index}", _end_label("input", port), _attributes={"class": "port"})
    for node in graph["nodes"]:
        if _folded(node, results):
            continue
        identifier = f"n{node['index']}"
        dot.node(identifier, _label(node), _attributes={"class": f"op node-{node['index']}"})
        for port in node["inputs"]:
            if port["given"] in {"value", "input"} and port["name"] in producers:
                label = f"{port['parameter']}  {type_of(port)}"
                dot.edge(producers[port["name"]], identifier, label=f" {_plain(label)} ")
    for index, port in enumerate(graph["outputs"]):
        dot.node(f"o{index}", _end_label("output", port), _attributes={"class": "port"})
        if port["name"] in producers:
            dot.edge(producers[port["name"]], f"o{index}", label=f" {_plain(type_of(port))} ")
    return dot


def _folded(node: Node, results: set[str]) -> bool:
    """Constants are shown as rows of the nodes that read them, unless the graph returns them."""
    constant = node["op"] == "Constant" and not node["domain"]
    return constant and not any(port["name"] in results for port in node["outputs"])


def _plain(text: str) -> str:
    return str(graphviz.escape(visible(text)))


def _cell(text: Any) -> str:
    return html.escape(visible(str(text)))


def _end_label(kind: str, port: Port) -> str:
    text = f"{_cell(port['name'])}<br/>{_cell(type_of(port))}"
    style = 'border="1" cellborder="0" cellpadding="4" style="rounded" color="#888888"'
    return f'<<table {style}><tr><td title="{kind}">{text}</td></tr></table>>'


def _label(node: Node) -> str:
    """A table: the operator and its version, inputs that are not edges, then attributes."""
    rows = [f'<tr><td bgcolor="#dbe7f5" colspan="2"><b>{_cell(operator(node))}</b></td></tr>']
    if node["scope"]:
        rows.append(f'<tr><td colspan="2"><i>{_cell(node["scope"])}</i></td></tr>')
    for port in node["inputs"]:
        if port["given"] in {"value", "input"}:
            continue
        text = " ".join(filter(None, [type_of(port), content_of(port)]))
        shown = (
            f"<i>{port['given']}</i>"
            if port["given"] == "omitted"
            else f"{port['given']} {_cell(text)}"
        )
        rows.append(_row(port["parameter"], shown))
    for attribute in node["attributes"]:
        if attribute["written"] and not attribute["default"]:
            rows.append(_row(attribute["name"], _cell(attribute["value"])))
    style = 'border="1" cellborder="0" cellspacing="0" cellpadding="3"'
    return f"<<table {style}>{''.join(rows)}</table>>"


def _row(name: str, shown: str) -> str:
    return f'<tr><td align="left">{_cell(name)}</td><td align="left">{shown}</td></tr>'
