"""Pages of operators: versions side by side from onnx's own schemas, uses and links of a run."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx.defs
import pytest
from builders import small_report
from opset_atlas.base.files import read_json, write_json
from opset_atlas.operators import definitions
from opset_atlas.stages.report import rendering
from opset_atlas.stages.report import stage as report
from opset_atlas.stages.report.data import Data, load
from opset_atlas.stages.report.operators import MOST_PLACES, Catalog, page
from opset_atlas.stages.report.overview import about
from opset_atlas.stages.report.versions import VersionRow, side_by_side, summarize

RAW = {(s.domain, s.name, s.since_version): s for s in onnx.defs.get_all_schemas_with_history()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_report.build(tmp_path)


@pytest.fixture
def data(folder: Path) -> Data:
    return load({"sweeps": small_report.SWEEPS}, folder.parent)


def rows(op: str, domain: str = "") -> dict[tuple[str, str], VersionRow]:
    return {(row.role, row.name): row for row in side_by_side(op, domain)}


def marks(row: VersionRow) -> dict[int, str]:
    return {since: cell.mark for since, cell in row.cells.items() if cell.mark} | row.gone


# Versions side by side


def test_every_parameter_of_every_version_has_exactly_one_cell() -> None:
    for (domain, op, since), raw in RAW.items():
        found = {"input": [], "output": [], "attribute": []}
        for row in side_by_side(op, domain):
            if since in row.cells:
                found[row.role].append(row.cells[since].name)
        assert sorted(found["input"]) == sorted(p.name for p in raw.inputs), (op, since)
        assert sorted(found["output"]) == sorted(p.name for p in raw.outputs), (op, since)
        assert sorted(found["attribute"]) == sorted(raw.attributes), (op, since)


def test_a_cell_is_marked_exactly_where_the_schema_change_is() -> None:
    """Over every transition: a mark for each parameter that a change names, and no other."""
    for (domain, op), known in {(d, o): definitions.versions(o, d) for d, o, _ in RAW}.items():
        table = side_by_side(op, domain)
        for old, new in pairwise(known):
            changes = definitions.transition(op, old, new, domain).changes
            named = {(c.role, name) for c in changes for name in c.names if c.role != "operator"}
            for row in table:
                if new in row.cells and row.cells[new].mark:
                    assert (row.role, row.cells[new].name) in named, (op, new, row.name)
                elif new in row.cells:
                    assert old in row.cells
                    assert row.cells[new].name == row.cells[old].name
                    assert row.cells[new].default == row.cells[old].default
                    assert row.cells[new].all_types == row.cells[old].all_types


def test_the_inputs_of_resize() -> None:
    found = rows("Resize")
    assert [name for role, name in found if role == "input"] == ["X", "roi", "scales", "sizes"]
    roi = found["input", "roi"]
    assert {since: cell.presence for since, cell in roi.cells.items()} == {
        11: "required", 13: "optional", 18: "optional", 19: "optional",
    }  # fmt: skip
    assert marks(roi) == {11: "new", 13: "changed", 18: "text"}
    antialias = found["attribute", "antialias"]
    assert (min(antialias.cells), antialias.cells[18].default) == (18, "0")


def test_a_default_that_changed_stands_in_both_cells() -> None:
    axis = rows("Softmax")["attribute", "axis"]
    assert [cell.default for cell in axis.cells.values()] == ["1", "1", "-1"]
    assert marks(axis) == {11: "text", 13: "changed"}


def test_an_attribute_that_became_an_input_says_so_on_both_sides() -> None:
    found = rows("TopK")
    assert marks(found["attribute", "k"]) == {10: "now an input"}
    assert marks(found["input", "K"])[10] == "was an attribute"


def test_a_renamed_parameter_keeps_its_row() -> None:
    mean = rows("BatchNormalization")["input", "input_mean"]
    assert mean.cells[9].name == "mean"
    assert mean.cells[14].name == "input_mean"
    assert not mean.gone


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (["tensor(float)"], "float"),
        (["tensor(double)", "tensor(float)", "tensor(float16)"], "floats"),
        (["tensor(bfloat16)", "tensor(float)", "tensor(int64)"], "bfloat16, float, int64"),
        ([f"tensor(int{n})" for n in (8, 16, 32, 64)], "signed ints"),
        (["seq(tensor(float))", "seq(tensor(int64))", "tensor(bool)"], "2 sequences, bool"),
        (["seq(tensor(float))"], "seq(tensor(float))"),
    ],
)
def test_types_are_named_by_group_only_where_the_group_is_whole(
    types: list[str], words: str
) -> None:
    assert summarize(types) == words


# How a run uses an operator


def test_only_operators_that_onnx_defines_get_a_page(data: Data, folder: Path) -> None:
    """The graphs also hold `plain::Resize-13`, of a domain of its own."""
    assert [entry.name for entry in Catalog(data).entries] == ["Resize"]
    assert [path.name for path in (folder / "operators").iterdir()] == ["Resize.html"]


def test_uses_are_by_version_and_say_what_was_delivered_instead(data: Data) -> None:
    (resize,) = Catalog(data).entries
    found = [(u.exporter, u.version, u.opsets, u.delivered, u.nodes) for u in resize.uses]
    assert found == [
        ("torchscript", 11, [11, 12], None, (1, 1)),
        ("torchscript", 13, [13, 14], None, (1, 1)),
        ("dynamo", 11, [11], None, (1, 1)),
        ("dynamo", 11, [12], 14, (1, 1)),
        ("dynamo", 13, [14], None, (1, 1)),
    ]
    assert resize.used == [11, 13]


def test_a_change_of_several_sweeps_is_told_once_at_its_transition(data: Data) -> None:
    (resize,) = Catalog(data).entries
    shown = page(data, resize)
    steps = {step.anchor: step for step in shown["steps"]}
    assert list(steps) == ["v10-11", "v11-13", "v13-18", "v18-19"]
    (occurrence,) = steps["v11-13"].occurrences
    assert occurrence.where == [("alpha", "torchscript", 12, 13), ("alpha", "dynamo", 11, 14)]
    assert not any(step.occurrences for anchor, step in steps.items() if anchor != "v11-13")
    assert shown["others"] == []
    assert [note.new for note in steps["v10-11"].notes] == [11] * 4


def change(**more: Any) -> dict[str, Any]:
    url = "https://onnx.ai/onnx/operators/text_diff_Resize_11_19.html"
    given = {"op_type": "Resize", "parameter": "", "cause": "schema", "url": url}
    return {**given, "from_version": 11, "to_version": 19, **more}


def test_a_change_leads_to_the_first_transition_that_touches_its_parameter(data: Data) -> None:
    catalog = Catalog(data)
    assert catalog.link(change(parameter="roi")) == "Resize.html#v11-13"
    assert catalog.link(change(parameter="antialias")) == "Resize.html#v13-18"
    assert catalog.link(change()) == "Resize.html#v18-19"
    assert catalog.link(change(from_version=13, to_version=11)) == "Resize.html#v11-13"


def test_a_change_that_is_about_no_transition_leads_to_the_page_or_nowhere(data: Data) -> None:
    catalog = Catalog(data)
    replaced = change(cause="replacement", from_version=None, url="")
    assert catalog.link(replaced) == "Resize.html"
    assert catalog.link(change(op_type="Transpose")) == ""  # no graph of this run has one
    assert catalog.link(change(op_type="../index")) == ""
    assert catalog.link(change(op_type="")) == ""
    assert catalog.link(change(domain="plain")) == ""
    assert catalog.link(change(from_version=12)) == "Resize.html"


def test_a_change_of_one_operator_that_another_caused_stands_on_both_pages(folder: Path) -> None:
    path = folder.parent / "compare" / "alpha" / "record.json"
    record = read_json(path, "compare")
    step = record["sweeps"]["torchscript"]["steps"][0]
    own = step["changes"][0]
    url = "https://onnx.ai/onnx/operators/text_diff_Softmax_11_13.html"
    step["changes"] = [{**own, "op_type": "Transpose", "parameter": "", "url": url}]
    write_json(path, record)
    data = load({"sweeps": small_report.SWEEPS}, folder.parent)
    entries = {entry.op: entry for entry in Catalog(data).entries}
    assert set(entries) == {"Resize", "Softmax", "Transpose"}
    assert entries["Softmax"].uses == []
    at = {step.anchor: len(step.occurrences) for step in page(data, entries["Softmax"])["steps"]}
    assert at == {"v1-11": 0, "v11-13": 1}
    assert [
        occurrence.change["op_type"] for occurrence in page(data, entries["Transpose"])["others"]
    ] == ["Transpose"]


def test_a_page_holds_no_more_links_than_can_be_read(data: Data) -> None:
    (resize,) = Catalog(data).entries
    (occurrence,) = resize.occurrences.values()
    occurrence.where.extend(("alpha", "dynamo", n, n + 1) for n in range(100))
    assert len(occurrence.shown) == MOST_PLACES
    assert len(occurrence.shown) + occurrence.more == len(occurrence.where)


# The pages


def test_every_operator_of_onnx_can_be_shown(data: Data) -> None:
    """Every operator of onnx, used by a run or not: nothing in a schema breaks a page."""
    catalog, template = Catalog(data), rendering.environment().get_template("operator.html.j2")
    for domain, op in sorted({(domain, op) for domain, op, _ in RAW}):
        entry = catalog._get(domain, op)
        assert entry is not None
        assert re.fullmatch(r"[\w.]+\.html", entry.file)
        shown = page(data, entry) | about(entry, [11, 12, 13, 14], [])
        inline = rendering._frame(shown, ())
        text = template.render(shown, operators=catalog, operators_at="", **inline)
        for since in definitions.versions(op, domain):
            assert f"{op}-{since}</span>" in text


def test_the_page_tells_transitions_with_class_note_and_source(folder: Path) -> None:
    text = (folder / "operators" / "Resize.html").read_text()
    assert 'id="v11-13"' in text
    assert "</span> optionality</span>" in text
    assert "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html" in text
    assert "https://onnx.ai/onnx/operators/onnx__Resize.html" in text
    assert "roi may be left out." in text
    assert "required input becomes optional" in text
    assert "../pairs/alpha/torchscript-12-13.html" in text
    assert 'href="../models/alpha.html#dynamo-12">12</a>' in text
    assert "delivered as 14" in text


def test_other_pages_link_to_it(folder: Path) -> None:
    index = (folder / "index.html").read_text()
    assert index.count('href="operators/Resize.html"') == 1
    assert 'href="operators/Resize.html#v11-13"' in index
    model = (folder / "models" / "alpha.html").read_text()
    assert 'href="../operators/Resize.html#v11-13"' in model


def test_the_page_of_a_model_says_which_opset(folder: Path) -> None:
    model = (folder / "models" / "alpha.html").read_text()
    section = model[model.index('id="which"') : model.index('id="parity"')]
    assert "11 to 14" in section  # torchscript, right throughout
    assert '<td class="number">14</td><td>11, 14</td>' in section  # dynamo, wrong at 11
    broken = (folder / "models" / "broken.html").read_text()
    assert 'id="which"' not in broken


def test_the_page_of_an_operator_that_is_gone_goes(folder: Path, data: Data) -> None:
    stale = folder / "operators" / "Relu.html"
    stale.write_text("of an earlier run")
    report.build(data, folder)
    assert not stale.exists()
    assert (folder / "operators" / "Resize.html").exists()
