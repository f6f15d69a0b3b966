"""A graph as text made for `diff`, and as a picture by graphviz.

Both show what a viewer usually hides: the formal parameter name of every input, and whether it was
omitted or given an empty tensor.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import graphviz

from atlas.records import Attribute, Graph, GraphFile, Node, Port

MOST_NODES = 300  # beyond that a picture is wallpaper
LABEL = 60
SECONDS = 60  # for one picture
_SVG = re.compile(r"<svg.*?</svg>\n", re.DOTALL)
_PAGE = re.compile(r'<g id="page\d+,\d+_')  # graphviz counts later graphs of an input as pages


def as_text(file: GraphFile) -> str:
    """One line per node, port and attribute, in the order of the file."""
    lines = list(_graph_lines(file["graph"], ""))
    for function in file["functions"]:
        lines += ["", f"function {function['domain']}:{function['name']}"]
        lines += _graph_lines(function["graph"], "  ")
    return "\n".join(visible(line, 500) for line in lines) + "\n"


def has_dot() -> bool:
    """Whether graphviz is installed."""
    return shutil.which("dot") is not None


def source(file: GraphFile) -> tuple[str, str]:
    """The picture in graphviz' language, or "" and the reason why there is none."""
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
    """SVG of each source, all from one process; "" and the reason where graphviz fails over it."""
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
        if len(sources) > 1:  # one of them: the others have their pictures
            return [draw([each])[0] for each in sources]
        said = getattr(error, "stderr", None) or error
        return [("", visible(f"graphviz failed: {said}", 300))]


def _pictures(output: str, count: int) -> list[str]:
    """Every SVG in what graphviz wrote, as if it were the only one; no text in one holds `<`."""
    found = [_PAGE.sub('<g id="', svg, count=1) for svg in _SVG.findall(output)]
    if len(found) != count:
        raise ValueError(f"{len(found)} pictures of {count} graphs")
    return found


def visible(text: str, limit: int = LABEL) -> str:
    """`text` with control and direction characters shown as codes, cut in the middle at `limit`."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= limit else f"{text[: limit - 20]}…{text[-19:]}"


def type_of(port: Port) -> str:
    """`float[1,3,?,n]`; "" where nothing is known."""
    if "dtype" not in port:
        return ""
    shape = port.get("shape")
    if shape is None:
        return f"{port['dtype']}[…]"
    return f"{port['dtype']}[{','.join('?' if size is None else str(size) for size in shape)}]"


def content_of(port: Port) -> str:
    """What a constant holds: its value, or the beginning of its hash."""
    if "value" in port:
        return str(port["value"])
    return f"sha256:{port['sha256'][:8]}" if "sha256" in port else ""


def operator(node: Node) -> str:
    """`Resize-13`, with the domain where it is not ONNX's own."""
    domain = f"{node['domain']}::" if node["domain"] else ""
    return f"{domain}{node['op']}" + (f"-{node['since']}" if node["since"] else "")


def _graph_lines(graph: Graph, indent: str) -> Iterator[str]:
    for port in graph["inputs"]:
        yield f"{indent}input {port['name']}: {type_of(port)}"
    for node in graph["nodes"]:
        scope = f"  ({node['scope']})" if node["scope"] else ""
        yield f"{indent}{operator(node)}{scope}"
        for port in node["inputs"]:
            yield f"{indent}  {port['parameter']} = {_given(port)}"
        for attribute in node["attributes"]:
            if attribute["written"]:
                yield f"{indent}  @{attribute['name']} = {_attribute(attribute)}"
        for name, subgraph in node["subgraphs"].items():
            yield f"{indent}  @{name}:"
            yield from _graph_lines(subgraph, indent + "    ")
        for port in node["outputs"]:
            yield f"{indent}  -> {port['name'] or 'omitted'}: {type_of(port)}"
    for port in graph["outputs"]:
        yield f"{indent}output {port['name']}: {type_of(port)}"


def _given(port: Port) -> str:
    if port["given"] in {"value", "input", "outer"}:
        return f"{port['name']}: {type_of(port)}"
    return " ".join(filter(None, [port["given"], type_of(port), content_of(port)]))


def _attribute(attribute: Attribute) -> str:
    return f"{attribute['value']}" + ("  (the default)" if attribute["default"] else "")


def _dot(graph: Graph) -> graphviz.Digraph:
    dot = graphviz.Digraph(
        "graph",  # without a name a picture is called by the number of those before it
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
    """Constants are rows of the nodes that read them, unless the graph returns them."""
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
    """A table: the operator and its version, then inputs that are no edges, then attributes."""
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
