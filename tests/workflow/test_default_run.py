"""The default configuration, run for real: what it finds, and the same through a scheduler."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from builders.project import Project

pytestmark = pytest.mark.workflow

SUBMIT = """#!/bin/sh
# A scheduler in three lines: run the job in the background, print its number.
nohup sh "$1" >/dev/null 2>&1 &
echo $!
"""
ON_A_CLUSTER = ("simple_model", "scatter_add_duplicates", "layer_norm")


@pytest.fixture(scope="module")
def cells(default_run: Project) -> pd.DataFrame:
    return pd.read_csv(default_run.folder / "results/tables/cells.csv")


def test_every_requested_cell_is_a_row(cells: pd.DataFrame) -> None:
    assert len(cells) == 10 * 3 * 12
    assert not cells.duplicated(["model", "exporter", "requested"]).any()


def test_the_model_that_cannot_run_costs_only_itself(cells: pd.DataFrame) -> None:
    broken = cells[cells.model == "simple_model_as_written"]
    assert set(broken.outcome) == {"no-model"}
    assert broken.detail.str.contains("same number of spatial dimensions").all()
    assert (cells.outcome == "no-model").sum() == len(broken)


def test_a_moved_cell_is_read_from_its_file(cells: pd.DataFrame) -> None:
    origin = cells[(cells.model == "simple_model") & (cells.exporter == "dynamo")]
    moved = origin[origin.outcome == "moved"]
    assert list(moved.requested) == [9, 10, 11, 12, 13]
    assert set(moved.delivered) == {18}
    right = origin[origin.outcome == "ok"]
    assert list(right.delivered) == list(right.requested)


def test_the_answer(default_run: Project) -> None:
    changes = pd.read_csv(default_run.folder / "results/tables/changes.csv")
    found = changes[
        (changes.model == "simple_model")
        & (changes.exporter == "torchscript")
        & (changes.parameter == "roi")
    ]
    assert len(found) == 1
    change = found.iloc[0]
    assert (change.from_opset, change.to_opset, change.op_type) == (12, 13, "Resize")
    assert (change.cause, change.from_version, change.to_version) == ("schema", 11, 13)
    assert change.url == "https://onnx.ai/onnx/operators/text_diff_Resize_11_13.html"
    for words in ("Resize-11 requires it", "empty tensor", "Resize-13 made it optional",
                  "from opset 13 it is omitted", "`tf_crop_and_resize`"):  # fmt: skip
        assert words in change.explanation


def test_one_setting_is_recommended_for_all_models(default_run: Project) -> None:
    answer = json.loads((default_run.folder / "results/answer.json").read_text())
    assert answer["setting"] == {"exporter": "dynamo", "opset": 18}
    assert answer["for_all"] == [
        {"exporter": "dynamo", "first": 18, "last": 20},
        {"exporter": "torchscript", "first": 16, "last": 20},
    ]
    models = pd.read_csv(default_run.folder / "results/tables/models.csv")
    used = models[models.outcome == "ok"]
    assert set(zip(used.use_exporter, used.use_opset, strict=True)) == {("dynamo", 18)}


def test_silently_wrong_cells_are_found_and_right_ones_are_not(default_run: Project) -> None:
    surprises = pd.read_csv(default_run.folder / "results/tables/surprises.csv")
    wrong = surprises[(surprises.kind == "silently-wrong") & (surprises.runtime == "onnxruntime")]
    found = wrong.groupby(["model", "exporter"]).requested.agg(list).to_dict()
    assert found == {
        ("scatter_add_duplicates", "torchscript"): [*range(9, 16)],
        ("scatter_add_duplicates", "converter"): [*range(11, 21)],
        ("softmax_inner_axis", "dynamo"): [9, 10, 11, 12],
    }


def test_where_each_wrong_cell_goes_wrong(default_run: Project) -> None:
    """Every cell that is silently wrong or refused by a runtime has a finding, and no other has."""
    tables = default_run.folder / "results/tables"
    surprises, located = (pd.read_csv(tables / f"{name}.csv") for name in ("surprises", "located"))
    cell = ["model", "exporter", "requested", "runtime"]
    wrong = surprises[surprises.kind.isin(["silently-wrong", "above-noise"])]
    refused = located[located.model == "sum_inner_axis"]
    assert set(refused.requested) == {9, 10, 11, 12} and set(refused.exporter) == {"dynamo"}
    assert refused.sentence.str.contains("Unrecognized attribute: noop_with_empty_axes").all()
    found = located[located.model != "sum_inner_axis"]
    assert set(found[cell].itertuples(index=False)) == set(wrong[cell].itertuples(index=False))
    assert set(located.fault) == {"file", "undecided"}
    softmax = located[located.model == "softmax_inner_axis"]
    assert set(softmax.nodes) == {"node_softmax"}
    assert set(softmax.right_at) == {13}
    assert softmax.sentence.str.contains("the input is flattened to 2-D").all()
    scatter = located[(located.exporter == "torchscript") & (located.requested >= 11)]
    assert set(scatter.operators) == {"ScatterElements-11(axis=1), Add-7"}
    right = "torchscript at opset 16 has ScatterElements-16(axis=1, reduction=add)."
    assert scatter.sentence.str.contains(right, regex=False).all()
    converted = located[located.exporter == "converter"]
    assert converted.sentence.str.contains("converted from, torchscript at opset 11,").all()
    # No version of onnx.reference knows Scatter, so there is no second runtime.
    assert set(located[located.fault == "undecided"].requested) == {9, 10}


def test_reproducers_show_it_without_this_project(default_run: Project) -> None:
    located = pd.read_csv(default_run.folder / "results/tables/located.csv")
    folders = [default_run.folder / "results" / path for path in located.reproducer.unique()]
    assert len(folders) == 5 and located.shows.all()
    for folder in folders:
        done = subprocess.run(
            [sys.executable, "-I", folder / "run.py"], cwd="/", capture_output=True, text=True
        )
        if "sum_inner_axis" in str(folder):  # no result: onnxruntime does not load such a file
            assert done.returncode == 1 and "Unrecognized attribute" in done.stdout + done.stderr
        else:
            assert (done.returncode, done.stderr.strip()) == (1, "the result is wrong")
            assert "expected, float32" in done.stdout


def test_every_file_is_where_the_records_say(default_run: Project, cells: pd.DataFrame) -> None:
    for cell in cells.itertuples():
        path = f"{cell.model}/{cell.exporter}/cells/opset_{cell.requested:02d}.onnx"
        assert (default_run.folder / "results/export" / path).exists() == (
            cell.sha256 == cell.sha256
        )


def test_through_a_scheduler_the_same_bytes(
    default_run: Project, new_project: Callable[..., Project]
) -> None:
    """Three of the models; on a cluster every job is a separate process, without a worker."""
    config = yaml.safe_load((default_run.folder / "config/config.yaml").read_text())
    config["models"] = {name: config["models"][name] for name in ON_A_CLUSTER}
    project = new_project("cluster", yaml.safe_dump(config, sort_keys=False))
    submit = project.folder / "submit.sh"
    submit.write_text(SUBMIT)
    submit.chmod(0o755)
    profile = project.folder / "workflow/profiles/cluster-generic"
    project.snakemake(
        "--workflow-profile", str(profile),
        "--cluster-generic-submit-cmd", "./submit.sh",
        "--jobs", "3", "--seconds-between-status-checks", "1", "--latency-wait", "20",
    )  # fmt: skip
    expected, found = (
        {name: files[name] for name in files if {*Path(name).parts[1:2]} & {*ON_A_CLUSTER}}
        for files in (default_run.contents(), project.contents())
    )
    assert len(expected) > 100 and sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_nothing_is_left_to_do(default_run: Project) -> None:
    assert default_run.run() == {}


def test_snakemakes_own_report(default_run: Project) -> None:
    default_run.snakemake("--report", "report.zip")
    with zipfile.ZipFile(default_run.folder / "report.zip") as archive:
        names = archive.namelist()
        menu = archive.read(next(n for n in names if n.endswith("/report.html"))).decode()
    for entry in ('"model": "simple_model"', '"table": "cells"'):
        assert entry in menu
    index = next(name for name in names if name.endswith("/index.html"))
    whole = {name.removeprefix(index.removesuffix("index.html")) for name in names}
    assert {"models/topk.html", "pairs/simple_model/torchscript-12-13.html"} <= whole
    assert {"operators/Resize.html", "tables/cells.csv"} <= whole
    assert "files/simple_model/torchscript/opset_11.onnx" in whole


def test_rulegraph_and_dry_run(default_run: Project) -> None:
    assert "digraph" in default_run.snakemake("--rulegraph", "dot").stdout
    assert "Nothing to be done" in default_run.snakemake("-n").stdout


def test_nothing_names_the_folder_that_it_was_made_in(default_run: Project) -> None:
    """The raw files of the torch.export exporter do; what we write must not."""
    folder = str(default_run.folder).encode()
    ours = ("record.json", ".csv", ".html", ".svg", ".txt", "verdicts.json")
    for path in (default_run.folder / "results").rglob("*"):
        if path.is_file() and path.name.endswith(ours) and "logs" not in path.parts:
            assert folder not in path.read_bytes(), path


def test_paths_of_the_report(default_run: Project) -> None:
    report = default_run.folder / "results/report"
    assert (report / "index.html").is_file()
    models = {path.stem for path in (report / "models").glob("*.html")}
    assert len(models) == 10
    assert Path("simple_model").name in models
