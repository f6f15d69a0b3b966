"""The answer of a run: one setting for all models, and what to use instead of what is not right."""

from __future__ import annotations

from typing import Any

import pytest
from opset_atlas.findings.advice import SEVERITY
from opset_atlas.findings.answer import SHOWN, answer
from opset_atlas.findings.answer_lines import KINDS, MOST_FINDINGS, OTHERS, lines
from opset_atlas.findings.preference import Aim
from opset_atlas.records import Answer

Rows = list[dict[str, Any]]
PAGE = "/home/me/results/report/index.html"


def cell(model: str, exporter: str, opset: int, outcome: str = "ok", nodes: int = 3) -> Any:
    made = {"model": model, "exporter": exporter, "requested": opset, "outcome": outcome}
    return {**made, "computing_nodes": nodes, "sha256": "x" if outcome == "ok" else None}


def verdict(model: str, exporter: str, opset: int, found: str = "exact") -> Any:
    made = {"model": model, "exporter": exporter, "requested": opset, "runtime": "onnxruntime"}
    return {**made, "verdict": found, "outputs": [{}]}


def model(name: str, exporter: str | None, opset: int | None, why: str = "") -> Any:
    use = {"use_exporter": exporter, "use_opset": opset}
    return {"model": name, "outcome": "ok", "why": why, **use}


def surprise(name: str, exporter: str, opset: int, kind: str, sentence: str = "") -> Any:
    text = f"{exporter} at opset {opset}: onnxruntime {sentence or 'differs'}"
    made = {"model": name, "exporter": exporter, "requested": opset, "runtime": "onnxruntime"}
    return {**made, "severity": SEVERITY[kind], "kind": kind, "sentence": text, "source": ""}


def two(found: dict[tuple[str, str, int], str], surprises: Rows | None = None) -> Answer:
    """The answer for two models, by the verdicts on their cells."""
    cells = [cell(*key) for key in found]
    verdicts = [verdict(*key, each) for key, each in found.items()]
    right = {key for key, each in found.items() if each == "exact"}
    models = []
    for name in ("a", "b"):
        own = sorted((key for key in right if key[0] == name), key=lambda key: key[2])
        models.append(model(name, *(own[0][1:] if own else (None, None)), why="no cell qualifies"))
    return answer(verdicts, models, cells, surprises or [], [])


def said(given: Answer, width: int = 100) -> str:
    return "\n".join(text for _, text in lines(given, PAGE, width))


def test_one_setting_that_is_right_for_all_models() -> None:
    found = two({
        ("a", "x", 11): "exact", ("a", "x", 13): "exact", ("a", "y", 13): "exact",
        ("b", "x", 11): "mismatch", ("b", "x", 13): "exact", ("b", "y", 13): "exact",
    })  # fmt: skip
    assert found["setting"] == {"exporter": "x", "opset": 13}
    assert found["exceptions"] == []
    assert "Use x at opset 13: right for both models.\n" in said(found)
    assert "Right for all alike: x 13 or y 13.\n" in said(found)


def test_with_that_policy_the_fewest_computing_nodes_over_all_models_win() -> None:
    keys = [(name, "x", opset) for name in "ab" for opset in (11, 13)]
    cells = [cell(*key, nodes=5 if key == ("b", "x", 11) else 3) for key in keys]
    models = [model("a", "x", 11), model("b", "x", 13)]
    verdicts = [verdict(*key) for key in keys]
    found = answer(verdicts, models, cells, [], [], Aim("fewest-nodes"))
    assert found["setting"] == {"exporter": "x", "opset": 13}
    assert "Advice for any runtime, policy fewest-nodes." in said(found)


def test_without_one_for_all_it_says_what_the_others_need() -> None:
    found = two({
        ("a", "x", 11): "exact", ("a", "x", 13): "exact", ("b", "y", 13): "exact",
    })  # fmt: skip
    assert found["setting"] == {"exporter": "x", "opset": 13}
    assert found["exceptions"] == [{"model": "b", "use": {"exporter": "y", "opset": 13}, "why": ""}]
    text = said(found)
    assert "No setting is right for both models. x at opset 13 is right for 1 of them" in text
    assert "\n  b: use y at opset 13\n" in text


def test_nothing_is_right_for_any_model() -> None:
    found = two({("a", "x", 11): "mismatch", ("b", "x", 11): "mismatch"})
    assert found["setting"] is None
    text = said(found)
    assert "No setting is right for any of the models:" in text
    assert "\n  a: no cell qualifies\n  b: no cell qualifies\n" in text


def test_an_unproven_or_unavailable_verdict_is_not_right() -> None:
    found = two({("a", "x", 11): "vacuous", ("b", "x", 11): "unavailable"})
    assert found["setting"] is None and found["right"] == 0


def test_a_finding_names_what_is_right_for_all_its_models() -> None:
    found = two(
        {
            ("a", "x", 11): "mismatch", ("a", "x", 13): "exact", ("a", "y", 12): "exact",
            ("b", "x", 11): "exact", ("b", "y", 12): "exact", ("b", "x", 13): "exact",
        },
        [
            surprise("a", "x", 11, "silently-wrong"),
            surprise("a", "z", 11, "silently-wrong"),
            surprise("a", "z", 12, "silently-wrong"),
            surprise("a", "z", 9, "silently-moved", "returned normally with opset 18"),
            surprise("b", "z", 10, "silently-moved", "returned normally with opset 18"),
            surprise("b", "z", 11, "off-text"),
        ],
    )  # fmt: skip
    assert [(each["kind"], each["models"], each["where"]) for each in found["findings"]] == [
        ("silently-wrong", ["a"], "x 11, z 11–12"),
        ("silently-moved", ["a", "b"], "z 9–10"),
    ]
    assert [each["use"] for each in found["findings"]] == [{"exporter": "x", "opset": 13}] * 2
    assert found["others"] == {"off-text": 1}
    text = said(found)
    assert "\nwrong  a, x 11, z 11–12 → x 13: differs\n" in text
    assert "\nmoved  a, b, z 9–10 → x 13: returned normally with opset 18\n" in text
    assert "Further surprises in the report: 1 not as the operator's text says." in text


def test_a_model_for_which_nothing_is_right_says_so() -> None:
    found = two(
        {("a", "x", 11): "mismatch", ("b", "x", 11): "exact"},
        [surprise("a", "x", 11, "fixed-size")],
    )
    assert "\nfixed size  a, x 11 → nothing is right: differs\n" in said(found)


def test_every_kind_of_surprise_has_its_words() -> None:
    assert set(SHOWN) == set(KINDS)
    assert sorted([*KINDS, *OTHERS]) == sorted(SEVERITY)


def test_many_findings_are_cut_and_say_where_the_rest_is() -> None:
    rows = [surprise(f"m{number}", "x", 11, "silently-wrong") for number in range(30)]
    models = [model(f"m{number}", None, None) for number in range(30)]
    text = said(answer([], models, [], rows, []))
    assert text.count("\nwrong  ") == MOST_FINDINGS
    assert "and 10 more: see the report, or results/tables/surprises.csv" in text


def test_failures_of_the_program_are_last_and_loud() -> None:
    failed = {"model": "a", "stage": "dump", "what": "x × 11", "detail": "boom", "traceback": ""}
    found = list(lines(answer([], [model("a", None, None)], [], [], [failed]), PAGE))
    assert [style for style, _ in found[-3:]] == ["loud"] * 3
    assert "opset-atlas itself failed in dump of a × x × 11: boom" in [text for _, text in found]
    assert "results/dump/a/record.json" in found[-1][1]


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_a_line_is_as_wide_as_the_terminal_at_most(width: int) -> None:
    names = {("a", "x", opset): "mismatch" for opset in range(9, 20)} | {("b", "x", 9): "exact"}
    reason = "returned something else for a reason that takes very many words to tell " * 3
    rows = [surprise("a", "x", opset, "silently-wrong", reason) for opset in range(9, 20, 2)]
    for line in said(two(names, rows), width).splitlines():
        assert len(line) <= width or " " not in line.strip() or PAGE in line


def test_the_report_is_on_a_line_of_its_own() -> None:
    assert f"\nreport: {PAGE}" in said(two({("a", "x", 11): "exact", ("b", "x", 11): "exact"}))
