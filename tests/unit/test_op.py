"""`opset-atlas op`: the history of an operator on the terminal."""

from __future__ import annotations

import pytest
from opset_atlas.base.terminal import Terminal
from opset_atlas.operators.parameters import history
from opset_atlas.tools import op


def told(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert op.main(list(arguments)) == 0
    return capsys.readouterr().out


def test_the_step_that_this_project_began_with(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("Resize", "11", "13", capsys=capsys)
    assert text.startswith("Resize-11 (opset 11) → Resize-13 (opset 13)\n\n11 → 13: optionality\n")
    assert "required to optional: roi, scales\n" in text
    assert "an empty roi tensor and an omitted one mean the same" in text
    assert "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html" in text


def test_opsets_between_versions_and_downward(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("Squeeze", "14", "12", capsys=capsys)
    assert "Squeeze-13 (opset 14) → Squeeze-11 (opset 12)" in text
    assert "input to attribute: axes" in text
    assert "nothing changes" in told("Relu", "14", "15", capsys=capsys)
    assert told("Resize", "12", capsys=capsys).startswith("Resize-11\n")


def test_what_can_change_results_is_said_in_the_heading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "10 → 11: structural; results can differ" in told("Resize", "10", "11", capsys=capsys)
    assert "9 → 10: deprecated\n" in told("Upsample", "9", "10", capsys=capsys)


def test_without_opsets_all_versions_stand_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = told("Resize", capsys=capsys).splitlines()
    (roi,) = (line.split() for line in lines if line.startswith("roi "))
    assert roi == ["roi", "–", "required", "optional", "optional", "optional"]
    assert [line for line in lines if " → " in line and line[0].isdigit()][-1].startswith("18 → 19")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Resise"], "did you mean Resize"),
        (["resize"], "did you mean Resize?"),
        (["TreeEnsemble"], "did you mean ai.onnx.ml.TreeEnsemble?"),
        (["com.me.Op"], "knows no domain 'com.me'; there are: ai.onnx, "),
        (["Resize", "9"], "opset 9 has no Resize: it came with opset 10"),
        (["Resize", "9", "999"], "opset 9 has no Resize"),
        (["Resize", "10", "999"], "knows no 999"),
    ],
)
def test_a_mistake_is_told_with_what_is_there(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert op.main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("domain", sorted(history()))
@pytest.mark.parametrize("width", [40, 80])
def test_every_operator_fits_the_terminal(domain: str, width: int) -> None:
    for name, known in history()[domain].items():
        for opsets in ([], [known[-1]], [known[0], known[-1]]):
            text = "\n".join(op._told(name, domain, opsets, Terminal(width, False)))
            wide = [
                line
                for line in text.splitlines()
                if len(line) > max(width, 80 if not opsets else 0) and " " in line.strip()
            ]
            assert not wide, (name, opsets, wide)
