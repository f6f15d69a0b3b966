"""How texts, tables and pictures spell operators, types and constants."""

from __future__ import annotations

from opset_atlas.records import Node, Port

LABEL = 60


def visible(text: str, limit: int = LABEL) -> str:
    """`text` with control and bidi characters as codes, shortened in the middle to `limit`."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= limit else f"{text[: limit - 20]}…{text[-19:]}"


def type_of(port: Port) -> str:
    """`float[1,3,?,n]`; "" if the type is unknown."""
    if "dtype" not in port:
        return ""
    shape = port.get("shape")
    if shape is None:
        return f"{port['dtype']}[…]"
    return f"{port['dtype']}[{','.join('?' if size is None else str(size) for size in shape)}]"


def content_of(port: Port) -> str:
    """The content of a constant: its value, or the start of its hash."""
    if "value" in port:
        return str(port["value"])
    return f"sha256:{port['sha256'][:8]}" if "sha256" in port else ""


def operator(node: Node) -> str:
    """`Resize-13`, with the domain if it is not ONNX's default domain."""
    domain = f"{node['domain']}::" if node["domain"] else ""
    return f"{domain}{node['op']}" + (f"-{node['since']}" if node["since"] else "")
