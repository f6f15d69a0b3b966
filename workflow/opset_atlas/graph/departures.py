"""Where a file departs from the text of the specification although nothing rejects it.

GridSample-16 with five dimensions passes onnx's checker and onnxruntime, and its schema says "4-D
tensor". Another runtime may enforce that. Only ranks are checked, and only where the schema's text
states one for every case (`operators.ranks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opset_atlas.graph.reading import walk
from opset_atlas.graph.spelling import operator
from opset_atlas.operators.definitions import operator_url
from opset_atlas.operators.ranks import ranks
from opset_atlas.records import Departure, GraphFile, Node


def departures(file: GraphFile) -> list[Departure]:
    """Inputs that the operator versions in this file do not allow; equal ones are listed once."""
    bodies = [file["graph"], *(function["graph"] for function in file["functions"])]
    return _counted(each for body in bodies for node in walk(body) for each in _of_node(node))


def _of_node(node: Node) -> Iterator[Departure]:
    if node["since"] is None:
        return
    stated = ranks(node["op"], node["since"], node["domain"])
    for port in node["inputs"]:
        rank, shape = stated.get(port["parameter"]), port.get("shape")
        if rank is None or shape is None or port["given"] == "omitted" or rank.allows(len(shape)):
            continue
        yield {
            "operator": operator(node),
            "parameter": port["parameter"],
            "rank": len(shape),
            "says": rank.sentence,
            "url": operator_url(node["op"], node["domain"]) or "",
            "nodes": 1,
        }


def _counted(found: Iterable[Departure]) -> list[Departure]:
    counted: dict[tuple[str, str, int], Departure] = {}
    for each in found:
        key = (each["operator"], each["parameter"], each["rank"])
        if key in counted:
            counted[key]["nodes"] += 1
        else:
            counted[key] = each
    return list(counted.values())
