"""Pictures of graphs, made safe to stand inside a page: an allow-list, not a list of dangers.

Names in a picture come from a model. Graphviz escapes them; nothing here relies on that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from xml.etree import ElementTree

from markupsafe import Markup

from atlas.picture import visible

# Element -> attributes, beside _COMMON. `title` is left out: graphviz puts its internal ids there.
_ELEMENTS = {
    "svg": {"viewBox", "width", "height"},
    "g": {"transform"},
    "path": {"d"},
    "polygon": {"points"},
    "polyline": {"points"},
    "ellipse": {"cx", "cy", "rx", "ry"},
    "text": {"x", "y", "text-anchor", "font-family", "font-size", "font-weight", "font-style"},
}
_COMMON = {"id", "class", "fill", "stroke", "stroke-width", "stroke-dasharray", "opacity"}
_TRANSPARENT = {"a"}  # a link is dropped, what it holds stays
# No parentheses but those of a transform: no url(...), nothing that a page would fetch.
_VALUE = re.compile(r"(?:[\w\s#.,:+\-%]|(?:scale|rotate|translate)\([\d\s.,\-]*\))*", re.ASCII)
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_NODE = re.compile(r"\bnode-(\d+)\b")

Marks = Mapping[int, Set[str]]


def inline(text: str, prefix: str, label: str, marks: Marks | None = None) -> Markup:
    """An SVG file as an element of an HTML page.

    Args:
        text: the file.
        prefix: put before every id, so that ids stay unique on the page.
        label: what a screen reader says.
        marks: node index -> formal parameters to point out in it, set as classes.

    Raises:
        ValueError: this is no SVG, or it declares a document type.
    """
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise ValueError("an SVG picture with a document type or a CDATA section")
    try:
        source = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"not an SVG picture: {error}") from error
    if _name(source) != "svg":
        raise ValueError(f"not an SVG picture: <{visible(_name(source))}>")
    holder = ElementTree.Element("holder")
    _copy(source, holder, prefix, marks or {})
    picture = holder[0]
    picture.set("role", "img")
    picture.set("aria-label", visible(label, 200))
    return Markup(ElementTree.tostring(picture, encoding="unicode"))


def _copy(
    source: ElementTree.Element, parent: ElementTree.Element, prefix: str, marks: Marks
) -> None:
    name = _name(source)
    if name in _TRANSPARENT:
        target = parent
    elif name in _ELEMENTS:
        target = ElementTree.SubElement(parent, name, _attributes(source, name, prefix))
        if name == "text":
            target.text = visible("".join(source.itertext()).replace("\u00a0", " "), 200)
            return
    else:
        return
    for child in source:
        _copy(child, target, prefix, marks)
    if name == "g":
        _mark(target, marks)


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).removeprefix(_NAMESPACE)


def _attributes(source: ElementTree.Element, name: str, prefix: str) -> dict[str, str]:
    allowed = _ELEMENTS[name] | _COMMON
    kept = {
        key: value
        for key, value in source.attrib.items()
        if key in allowed and _VALUE.fullmatch(value)
    }
    if "id" in kept:
        kept["id"] = f"{prefix}-{re.sub(r'[^A-Za-z0-9_-]', '-', kept['id'])}"
    return kept


def _mark(group: ElementTree.Element, marks: Marks) -> None:
    """Class `changed` for a node, `changed-row` for its texts beside a parameter's name."""
    found = _NODE.search(group.get("class", ""))
    if not found or int(found[1]) not in marks:
        return
    group.set("class", f"{group.get('class')} changed")
    parameters = marks[int(found[1])]
    texts = list(group.iter("text"))
    rows = [_height(text) for text in texts if text.text in parameters]
    for text in texts:
        # Italics stand a little higher than what is beside them.
        if any(abs(_height(text) - row) < 3 for row in rows):
            text.set("class", "changed-row")


def _height(text: ElementTree.Element) -> float:
    try:
        return float(text.get("y", "nan"))
    except ValueError:
        return float("nan")
