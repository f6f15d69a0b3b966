"""What a file declares, checked against actual runs."""

from typing import Any

import numpy as np
import pytest
from opset_atlas.numerics.declared import disagreements, evaluate, summary
from opset_atlas.numerics.measure import measure
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import judge_cell
from opset_atlas.numerics.verdicts import told_otherwise as words
from opset_atlas.records import Declared, Misdeclared

Shape = list[int | str | None] | None


def declared(x: Shape, y: Shape, dtype: str = "float32") -> Declared:
    return {
        "inputs": [{"name": "x", "dtype": "float32", "shape": x}],
        "outputs": [{"name": "y", "dtype": dtype, "shape": y}],
    }


def told(promise: Declared, **runs: tuple[tuple[int, ...], tuple[int, ...]]) -> list[Misdeclared]:
    """What is said after runs: by input set the shapes of x and y; `__` stands for `@`."""
    by_set = {}
    for name, (x, y) in runs.items():
        found = disagreements(promise, {"x": zeros(x)}, [zeros(y)])
        by_set[name.replace("__", "@").replace("_is_", "=")] = found
    return summary(by_set)


def zeros(shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("size", "number"),
    [
        ("n", 5),
        ("(n//2)", 2),
        ("2*n + m", 13),
        ("((n + (PythonMod(-n, 4)))//4)", 2),
        ("Max(1, n - 7)", 1),
        ("-n", -5),
        ("k", None),
        ("Concatoutput_dim_0", None),
        ("n/2", None),
        ("__import__('os')", None),
        ("9**9**9", None),
        ("n//0", None),
        ("unk 1", None),
        ("(" * 300, None),
    ],
)
def test_names_and_expressions_of_sizes(size: str, number: int | None) -> None:
    assert evaluate(size, {"n": 5, "m": 3}) == number


def test_nothing_declared_is_no_promise() -> None:
    for y in (None, [None, None], ["whatever", 4], ["n", 4]):
        assert told(declared(["n", 4], y), random=((3, 4), (3, 4))) == []


def test_a_size_that_is_never_right() -> None:
    found = told(declared([3, 4], [3, 5]), random=((3, 4), (3, 4)), zeros=((3, 4), (3, 4)))
    assert [(row["what"], row["axis"], row["set"], row["at"]) for row in found] == [
        ("size", 1, "random", "every size")
    ]
    assert words(found) == "axis 1 of `y` is declared as 5 and is 4"


def test_a_size_that_the_file_fixes() -> None:
    found = told(
        declared(["n", 4], [3, 4]),
        random=((3, 4), (3, 4)),
        random__n_is_7=((7, 4), (7, 4)),
        random__n_is_1=((1, 4), (1, 4)),
    )
    assert words(found) == (
        "axis 0 of `y` is declared as 3 and is 7 with n=7: the file fixes a size that varies"
    )


def test_a_size_that_depends_on_values() -> None:
    found = told(declared([4], [4]), random=((4,), (4,)), ones=((4,), (2,)))
    assert words(found) == (
        "axis 0 of `y` is declared as 4 and is 2 on the inputs ones: it depends on the values"
    )


def test_a_name_stands_for_one_size_at_a_time() -> None:
    assert told(declared(["n", "m"], ["m", "n"]), random=((3, 4), (4, 3))) == []
    found = told(declared(["n", "n"], [None]), random=((3, 4), (3,)))
    assert words(found) == "axis 1 of the input `x` is declared as n and is 4, where n is 3"
    found = told(declared(["n"], ["n + 1", "n"]), random=((3,), (5, 3)))
    assert words(found) == "axis 0 of `y` is declared as n + 1 and is 5, where n + 1 is 4"


def test_another_rank_and_another_type() -> None:
    found = told(declared(["n"], ["n"]), random=((3,), (3, 1)))
    assert words(found) == "`y` is declared as [n] and is [3, 1]"
    found = told(declared([3], [3], "int64"), random=((3,), (3,)))
    assert words(found) == "`y` is declared as int64 and is float32"


def test_a_right_result_that_the_file_declares_otherwise() -> None:
    right = np.arange(12, dtype=np.float32).reshape(3, 4)
    measures = [measure("y", "random", right, right, right.astype(np.float64))]
    promise = declared([3, 4], [3, 5])
    cell: Any = {
        "exporter": "dynamo",
        "requested": 18,
        "runtime": "onnxruntime",
        "outcome": "ran",
        "detail": "",
        "sha256": "0",
        "measures": measures,
        "misdeclared": told(promise, random=((3, 4), (3, 4))),
    }
    record: Any = {"model": "m"}
    found = judge_cell(record, cell, Tolerances())
    assert (found["verdict"], found["outputs"][0]["verdict"]) == ("misdeclared", "misdeclared")
    assert found["detail"] == "axis 1 of `y` is declared as 5 and is 4"
    assert found["outputs"][0]["detail"].endswith(
        "otherwise exact: worst on random: bit-equal to torch"
    )
    wrong = [measure("y", "random", right + 1, right, right.astype(np.float64))]
    assert judge_cell(record, {**cell, "measures": wrong}, Tolerances())["verdict"] == "mismatch"
    assert judge_cell(record, {**cell, "misdeclared": []}, Tolerances())["verdict"] == "exact"
