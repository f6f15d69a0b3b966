"""Two runs compared: a run equals itself, and every change in a copy is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from builders.project import Project
from opset_atlas.tools import baseline

pytestmark = pytest.mark.workflow


@pytest.fixture
def results(default_run: Project) -> Path:
    return default_run.folder / "results"


@pytest.fixture
def later(results: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    folder = tmp_path / "later"
    for stage in ("export", "dump", "judge"):
        shutil.copytree(results / stage, folder / stage)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_run_equals_itself(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert baseline.main([str(results), str(results)]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_another_graph_is_explained(
    results: Path, later: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = later / "dump/simple_model/record.json"
    record = json.loads(path.read_text())
    cells = {cell["requested"]: cell for cell in record["sweeps"]["torchscript"]}
    cells[13]["graph"] = cells[12]["graph"]
    path.write_text(json.dumps(record))
    assert baseline.main([str(results), str(later)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "= simple_model × torchscript × 13: graph Resize roi: omitted → an empty"
    )


def test_another_outcome_and_verdict_matter(
    results: Path, later: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        later / "export/hard_swish/torchscript/record.json",
        '"outcome": "ok"',
        '"outcome": "invalid"',
    )
    edit(later / "judge/verdicts.json", '"verdict": "within-noise"', '"verdict": "mismatch"')
    assert baseline.main([str(results), str(later), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert {(row["kind"], row["matters"]) for row in rows} == {("outcome", True), ("verdict", True)}
    assert any("ok → invalid" in row["text"] and row["model"] == "hard_swish" for row in rows)


def test_cells_that_the_later_run_lost_matter_and_those_that_it_gained_do_not(
    results: Path, later: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = later / "export/hard_swish/torchscript/record.json"
    record = json.loads(path.read_text())
    record["cells"] = [cell for cell in record["cells"] if cell["requested"] not in (9, 12)]
    path.write_text(json.dumps(record))
    assert baseline.main([str(results), str(later)]) == 1
    said = capsys.readouterr().out
    assert said == "≠ hard_swish × torchscript × 9, 12: cells only in the earlier run\n"
    assert baseline.main([str(later), str(results)]) == 0
    assert "= hard_swish × torchscript × 9, 12: cells only in the later run" in (
        capsys.readouterr().out
    )


def test_a_runtime_that_the_later_run_lacks_matters(
    results: Path, later: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or a model: its export record may still be there, from before it was taken out."""
    path = later / "judge/verdicts.json"
    record = json.loads(path.read_text())
    record["cells"] = [
        cell
        for cell in record["cells"]
        if (cell["model"], cell["runtime"]) != ("simple_model", "onnxruntime")
    ]
    path.write_text(json.dumps(record))
    assert baseline.main([str(results), str(later)]) == 1
    said = capsys.readouterr().out
    assert "simple_model × dynamo × 9–20: verdict onnxruntime: within-noise → none" in said
    assert baseline.main([str(later), str(results)]) == 0


def test_a_folder_without_a_run_is_an_error(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert baseline.main([str(results), str(tmp_path)]) == 2
    assert "no records of the export stage" in capsys.readouterr().err


def test_a_cell_that_became_better_does_not_matter(
    results: Path, later: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        later / "export/hard_swish/torchscript/record.json",
        '"outcome": "ok"',
        '"outcome": "refused"',
    )
    assert baseline.main([str(later), str(results)]) == 0
    assert "hard_swish × torchscript × 9: outcome refused → ok" in capsys.readouterr().out
    assert baseline.main([str(results), str(later)]) == 1


def test_another_delivered_opset_is_named(
    results: Path, later: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = later / "export/simple_model/dynamo/record.json"
    record = json.loads(path.read_text())
    moved = next(cell for cell in record["cells"] if cell["outcome"] == "moved")
    moved["delivered"] += 1
    path.write_text(json.dumps(record))
    assert baseline.main([str(results), str(later)]) == 1
    assert "outcome delivered opset 18 → 19" in capsys.readouterr().out
