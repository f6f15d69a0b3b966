"""The tables contain what the records say, and the conclusions from it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from builders import located_record
from builders.stage_files import X, run_define, run_export
from opset_atlas.base.files import write_json
from opset_atlas.findings.advice import SEVERITY, computing_nodes, recommend, surprises
from opset_atlas.findings.columns import TABLES, columns, document, names
from opset_atlas.findings.preference import Aim, Limit, Policy, spans
from opset_atlas.records import CellVerdict, DefineRecord, Departure
from opset_atlas.stages.compare import compare_model
from opset_atlas.stages.dump import dump
from opset_atlas.stages.tables.stage import main
from opset_atlas.stages.tables.writing import write_table

MODELS = """
from torch import nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return nn.functional.hardswish(self.linear(x))
"""
HOSTILE = '=HYPERLINK("http://x")\x00\x1b[31m'


def verdict(exporter: str, requested: int, found: str, **more: Any) -> CellVerdict:
    """A verdict on a cell's one output in onnxruntime."""
    ran = found in {"exact", "within-noise", "no-noise-floor", "above-noise", "vacuous", "mismatch"}
    output = {
        "output": "y", "verdict": found, "set": "random-0", "detail": "", "max_abs": 1e-7,
        "max_rel": None, "n_torch": 0.5, "n_runtime": 1.5,
    }  # fmt: skip
    made: Any = {
        "model": "m",
        "exporter": exporter,
        "requested": requested,
        "runtime": "onnxruntime",
        "verdict": found,
        "detail": "",
        "note": "",
        "outputs": [output] if ran else [],
        **more,
    }
    return made  # type: ignore[no-any-return]


def cell(exporter: str, requested: int, outcome: str = "ok", nodes: int = 3) -> dict[str, Any]:
    detail = "" if outcome == "ok" else f"{outcome} detail"
    if outcome == "moved":
        detail = f"asked for opset {requested}; the file is opset 18: no adapter"
    return {
        "model": "m",
        "exporter": exporter,
        "requested": requested,
        "outcome": outcome,
        "delivered": 18 if outcome == "moved" else requested,
        "nodes": nodes,
        "computing_nodes": nodes,
        "detail": detail,
    }


def metric(name: str, reference: Any, value: Any, detail: str = "") -> dict[str, Any]:
    numbers = {"reference": reference, "value": value, "difference": None, "tolerance": 0.0}
    return {"metric": name, **numbers, "moved": reference != value, "detail": detail}


METRICS = [metric("top1", 0.75, "nan"), metric("vain", None, None, "m.py:vain raised ValueError")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps of one model through the real stages, and verdicts given by hand."""
    root = tmp_path_factory.mktemp("tables")
    (root / "models.py").write_text(MODELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return run_stages(root)


@pytest.fixture
def results(finished: Path, tmp_path: Path) -> Path:
    """A copy, to be changed at will."""
    return Path(shutil.copytree(finished, tmp_path / "results"))


def run_stages(root: Path) -> Path:
    model = {"factory": "models.py:Small", "inputs": [X], "outputs": ["y"]}
    run_define(root, model)
    folder = root / "results"
    opsets = [11, 13, 14]
    for exporter in ("torchscript", "converter"):
        run_export(root, model, exporter, opsets=opsets)
    dump(folder / "export/m", ["torchscript", "converter"], folder / "dump/m")
    record = compare_model(folder / "dump/m", folder / "export/m")
    write_json(folder / "compare/m/record.json", record)
    located_record.write(folder, "m", located_record.finding("torchscript", 13, HOSTILE))
    cells = [
        verdict("torchscript", 11, "within-noise", metrics=METRICS),
        verdict("torchscript", 13, "mismatch", detail=HOSTILE),
        verdict("torchscript", 14, "exact", note="the graph has no input z"),
        *(verdict("converter", opset, "rejected", detail="no such kernel") for opset in opsets),
    ]
    write_json(folder / "judge" / "verdicts.json", {"version": 1, "stage": "judge", "cells": cells})
    return folder


def run_tables(results: Path) -> dict[str, pd.DataFrame]:
    spec = {"sweeps": {"m": ["torchscript", "converter"]}, "order": ["m"]}
    output = results / "tables"
    given = {"spec": json.dumps(spec), "results": str(results), "output": str(output)}
    options = {**given, "answer": str(results / "answer.json")}
    main([text for name, value in options.items() for text in (f"--{name}", value)])
    return {name: pd.read_csv(output / f"{name}.csv") for name in names(audit=False)}


def test_every_table_as_csv_and_json(results: Path) -> None:
    tables = run_tables(results)
    for name, frame in tables.items():
        assert list(frame.columns) == columns(name)
        rows = json.loads((results / "tables" / f"{name}.json").read_text())
        assert len(rows) == len(frame), name
        assert (len(rows) > 0) == (name != "failures"), name  # of this program: none
        assert not rows or list(rows[0]) == list(frame.columns)
    before = {path.name: path.read_bytes() for path in (results / "tables").iterdir()}
    run_tables(results)
    assert {path.name: path.read_bytes() for path in (results / "tables").iterdir()} == before


def test_metrics_are_rows_and_one_that_fails_on_torchs_outputs_is_named_at_the_model(
    results: Path,
) -> None:
    tables = run_tables(results)
    top1, vain = tables["metrics"].to_dict("records")
    assert (top1["exporter"], top1["requested"], top1["metric"]) == ("torchscript", 11, "top1")
    assert (top1["reference"], top1["moved"], vain["moved"]) == (0.75, True, False)
    assert pd.isna(top1["value"]) and top1["detail"] == "nan for the file"
    (model,) = tables["models"].to_dict("records")
    assert model["detail"] == "metric vain has no value: m.py:vain raised ValueError"


def test_cells_and_their_outcomes(results: Path) -> None:
    cells = run_tables(results)["cells"].set_index(["exporter", "requested"])
    record = json.loads((results / "export/m/torchscript/record.json").read_text())
    for found in record["cells"]:
        row = cells.loc[("torchscript", found["requested"])]
        assert (row["outcome"], row["sha256"], row["nodes"]) == (
            found["outcome"],
            found["sha256"],
            found["nodes"],
        )
        assert row["export_seconds"] > 0
    # The checker accepted them, but no runtime loads them: in the runtime's words.
    converted = cells.loc["converter"]
    assert set(converted["outcome"]) == {"invalid"}
    assert set(converted["detail"]) == {"onnxruntime: no such kernel"}


def test_a_right_cell_says_what_its_graph_lacks(results: Path) -> None:
    cells = run_tables(results)["cells"].set_index(["exporter", "requested"])
    assert cells.loc[("torchscript", 14), "outcome"] == "ok"
    assert cells.loc[("torchscript", 14), "detail"] == "the graph has no input z"
    assert pd.isna(cells.loc[("torchscript", 11), "detail"])


def test_a_cell_says_that_its_tensors_are_in_another_file(results: Path) -> None:
    path = results / "export/m/torchscript/record.json"
    record = json.loads(path.read_text())
    record["cells"][1]["beside"], record["cells"][2]["beside"] = 1, 4
    write_json(path, record)
    said = run_tables(results)["cells"].set_index(["exporter", "requested"])["detail"]
    assert said["torchscript", 13] == "its tensors are in a file beside it"
    assert said["torchscript", 14].endswith("; its tensors are in 4 files beside it")


def test_changes_and_ranges(results: Path) -> None:
    tables = run_tables(results)
    changes = tables["changes"]
    replaced = changes[(changes["exporter"] == "torchscript") & (changes["cause"] == "replacement")]
    assert list(replaced["op_type"]) == ["HardSwish"]
    assert list(zip(replaced["from_opset"], replaced["to_opset"], strict=True)) == [(13, 14)]
    ranges = tables["ranges"].set_index("exporter").loc["torchscript"]
    assert list(zip(ranges["first"], ranges["last"], ranges["nodes"], strict=True))[-1] == (
        14,
        14,
        2,
    )


def test_contrasts_between_exporters(results: Path) -> None:
    rows = run_tables(results)["contrasts"]
    assert {*zip(rows["left"], rows["right"], strict=True)} == {("torchscript", "converter")}
    assert set(rows["before"]) == {"HardSwish"} and set(rows["after"]) == {"HardSigmoid, Mul"}
    assert set(rows["opsets"].astype(str)) == {"14"}


def test_parity_rows(results: Path) -> None:
    parity = run_tables(results)["parity"]
    assert len(parity) == 6
    ran = parity[parity["exporter"] == "torchscript"]
    assert set(ran["output"]) == {"y"} and set(ran["n_runtime"]) == {1.5}
    assert set(parity[parity["exporter"] == "converter"]["verdict"]) == {"rejected"}


def test_text_that_a_spreadsheet_would_run(results: Path) -> None:
    write_json(
        results / "judge" / "verdicts.json",
        {
            "version": 1,
            "stage": "judge",
            "cells": [
                verdict("torchscript", opset, "failed", detail=f"{start}1+1\x07\x1b[0m")
                for opset, start in ((11, "="), (13, "+"), (14, "@"))
            ],
        },
    )
    details = list(run_tables(results)["parity"]["detail"])
    assert details == ["'=1+1", "'+1+1", "'@1+1"]
    rows = json.loads((results / "tables/parity.json").read_text())
    assert [row["detail"][:4] for row in rows] == ["=1+1", "+1+1", "@1+1"]  # data stay data


def test_what_to_use_and_what_to_avoid(results: Path) -> None:
    tables = run_tables(results)
    (row,) = tables["models"].to_dict("records")
    assert (row["use_exporter"], row["use_opset"]) == ("torchscript", 14)
    assert row["why"] == (
        "right in every runtime at 11, 14; of the longest run, 14, the nearest to 18"
    )
    assert (row["avoid"], row["avoid_why"]) == (
        "torchscript 13",
        "computes something other than the model",
    )
    kinds = list(tables["surprises"]["kind"])
    assert kinds == ["silently-wrong", "invalid", "invalid", "invalid"]


def test_where_wrong_results_begin(results: Path) -> None:
    (row,) = run_tables(results)["located"].to_dict("records")
    assert (row["exporter"], row["requested"], row["runtime"]) == ("torchscript", 13, "onnxruntime")
    assert (row["operators"], row["fault"], row["right_at"]) == ("Softmax-11(axis=1)", "file", 13)
    assert row["inputs"] == "input float32[2,3] -1.5 to 0.25"
    assert row["reproducer"] == "locate/m/reproducers/torchscript/opset_13"
    assert row["nodes"].startswith("'=HYPERLINK")
    assert "\x1b" not in row["sentence"]
    assert row["source"] == "net.py:7, forward: `return x.softmax(1)`"


def test_the_line_of_a_wrong_cell_is_that_of_its_node_else_what_the_tracer_warned_of(
    results: Path,
) -> None:
    tables = run_tables(results)
    lines = dict(zip(tables["cells"]["requested"][:3], tables["cells"]["source"][:3], strict=True))
    located = "net.py:7, forward: `return x.softmax(1)`"
    assert {opset: line for opset, line in lines.items() if not pd.isna(line)} == {13: located}
    worst = tables["surprises"].to_dict("records")[0]
    assert worst["source"] == located
    assert worst["sentence"].startswith(
        "torchscript at opset 13: onnxruntime computes something else, from Softmax-11(axis=1) on: "
    )
    record = json.loads((results / "export/m/torchscript/record.json").read_text())
    for cell in record["cells"]:
        said = {"level": "warning", "text": "the trace might not generalize", "count": 1}
        cell["messages"].append({**said, "source": "TracerWarning", "place": "net.py:5: `if x:`"})
    record["lines"] = {"/Add": "net.py:5, forward: `if x:`", "/Exp": "net.py:55, forward: `…`"}
    write_json(results / "export/m/torchscript/record.json", record)
    located_record.write(results, "m")
    lines = run_tables(results)["cells"]["source"]
    joined = "net.py:5: `if x:`, node `/Add`"
    assert [line for line in lines if not pd.isna(line)] == [joined]
    # A converted file has the faults of its base.
    wrong = [verdict("converter", 14, "fixed-size")]
    write_json(results / "judge/verdicts.json", {"version": 1, "stage": "judge", "cells": wrong})
    record = json.loads((results / "export/m/converter/record.json").read_text())
    assert {cell["base"] for cell in record["cells"]} == {"torchscript at opset 11"}
    rows = run_tables(results)["cells"]
    lines = dict(
        zip(zip(rows["exporter"], rows["requested"], strict=True), rows["source"], strict=True)
    )
    assert lines["converter", 14] == joined and pd.isna(lines["torchscript", 11])


MODEL: Any = {
    "model": "m",
    "kind": "torch",
    "outcome": "ok",
    "detail": "",
    "parameters": 5,
    "sets": [{"name": "random-0", "random": {}, "float64": True, "why_not": ""}],
}


def advise(
    cells: list[dict[str, Any]], verdicts: list[CellVerdict], aim: Aim | None = None
) -> dict[str, Any]:
    record: DefineRecord = MODEL
    return recommend(record, cells, verdicts, aim)


SEVERAL = [
    cell("torchscript", 11, nodes=5),
    cell("torchscript", 14, nodes=3),
    cell("dynamo", 14, nodes=4),
    cell("dynamo", 13, "moved", nodes=1),
    cell("converter", 13, nodes=3),
]


@pytest.mark.parametrize(
    ("policy", "setting", "why"),
    [
        ("default", ("dynamo", 14), "torch’s default exporter"),
        ("widest-reach", ("torchscript", 11), "the lowest opset that is right, so"),
        ("fewest-nodes", ("converter", 13), "3 computing nodes where others have up to 5"),
    ],
)
def test_the_policy_decides_among_what_is_right(
    policy: Policy, setting: tuple[str, int], why: str
) -> None:
    right = [verdict(c["exporter"], c["requested"], "within-noise") for c in SEVERAL]
    row = advise(SEVERAL, right, Aim(policy))
    assert (row["use_exporter"], row["use_opset"]) == setting
    assert why in row["why"]


def test_an_alternative_says_where_it_is_right_and_what_it_costs() -> None:
    right = [verdict(c["exporter"], c["requested"], "within-noise") for c in SEVERAL]
    row = advise(SEVERAL, right)
    assert row["also_right"] == "torchscript 11, 14 (1 node fewer), converter 13 (1 node fewer)"
    assert advise(SEVERAL[:1], right)["why"] == "right in every runtime; the only such cell"


def test_a_fault_that_only_degenerate_inputs_show_weighs_less() -> None:
    cells = [cell("torchscript", 11), cell("torchscript", 12, "moved")]
    slight: Any = {**verdict("torchscript", 11, "mismatch"), "degenerate_only": ["zeros"]}
    row = advise([cells[0]], [slight])
    assert row["why"] == (
        "no cell qualifies: 1 mismatch; wrong on degenerate inputs alone: torchscript 11"
    )
    assert row["avoid_why"] == "computes something other than the model on degenerate inputs alone"
    grave = verdict("torchscript", 11, "mismatch", runtime="reference")
    row = advise(cells, [slight, grave])
    assert row["avoid_why"] == "computes something other than the model"
    assert "degenerate" not in row["why"]


def test_what_no_target_reads_is_excluded_and_says_by_which() -> None:
    right = [verdict(c["exporter"], c["requested"], "within-noise") for c in SEVERAL]
    limit: Limit = {"target": "opset<=11", "lowest": None, "highest": 11, "ir_version": None}
    row = advise(SEVERAL, right, Aim(limits=(limit,)))
    assert (row["use_exporter"], row["use_opset"]) == ("torchscript", 11)
    assert row["excluded"] == "13–14: opset<=11 reads opset 11 at most"
    row = advise(SEVERAL[1:], right, Aim(limits=(limit,)))
    assert row["use_exporter"] is None
    assert row["why"] == "no cell qualifies: none that is right is read by the targets"


def test_one_wrong_runtime_disqualifies_a_cell() -> None:
    cells = [cell("torchscript", 11, nodes=1), cell("torchscript", 12, nodes=9)]
    verdicts = [
        verdict("torchscript", 11, "exact"),
        verdict("torchscript", 11, "mismatch", runtime="reference"),
        verdict("torchscript", 12, "exact"),
    ]
    row = advise(cells, verdicts)
    assert row["use_opset"] == 12
    assert row["avoid"] == "torchscript 11"


def test_right_without_a_noise_floor_is_right_and_says_so() -> None:
    cells = [cell("torchscript", 11), cell("torchscript", 12)]
    verdicts = [verdict("torchscript", 11, "no-noise-floor"), verdict("torchscript", 12, "exact")]
    row = advise(cells, verdicts)
    assert row["use_opset"] == 12
    assert advise(cells[:1], verdicts[:1])["why"].startswith(
        "right in every runtime, judged without a noise floor; "
    )


@pytest.mark.parametrize("found", ["vacuous", "random", "above-noise", "ill-conditioned"])
def test_what_is_not_proven_right_is_not_recommended(found: str) -> None:
    cells = [cell("torchscript", 11), cell("torchscript", 12)]
    row = advise(cells, [verdict("torchscript", 11, found), verdict("torchscript", 12, "exact")])
    assert row["use_opset"] == 12
    row = advise(cells[:1], [verdict("torchscript", 11, found)])
    assert row["use_opset"] is None and row["why"] == f"no cell qualifies: 1 {found}"


@pytest.mark.parametrize("found", ["mismatch", "rejected", "no-kernel", "crashed", "timeout"])
def test_none_qualifying_is_an_answer(found: str) -> None:
    cells = [cell("torchscript", 11), cell("torchscript", 12, "refused")]
    row = advise(cells, [verdict("torchscript", 11, found)])
    assert row["use_exporter"] is None and row["use_opset"] is None
    tally = sorted([f"1 {found}", "1 refused"], key=lambda words: words[2:])
    assert row["why"] == "no cell qualifies: " + ", ".join(tally)


def test_a_cell_that_nothing_ran_does_not_qualify() -> None:
    assert advise([cell("torchscript", 11)], [])["use_opset"] is None


def test_a_model_that_does_not_run() -> None:
    record: Any = {**MODEL, "outcome": "failed", "detail": "ValueError: no"}
    row = recommend(record, [cell("torchscript", 11, "no-model")], [])
    assert row["why"] == "the model itself does not run: ValueError: no"
    assert row["use_exporter"] is None and row["avoid"] == ""


def test_what_to_avoid_is_the_worst_on_offer() -> None:
    cells = [
        *(cell("dynamo", opset, "moved") for opset in (9, 10, 11, 13)),
        cell("torchscript", 9, "invalid"),
        cell("torchscript", 12),
    ]
    assert advise(cells, [])["avoid"] == "torchscript 9"
    assert advise(cells[:4], [])["avoid"] == "dynamo 9–11, dynamo 13"
    wrong = advise(cells, [verdict("torchscript", 12, "mismatch")])
    assert (wrong["avoid"], wrong["avoid_why"]) == (
        "torchscript 12",
        "computes something other than the model",
    )


def test_surprises_worst_first() -> None:
    cells = [
        cell("dynamo", 9, "moved"),
        cell("dynamo", 10, "invalid"),
        cell("torchscript", 9, "refused"),
        cell("torchscript", 11),
        cell("torchscript", 12),
        cell("torchscript", 13),
        cell("torchscript", 14),
        cell("torchscript", 15),
        cell("torchscript", 16),
        cell("torchscript", 17),
    ]
    verdicts = [
        verdict("torchscript", 17, "metric-moved", detail="top1 moves"),
        verdict("torchscript", 16, "misdeclared", detail="axis 0 of output y is …"),
        verdict("torchscript", 16, "misdeclared", runtime="reference"),
        verdict("torchscript", 15, "fixed-size"),
        verdict("torchscript", 11, "mismatch", detail="off by 3"),
        verdict("torchscript", 12, "above-noise"),
        verdict("torchscript", 13, "no-kernel"),
        verdict("torchscript", 14, "exact"),
        verdict("torchscript", 14, "no-kernel", runtime="reference"),
    ]
    text: Departure = {
        "operator": "GridSample-16",
        "parameter": "X",
        "rank": 5,
        "says": "4-D tensor",
        "url": "",
        "nodes": 1,
    }
    left = {(cells[0]["model"], "torchscript", 14): [text]}
    found = surprises(cells, verdicts, departures=left)
    assert [(row["kind"], row["exporter"], row["requested"]) for row in found] == [
        ("silently-wrong", "torchscript", 11),
        ("fixed-size", "torchscript", 15),
        ("invalid", "dynamo", 10),
        ("loads-nowhere", "torchscript", 13),
        ("metric-moved", "torchscript", 17),
        ("misdeclared", "torchscript", 16),
        ("silently-moved", "dynamo", 9),
        ("above-noise", "torchscript", 12),
        ("off-text", "torchscript", 14),
    ]
    assert {row["kind"]: row["severity"] for row in found} == SEVERITY
    assert [row["severity"] for row in found] == sorted(SEVERITY.values())
    assert found[0]["sentence"] == (
        "torchscript at opset 11: onnxruntime computes something else: off by 3"
    )
    assert found[5]["sentence"] == (
        "torchscript at opset 16 declares something other than it returns: axis 0 of output y is …"
    )
    assert found[6]["sentence"] == "dynamo at opset 9 returned normally with opset 18: no adapter"
    assert surprises([cell("torchscript", 9, "refused"), cell("torchscript", 14)], []) == []


def test_a_file_that_declares_something_else_is_not_recommended() -> None:
    cells = [cell("torchscript", 11, nodes=1), cell("torchscript", 12, nodes=9)]
    verdicts = [verdict("torchscript", 11, "misdeclared"), verdict("torchscript", 12, "exact")]
    row = advise(cells, verdicts)
    assert row["use_opset"] == 12
    assert (row["avoid"], row["avoid_why"]) == (
        "torchscript 11",
        "declares other shapes or types than it returns",
    )
    assert advise(cells[:1], verdicts[:1])["use_opset"] is None


def test_runs_of_integers() -> None:
    assert spans([]) == []
    assert spans([5]) == [(5, 5)]
    assert spans([12, 9, 10, 10, 13]) == [(9, 10), (12, 13)]


def test_every_column_is_described_where_a_reader_looks() -> None:
    text = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
    assert text.endswith(document())
    for name, table in TABLES.items():
        assert table.rows and all(table.columns.values()), name


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("=1", "'=1"),
        ("@x", "'@x"),
        ("＝1", "'＝1"),
        ("-inf", "'-inf"),
        ("- none", "'- none"),
        ("-1.5", "-1.5"),
        ("+3e-7", "+3e-7"),
        ("a-b", "a-b"),
        (-1.5, "-1.5"),
    ],
)
def test_no_text_becomes_a_formula_and_numbers_stay(
    text: object, written: str, tmp_path: Path
) -> None:
    write_table(tmp_path / "t", [{"a": text}], ["a"])
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        assert [*csv.reader(stream)] == [["a"], [written]]
    assert json.loads((tmp_path / "t.json").read_text()) == [{"a": text}]


def test_constants_and_identities_do_not_decide(results: Path) -> None:
    def dumped(operators: dict[str, int]) -> dict[str, Any]:
        cell = {"requested": 13, "graph": "g"}
        return {"model": "m", "sweeps": {"x": [cell]}, "graphs": {"g": {"operators": operators}}}

    counts = {"Constant-13": 5, "Identity-14": 2, "Conv-11": 3, "mine.Identity-1": 1}
    record: Any = dumped(counts)
    assert computing_nodes([record]) == {("m", "x", 13): 4}
    own = cell("torchscript", 13, nodes=9) | {"computing_nodes": 2}
    other = cell("dynamo", 18, nodes=3) | {"computing_nodes": 3}
    right = [verdict(c["exporter"], c["requested"], "exact") for c in (own, other)]
    assert advise([own, other], right, Aim("fewest-nodes"))["use_opset"] == 13
    cells = run_tables(results)["cells"].set_index(["exporter", "requested"])
    assert cells.loc[("torchscript", 14), ["nodes", "computing_nodes"]].tolist() == [2, 2]
