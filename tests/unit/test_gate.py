"""What a gate says to continuous integration; what it finds is tested in workflow/test_gate.py."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from opset_atlas.tools import _gate_words, gate
from opset_atlas.tools.baseline import Row, row

CELLS = {"net/dynamo": [13, 14, 15], "net/torchscript": [13]}


def failure(opsets: list[int], text: str = "ok → refused", matters: bool = True) -> Row:
    return row("net/dynamo", opsets, "outcome", text, matters)


def test_without_a_failure_the_headline_says_that_it_passed() -> None:
    better = failure([13], "refused → ok", matters=False)
    assert _gate_words.headline([better], CELLS) == (
        "gate: passed, all 4 cells give what the baseline has"
    )


def test_a_cell_that_fails_twice_counts_once() -> None:
    rows = [failure([13, 14]), row("net/dynamo", [14], "verdict", "exact → mismatch", True)]
    assert "failed, 2 of 4 cells" in _gate_words.headline(rows, CELLS)


def test_junit_has_a_case_for_every_cell_of_the_baseline() -> None:
    root = ElementTree.fromstring(_gate_words.junit([failure([13, 15])], CELLS))
    cases = {
        (case.get("classname"), case.get("name")): case.find("failure") is not None
        for case in root.iter("testcase")
    }
    assert cases == {
        ("net.dynamo", "opset 13"): True,
        ("net.dynamo", "opset 14"): False,
        ("net.dynamo", "opset 15"): True,
        ("net.torchscript", "opset 13"): False,
    }
    assert (root.get("tests"), root.get("failures")) == ("4", "2")


def test_junit_is_xml_whatever_an_exporter_said() -> None:
    hostile = 'a\x00\x1b[31m<&>"\ud800'
    root = ElementTree.fromstring(_gate_words.junit([failure([13], hostile)], CELLS))
    assert "\\u001b[31m<&>" in next(root.iter("failure")).get("message", "")


def test_an_annotation_is_one_line_and_escapes_what_github_would_read() -> None:
    text = "50 % a\n::error::b"
    (line,) = _gate_words.github([failure([13], text)], {"net": "my,net.py"}).splitlines()
    assert line.startswith("::error file=my%2Cnet.py,title=opset-atlas%3A net × dynamo × 13::")
    assert "50 %25 a\\u000a::error::b" in line


def test_github_shows_ten_annotations_so_the_tenth_counts_the_others() -> None:
    lines = _gate_words.github([failure([13], str(i)) for i in range(30)], {}).splitlines()
    assert len(lines) == 10 and lines[-1].endswith("and 21 more")


def test_markdown_keeps_a_message_within_its_cell_of_the_table() -> None:
    text = _gate_words.markdown([failure([13], "a|b<img src=x>\n`c`")], CELLS)
    assert "a\\|b&lt;img src=x&gt;\\\\u000a\\`c\\`" in text


def test_markdown_folds_what_does_not_count() -> None:
    text = _gate_words.markdown([failure([13], "refused → ok", matters=False)], CELLS)
    assert text.startswith("### gate: passed") and "which do not count: 1" in text


def test_a_folder_that_holds_something_else_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert gate.main(["--store", str(tmp_path), str(tmp_path / "results")]) == 2
    assert "holds no baseline" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_without_a_baseline_it_is_an_error_and_not_a_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate.main([str(tmp_path / "none"), str(tmp_path)]) == 2
    assert "`snakemake baseline` stores one" in capsys.readouterr().err


def test_the_example_runs_targets_and_reads_files_that_there_are() -> None:
    root = Path(__file__).parents[2]
    steps = yaml.safe_load((root / "docs/examples/gate.yml").read_text())["jobs"]["gate"]["steps"]
    said = "\n".join(step.get("run", "") for step in steps)
    assert "snakemake gate" in said and "make env" in said
    written = (root / "workflow/opset_atlas/tools/gate.py").read_text()
    for name in re.findall(r"results/gate/([\w.]+)", said):
        assert f'"{name}"' in written
