"""A handwritten record of the locate stage, for tests of its readers."""

from __future__ import annotations

from pathlib import Path

from opset_atlas.base.files import write_json, write_text
from opset_atlas.records import VERSION, Located, LocateRecord


def write(results: Path, model: str, *located: Located) -> None:
    """Write the record of a model below `results`, and a script where each reproducer would be."""
    record: LocateRecord = {
        "version": VERSION,
        "stage": "locate",
        "model": model,
        "located": list(located),
    }
    folder = results / "locate" / model
    write_json(folder / "record.json", record)
    for each in located:
        write_text(folder / each["reproducer"] / "run.py", "print('wrong')\n")


def finding(exporter: str, opset: int, text: str = "") -> Located:
    """A wrong Softmax; `text` is the name of its node and appears in the sentence."""
    return {
        "exporter": exporter,
        "requested": [opset],
        "runtimes": ["onnxruntime"],
        "verdict": "mismatch",
        "output": "y",
        "set": "random-0",
        "fault": "file",
        "nodes": [
            {
                "index": 1,
                "text": "Softmax-11(axis=1)",
                "op": "Softmax",
                "domain": "",
                "since": 11,
                "name": text,
                "scope": "",
                "inside": "",
            }
        ],
        "inputs": [
            {
                "node": 1,
                "parameter": "input",
                "given": "value",
                "dtype": "float32",
                "shape": [2, 3],
                "minimum": -1.5,
                "maximum": 0.25,
            }
        ],
        "value": "y",
        "difference": "",
        "error": 8.2e6,
        "allowed": 8.0,
        "against": "the eager module in float64",
        "stops": False,
        "repairs": True,
        "idle": False,
        "early": "",
        "instead": "",
        "right_at": 13,
        "inherited": "",
        "source": "net.py:7, forward: `return x.softmax(1)`",
        "sentence": f"Softmax-11(axis=1) {text} is the first node whose result is wrong.",
        "reproducer": f"reproducers/{exporter}/opset_{opset}",
        "shows": True,
        "detail": "",
    }
