"""Equal differences have one cause: how they are grouped, and over the pairs with known answers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from builders.pairs import SCHEMA_PAIRS, changes
from builders.pairs_structure import STRUCTURE_PAIRS
from opset_atlas.records import CompareRecord


@pytest.fixture(scope="module")
def program() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "one_cause.py"
    spec = importlib.util.spec_from_file_location("one_cause", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("3", "n"),
        ("-1", "-n"),
        ("bilinear", "bilinear"),
        ("attribute [0, 1, 0, 1] (the default)", "attribute list (the default)"),
        ("constant int64[1] [-1]", "constant list with -n"),
        ("constant float[2,2] [[0.5, 1e-05], [1.0, 2.0]]", "constant list"),
        ("initializer float[2,3,4] sha256:0a1b2c3d", "initializer n"),
        ("computed float[?,n] by Concat", "computed by Concat"),
        ("the input x float[1,3]", "the input"),
        ("an empty tensor float[0]", "an empty tensor"),
        ("2 Mul, Add, Conv", "2 Mul, Add, Conv"),
    ],
)
def test_how_a_side_is_given_without_its_values(program: ModuleType, words: str, kind: str) -> None:
    assert program.kind_of(words) == kind


def records(folder: Path) -> list[CompareRecord]:
    """What the comparison finds in each pair, as if one exporter had written both files."""
    made = []
    for number, pair in enumerate((SCHEMA_PAIRS | STRUCTURE_PAIRS).values()):
        (folder / str(number)).mkdir()
        step = {
            "from_opset": pair.left.opset,
            "to_opset": pair.right.opset,
            "changes": changes(pair.left, pair.right, folder / str(number), "torchscript"),
        }
        sweeps = {"torchscript": {"steps": [step], "ranges": []}}
        made.append({"model": str(number), "sweeps": sweeps, "pairs": []})
    return made


def test_no_group_of_equal_differences_has_two_causes(program: ModuleType, tmp_path: Path) -> None:
    groups = program.grouped(records(tmp_path))
    assert len(groups) > 60
    assert any(len(found) > 1 for found in groups.values())
    assert program.contested(groups) == {}


def test_a_second_cause_is_found(program: ModuleType, tmp_path: Path) -> None:
    made = records(tmp_path)
    (first,) = [r for r in made if r["sweeps"]["torchscript"]["steps"][0]["changes"]][:1]
    change = first["sweeps"]["torchscript"]["steps"][0]["changes"][0]
    other = {**change, "cause": "unexplained"}
    step = {**first["sweeps"]["torchscript"]["steps"][0], "changes": [other]}
    made.append({**first, "sweeps": {"torchscript": {"steps": [step], "ranges": []}}})
    (found,) = program.contested(program.grouped(made)).values()
    assert {change["cause"] for _, change in found} == {change["cause"], "unexplained"}
