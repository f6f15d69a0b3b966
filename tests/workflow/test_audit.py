"""`audit: true` in a run: what it makes, and what is made again."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import onnx.parser
import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

SOFTMAX = """<ir_version: 8, opset_import: ["": 13]>
m (float[2,3,4,5] x) => (float[2,3,4,5] y) { y = Softmax<axis = 1>(x) }"""
CONFIG = "models: {soft: {onnx: soft.onnx}}\nopsets: [13]\n"


def test_the_audit_is_asked_for_and_follows_its_files(new_project: Callable[..., Project]) -> None:
    project = new_project("audit", CONFIG)
    onnx.save(onnx.parser.parse_model(SOFTMAX), project.folder / "soft.onnx")
    assert not {"audit"} & set(project.run())
    index = project.folder / "results/report/index.html"
    assert "audit.html" not in index.read_text(encoding="utf-8")
    more = {"audit": 1, "tables": 1, "report": 1}
    assert project.run("--config", "audit=true") == more
    assert 'href="audit.html"' in index.read_text(encoding="utf-8")
    assert (project.folder / "results/report/audit.html").is_file()
    wrong = [row for row in project.read("tables/audit.json") if row["outcome"] == "wrong"]
    assert [(row["operator"], row["from_opset"], row["to_opset"]) for row in wrong] == [
        ("Softmax", 13, 12)
    ]
    assert (project.folder / "results" / wrong[0]["reproducer"] / "reproduce.py").is_file()
    assert not project.run("--config", "audit=true")
