"""The words of a graph: operators, types and constants as texts, tables and pictures show them."""

from __future__ import annotations

from opset_atlas.records import Node, Port

LABEL = 60


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
