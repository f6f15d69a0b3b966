"""The report stage on small handwritten records; the browser tests use those of a real run."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
import pytest
from builders import small_report
from opset_atlas.findings import glossary
from opset_atlas.findings.grouped import group_surprises
from opset_atlas.findings.preference import as_ranges
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.stages.report import files, rendering
from opset_atlas.stages.report import stage as report
from opset_atlas.stages.report.canvas import contrasts, pairs
from opset_atlas.stages.report.changes import cited, first_to_show
from opset_atlas.stages.report.data import Data, load
from opset_atlas.stages.report.index import figures
from opset_atlas.stages.report.matrix import LEGEND, line, state
from opset_atlas.stages.report.model import merge
from opset_atlas.stages.report.plot import FLOOR, plot
from opset_atlas.tools import diff


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_report.build(tmp_path_factory.mktemp("small"))


@pytest.fixture
def data(folder: Path) -> Data:
    return load({"sweeps": small_report.SWEEPS}, folder.parent)


def test_the_matrix_merges_equal_neighbours_and_parts_where_the_graph_changes(data: Data) -> None:
    right = line(data, "alpha", "torchscript", [11, 12, 13, 14])
    assert [(b.first, b.last, b.width, b.state.key) for b in right.blocks if b.state] == [
        (11, 12, 2, "agrees"),
        (13, 14, 2, "agrees"),
    ]
    mixed = line(data, "alpha", "dynamo", [10, 11, 12, 13, 14])
    assert [block.state.key if block.state else None for block in mixed.blocks] == [
        None,  # not asked for
        "wrong",
        "moved",
        "refused",
        "agrees",
    ]
    assert mixed.states == ["agrees", "moved", "refused", "wrong"]


@pytest.mark.parametrize(
    ("outcome", "verdicts", "expected"),
    [
        ("ok", ["exact", "within-noise"], "agrees"),
        ("ok", ["exact", "mismatch"], "wrong"),
        ("ok", ["exact", "no-kernel"], "partly"),
        ("ok", ["exact", "vacuous"], "unproven"),
        ("ok", ["no-kernel", "rejected"], "runs-nowhere"),
        ("ok", [], "unmeasured"),
        ("ok", ["unavailable"], "unmeasured"),
        ("moved", ["exact"], "moved"),
        ("moved", ["mismatch"], "wrong"),
        ("moved", ["rejected"], "runs-nowhere"),
        ("invalid", ["rejected"], "invalid"),
        ("refused", ["absent"], "refused"),
        ("timeout", [], "timeout"),
    ],
)
def test_the_state_of_a_cell_is_the_worst_that_is_known(
    outcome: str, verdicts: list[str], expected: str
) -> None:
    cell = {"outcome": outcome, "delivered": 18}
    assert state(cell, [{"verdict": each} for each in verdicts]).key == expected  # type: ignore[typeddict-item, misc]


def test_the_first_schema_change_that_omits_an_input_is_the_case(data: Data) -> None:
    found = first_to_show(data)
    assert found
    sweep, step, change = found
    assert (sweep.model, sweep.exporter) == ("alpha", "torchscript")
    assert (step["from_opset"], step["to_opset"], change["parameter"]) == (12, 13, "roi")


def test_surprises_are_ranges_and_what_moved_is_told_once_for_all_models() -> None:
    def row(model: str, opset: int, kind: str, runtime: str, rest: str) -> dict[str, Any]:
        severity = {"silently-wrong": 1, "silently-moved": 3}[kind]
        return {
            "severity": severity,
            "kind": kind,
            "model": model,
            "exporter": "dynamo",
            "requested": opset,
            "runtime": runtime,
            "sentence": f"dynamo at opset {opset}{rest}",
            "source": "net.py:7: `x`",
        }

    moved = " returned normally with opset 18"
    rows = [row(model, n, "silently-moved", "", moved) for model in "ab" for n in (9, 10, 11)]
    rows += [
        row("a", n, "silently-wrong", r, f": {r} differs") for n in (9, 10) for r in ("x", "y")
    ]
    wrong, moved = group_surprises(rows)
    assert moved.models == {"a": [9, 10, 11], "b": [9, 10, 11]}
    assert [finding.text for finding in moved.findings] == ["returned normally with opset 18"]
    assert wrong.models == {"a": [9, 10]}
    assert [(f.text, f.source, f.opsets, f.runtimes) for f in wrong.findings] == [
        ("differs", "net.py:7: `x`", [9, 10], ["x", "y"])
    ]
    assert as_ranges([9, 10, 11, 13]) == "9–11, 13"


def test_a_change_is_named_after_the_page_that_it_cites() -> None:
    url = "https://onnx.ai/onnx/operators/text_diff_Pad_2_11.html"
    assert cited({"op_type": "Concat", "url": url}) == {"op": "Pad", "versions": "2 → 11"}
    url = "https://onnx.ai/onnx/operators/onnx__Gelu.html"
    assert cited({"op_type": "Gelu", "url": url}) == {"op": "Gelu", "versions": ""}


def test_equal_parity_rows_of_neighbouring_opsets_are_one() -> None:
    shared = {"output": "y", "max_abs": 1.0, "max_rel": None, "n_torch": 1.0, "n_runtime": 2.0}
    shared |= {"detail": "", "verdict": "exact"}
    rows = [{**shared, "runtime": "x", "requested": opset} for opset in (11, 12, 13)]
    rows[2] = {**rows[2], "max_abs": 2.0}
    assert [row["opsets"] for row in merge(rows)] == [[11, 12], [13]]


def test_the_plot_puts_the_limit_at_one_and_an_exact_result_on_the_floor() -> None:
    rows = [
        {"exporter": "e", "requested": opset, "verdict": "", "n_torch": 1.0, "n_runtime": n}
        for opset, n in ((11, 10.0), (12, 0.0), (13, 1e5))
    ]
    drawn = plot(rows, ["e", "unused"], Tolerances())
    assert drawn
    (series,) = drawn.series
    limit, floor, above = (point.y for point in series.points)
    assert limit == drawn.limit
    assert floor == max(y for y, _ in drawn.rows) and drawn.rows[0][1] == f"≤ {FLOOR:g}"
    assert above < limit
    assert plot([{**rows[0], "n_torch": None}], ["e"], Tolerances()) is None


def test_the_share_of_explained_changes_is_never_rounded_up_to_all(data: Data) -> None:
    changes = [{"cause": "schema"}] * 299 + [{"cause": "unexplained"}]
    counted = figures(
        Data(
            data.spec,
            data.results,
            {**data.tables, "changes": changes},
            data.definitions,
            data.dumps,
            data.comparisons,
            data.sweeps,
            data.verdicts,
        )
    )
    assert (counted["explained_percent"], counted["unexplained"]) == (99, 1)


def test_pages_hold_what_a_reader_looks_for(folder: Path) -> None:
    index = (folder / "index.html").read_text()
    for expected in (
        "Use dynamo at opset 14",
        "Avoid</b> dynamo 11",
        "Models without any export",
        "Silently wrong",
        "<li>input float32[2,3] -1.5 to 0.25</li>",
        'href="reproducers/locate/alpha/reproducers/dynamo/opset_11/run.py"',
        "returned normally with opset 14",
        "Resize-11 requires <code>roi</code>",
        "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html",
        "snakemake --cores 4",
        "ab" * 32,
    ):
        assert expected in index, expected
    page = (folder / "models" / "alpha.html").read_text()
    assert 'href="../files/alpha/dynamo/opset_14.onnx"' in page
    assert 'href="../files/alpha/aaaa.txt"' in page
    assert 'href="../pairs/alpha/torchscript-12-13.html"' in page
    assert "<pre" in page and "Traceback\n  plain" in page
    assert (
        "How the exporter was run, opset" in page
        and ": memoized, reusing from cell to cell" in page
    )


def test_the_words_are_explained_in_the_report_and_in_the_documentation(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert [word for word in glossary.WORDS if f"<dt>{word}</dt>" not in page] == []
    assert "<code>eps · max|y64|</code>" in page
    text = (Path(__file__).parents[2] / "docs/glossary.md").read_text(encoding="utf-8")
    assert glossary.document() in text


def test_a_pair_shows_what_parity_measured_of_both_sides(folder: Path, data: Data) -> None:
    page = (folder / "pairs" / "alpha" / "torchscript-12-13.html").read_text()
    lists = re.findall(r'<ul class="measured"[^>]*>(.*?)</ul>', page)
    assert len(lists) == 2
    for opset, shown in zip((12, 13), lists, strict=True):
        verdicts = data.verdicts_of["alpha", "torchscript", opset]
        assert verdicts
        for verdict in verdicts:
            assert verdict["runtime"] in shown
            assert verdict["verdict"].replace("-", " ") in shown


def test_both_graphs_stand_in_the_index_with_the_change_pointed_out(folder: Path) -> None:
    case = (folder / "index.html").read_text().split('<section id="case"')[1].split("</section>")[0]
    pictures = case.split("<figure>")[1:]
    assert len(pictures) == 2
    for picture, given in zip(pictures, ("empty", "omitted"), strict=True):
        marked = re.findall(r'<text class="\w+ diff"[^>]*>([^<]*)<', picture)
        assert "roi" in marked and any(given in text for text in marked)


def test_a_second_run_gives_the_same_bytes_but_for_times(folder: Path) -> None:
    def pages() -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(folder.rglob("*.html"))}

    before = pages()
    timing = folder.parent / "export" / "alpha" / "torchscript" / "timing.json"
    kept = timing.read_text()
    timing.write_text(json.dumps({"11": 9.87, "12": 9.87, "13": 9.87, "14": 9.87}))
    try:
        small_spec = json.dumps({"sweeps": small_report.SWEEPS, "order": list(small_report.SWEEPS)})
        from opset_atlas.stages.tables import stage as tables

        shared = ["--spec", small_spec, "--results", str(folder.parent), "--output"]
        tables.main([*shared, str(folder.parent / "tables")])
        spec = {
            "sweeps": small_report.SWEEPS,
            "descriptions": {"alpha": "plain", "broken": ""},
            "versions": {"snakemake": "9.27.1"},
        }
        report.build(load(spec, folder.parent), folder)
    finally:
        timing.write_text(kept)
    after = pages()
    assert "9.87 s" in after["alpha.html"]
    assert before != after
    time = re.compile(r'(<span class="time">)[^<]*')
    assert {k: time.sub(r"\1", v) for k, v in before.items()} == {
        k: time.sub(r"\1", v) for k, v in after.items()
    }


def test_pages_of_models_that_are_gone_go_and_an_old_report_survives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_report.build(tmp_path)
    (folder / "models" / "gone.html").write_text("old")
    data = load({"sweeps": {"alpha": small_report.SWEEPS["alpha"]}}, tmp_path / "results")
    before = (folder / "index.html").read_text()

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            report.build(data, folder)
    assert (folder / "index.html").read_text() == before
    assert not list(folder.rglob("*.tmp"))

    report.build(data, folder)
    assert [path.name for path in (folder / "models").iterdir()] == ["alpha.html"]


def test_two_processes_write_what_one_writes(folder: Path, data: Data, tmp_path: Path) -> None:
    written = []
    for processes in (1, 2):
        report.build(data, tmp_path / str(processes), tmp_path / "cards", processes)
        places = (tmp_path / str(processes)).rglob("*.*")
        written.append({p.relative_to(tmp_path / str(processes)): p.read_bytes() for p in places})
    assert written[0] == written[1]
    assert {Path("index.html"), Path("models/broken.html")} <= written[0].keys()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0"),
        (0.0, "0"),
        (5, "5"),
        (12345, "12\u202f345"),
        (2.4e-7, "2.4e-7"),
        (0.73, "0.73"),
        (68.9, "69"),
        (468.2, "468"),
        (4.0e6, "4.0e6"),
    ],
)
def test_numbers_are_short(value: float | None, shown: str) -> None:
    assert rendering._number(value) == shown


def test_two_files_as_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = '<ir_version: 8, opset_import: ["": {}]> g (float[4] x) => (float[4] y) {{ {} }}'
    clip = "low = Constant<value = float {0.0}>() y = Clip(x, low)"
    for name, opset, body in (("a&b.onnx", 6, "y = Clip<min = 0.0>(x)"), ("c.onnx", 11, clip)):
        onnx.save(onnx.parser.parse_model(text.format(opset, body)), name)
    assert diff.main(["a&b.onnx", "c.onnx", "--html", "page.html"]) in {0, 1}
    page = Path("page.html").read_text(encoding="utf-8")
    assert "a&amp;b.onnx" in page and "a&b.onnx" not in page
    assert "text_diff_Clip_6_11.html" in page
    assert "default-src 'none'" in page and page.count("<script") == 1


@pytest.mark.parametrize(
    ("outcome", "verdicts", "key", "text"),
    [
        ("ok", ["misdeclared", "misdeclared"], "misdeclared", "misdeclared"),
        ("moved", ["misdeclared"], "misdeclared", "misdeclared, as 18"),
        ("ok", ["misdeclared", "mismatch"], "wrong", "wrong"),
        ("ok", ["misdeclared", "fixed-size"], "fixed-size", "one size"),
    ],
)
def test_a_cell_that_declares_something_else_has_a_state_of_its_own(
    outcome: str, verdicts: list[str], key: str, text: str
) -> None:
    given: Any = [{"verdict": verdict} for verdict in verdicts]
    found = state({"outcome": outcome, "delivered": 18}, given)
    assert (found.key, found.text) == (key, text)
    assert key in {entry[0] for entry in LEGEND}


def test_a_large_graph_is_carried_zipped_and_the_page_says_what_is_not_in_the_report(
    tmp_path: Path,
) -> None:
    folder = small_report.build(tmp_path)
    graphs = folder.parent / "dump" / "alpha" / "graphs"
    for suffix in (".txt", ".json"):
        source = graphs / f"aaaa{suffix}"
        source.write_text(source.read_text() + " " * files.PLAIN)
    report.build(load({"sweeps": small_report.SWEEPS}, folder.parent), folder)
    carried = folder / "files" / "alpha" / "aaaa.txt.zip"
    with zipfile.ZipFile(carried) as archive:
        assert archive.read("aaaa.txt") == (graphs / "aaaa.txt").read_bytes()
    assert not (folder / "files" / "alpha" / "aaaa.txt").exists()
    assert not (folder / "files" / "alpha" / "aaaa.json").exists()
    page = (folder / "models" / "alpha.html").read_text()
    assert 'href="../files/alpha/aaaa.txt.zip">text (zip)</a>' in page
    assert "<code>dump/alpha/graphs</code>: 1 graph in JSON" in page
    assert "aaaa.txt.zip" in (folder / "pairs" / "alpha" / "torchscript-12-13.html").read_text()
    before = carried.stat().st_mtime_ns
    report.build(load({"sweeps": small_report.SWEEPS}, folder.parent), folder)
    assert carried.stat().st_mtime_ns == before, "an equal archive is not written again"


def test_equal_onnx_files_of_a_model_are_carried_once(tmp_path: Path) -> None:
    folder = small_report.build(tmp_path)
    data = load({"sweeps": small_report.SWEEPS}, folder.parent)
    places = files.onnx_places(data, "alpha")
    assert len(places) > 3
    assert set(places.values()) == {"files/alpha/dynamo/opset_14.onnx"}, "all have one hash"
    assert [path.name for path in (folder / "files").rglob("*.onnx")] == ["opset_14.onnx"]


def test_contrasts_with_the_same_changes_are_one(tmp_path: Path) -> None:
    folder = small_report.build(tmp_path)
    path = folder.parent / "compare" / "alpha" / "record.json"
    record = json.loads(path.read_text())
    change = record["sweeps"]["torchscript"]["steps"][0]["changes"][0]
    moved = {**change, "places": [{**place, "from_node": 7} for place in change["places"]]}
    other = {**change, "before": "something else"}
    record["pairs"] = [
        {
            "left": "torchscript",
            "right": "dynamo",
            "opsets": [opset],
            "left_graph": "aaaa",
            "right_graph": "aaaa",
            "changes": changes,
        }
        for opset, changes in ((11, [change]), (12, [moved]), (13, [other]), (14, [change]))
    ]
    path.write_text(json.dumps(record))
    data = load({"sweeps": small_report.SWEEPS}, folder.parent)
    assert [pair["opsets"] for pair in contrasts(data, "alpha")] == [[11, 12, 14], [13]]
    assert [pair.title for pair in pairs(data, "alpha") if "vs" in pair.place] == [
        "torchscript and dynamo, opset 11, and the same differences at 12, 14",
        "torchscript and dynamo, opset 13",
    ]
