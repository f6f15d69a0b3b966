"""Which setting is preferred among those that are right, and what targets exclude."""

from __future__ import annotations

from typing import Any

import pytest
from opset_atlas.config import targets
from opset_atlas.config.targets import collision, default_exporter, limit
from opset_atlas.findings.preference import Aim, Choice, choose, exclusions, right_for_all

ORDER = ["torchscript", "dynamo", "converter"]


def cells(right: dict[tuple[str, str], list[int]], nodes: int = 3, ir: int = 8) -> list[Any]:
    return [
        {
            "model": model,
            "exporter": exporter,
            "requested": opset,
            "computing_nodes": nodes,
            "ir_version": ir,
        }
        for (model, exporter), opsets in right.items()
        for opset in opsets
    ]


def chosen(right: dict[tuple[str, str], list[int]], aim: Aim | None = None) -> Any:
    found = choose({model for model, _ in right}, cells(right), ORDER, aim)
    return found and (found.exporter, found.opset)


@pytest.mark.parametrize(
    ("opsets", "opset"),
    [
        ([13, 14, 15, 16, 17, 18, 19, 20], 18),  # torch's own
        ([19, 20], 19),  # nearest to it
        ([9, 10, 11], 11),
        ([9, 10, 11, 12, 20], 12),  # a single one beyond a gap is no ground to stand on
        ([17, 19], 17),  # as far from it: more runtimes read the lower one
        ([23], 23),
    ],
)
def test_in_the_longest_run_without_a_gap_the_opset_nearest_to_torchs_own(
    opsets: list[int], opset: int
) -> None:
    assert chosen({("a", "dynamo"): opsets}) == ("dynamo", opset)


def test_the_default_exporter_of_the_installed_torch_comes_first() -> None:
    right = {("a", "torchscript"): list(range(9, 21)), ("a", "dynamo"): [18]}
    assert chosen(right) == ("dynamo", 18)
    assert chosen(right, Aim(default_exporter=default_exporter("2.8.0+cpu"))) == ("torchscript", 18)
    assert default_exporter("2.9.1") == default_exporter("2.13.0+cpu") == "dynamo"
    assert chosen({("a", "converter"): [18], ("a", "torchscript"): [9]}) == ("torchscript", 9)


def test_nodes_decide_nothing_unless_asked_for() -> None:
    both = cells({("a", "dynamo"): [18]}, nodes=50) + cells({("a", "torchscript"): [18]}, nodes=1)
    assert choose({"a"}, both, ORDER) == Choice("dynamo", 18, {"a": both[0]})
    found = choose({"a"}, both, ORDER, Aim("fewest-nodes"))
    assert found and found.exporter == "torchscript"


def test_a_tie_in_nodes_falls_to_the_lowest_opset_one_in_opsets_to_the_supported_exporter() -> None:
    right = {("a", name): [11, 18] for name in ORDER}
    assert chosen(right, Aim("fewest-nodes")) == ("torchscript", 11)
    assert chosen(right, Aim("widest-reach")) == ("dynamo", 11)


def test_right_for_more_models_comes_before_everything() -> None:
    right = {("a", "dynamo"): [18], ("a", "converter"): [11], ("b", "converter"): [11]}
    assert chosen(right) == ("converter", 11)


def test_none_right_is_an_answer() -> None:
    assert chosen({("a", "dynamo"): []}) is None
    assert chosen({("a", "dynamo"): [18]}, Aim().up_to(11)) is None


def test_every_setting_that_is_right_for_all() -> None:
    right = {
        ("a", "torchscript"): [9, 10, 16, 17], ("b", "torchscript"): [10, 16, 17],
        ("a", "dynamo"): [17, 18], ("b", "dynamo"): [18], ("a", "converter"): [9],
    }  # fmt: skip
    found = right_for_all({"a", "b"}, cells(right), ORDER, Aim())
    assert list(found.items()) == [("dynamo", [18]), ("torchscript", [10, 16, 17])]
    assert right_for_all({"a", "b"}, cells(right), ORDER, Aim().up_to(15)) == {"torchscript": [10]}


def test_a_release_of_onnxruntime_reads_what_was_measured() -> None:
    old = Aim(limits=(limit("onnxruntime>=1.16"),))
    assert old.refusal(19, 9) == ""
    assert old.refusal(20, 9) == "onnxruntime>=1.16 reads opset 19 at most"
    assert old.refusal(18, 10) == "onnxruntime>=1.16 reads IR version 9 at most, not 10"
    assert limit("onnxruntime==1.20.*")["highest"] == 21
    found = exclusions(cells({("a", "dynamo"): [18, 19, 20, 21]}), old)
    assert found == "20–21: onnxruntime>=1.16 reads opset 19 at most"
    found = exclusions(cells({("a", "dynamo"): [18, 19, 20]}, ir=10), old)
    assert found == (
        "dynamo 18–19: onnxruntime>=1.16 reads IR version 9 at most, not 10;"
        " 20: onnxruntime>=1.16 reads opset 19 at most"
    )


@pytest.mark.parametrize(
    "text", ["tensorrt-11", "onnxruntime>=1.2", "onnxruntime<=1.20", "opset<=x", "opset<=1.*", ""]
)
def test_an_unknown_target_says_what_was_expected(text: str) -> None:
    ((path, said),) = targets.problems(["opset<=11", text])
    assert path == ("targets", "1")
    assert "expected" in said and said.endswith(f"got {text!r}")


def test_targets_that_collide_are_both_named() -> None:
    assert collision(["opset<=20", "opset>=13", "onnxruntime>=1.16"]) == ""
    ((path, said),) = targets.problems(["opset>=13", "onnxruntime>=1.16", "opset<=11"])
    assert path == ("targets",)
    assert said == (
        "opset>=13 and opset<=11 exclude each other: opset>=13 begins at opset 13,"
        " opset<=11 ends at 11"
    )
    assert "onnxruntime>=1.16 ends at 19" in collision(["onnxruntime>=1.16", "opset==20"])
