"""Other tolerances locate again only where they can give another record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.locate_files import SPEC, freeze_file, job
from onnx.parser import parse_model
from opset_atlas import sources
from opset_atlas.stages.locate import judged_cells, unsearched
from opset_atlas.stages.locate import stage as locate

CHAIN = """<ir_version: 8, opset_import: ["" : 17]>
chain (float[2, 3] x) => (float[2, 3] y) { y = LeakyRelu <alpha = 0.7> (x) }"""
WRONG = CHAIN.replace("0.7", "0.2")
TIGHT = {"noise_factor": 2.0}
LOOSE = {"close": {"float32": {"rtol": 10.0, "atol": 10.0}}, "noise_factor": 1e9}


def located(root: Path, text: str, **spec: Any) -> tuple[Path, judged_cells.Job]:
    """The record of a model with one file, made as a job makes it, and that job."""
    define = freeze_file(root / "define", parse_model(CHAIN))
    made = job(root, define, {17: parse_model(text)}, **spec)
    run = {"tolerances": made.spec["tolerances"], "models": {}}
    locate.main(
        [
            *("--spec", json.dumps({**made.spec, "tolerances": {}}), "--run", json.dumps(run)),
            *("--define", str(made.define), "--export", str(made.export)),
            *("--parity", str(made.parity), "--output", str(root / "locate")),
        ]
    )
    return root / "locate/record.json", made


def under(made: judged_cells.Job, tolerances: Mapping[str, Any]) -> judged_cells.Job:
    return replace(made, spec={**made.spec, "tolerances": tolerances})


def test_where_nothing_is_wrong_other_tolerances_do_not_matter(tmp_path: Path) -> None:
    record, made = located(tmp_path, CHAIN)
    assert not unsearched.matter(record, made)
    assert not unsearched.matter(record, under(made, TIGHT))


def test_what_becomes_wrong_is_located(tmp_path: Path) -> None:
    record, made = located(tmp_path, WRONG, tolerances=LOOSE)
    assert json.loads(record.read_text())["located"] == []
    assert not unsearched.matter(record, made)
    assert unsearched.matter(record, under(made, {}))


def test_what_was_wrong_is_judged_again_whatever_the_tolerances(tmp_path: Path) -> None:
    record, made = located(tmp_path, WRONG)
    assert json.loads(record.read_text())["located"]
    assert not unsearched.matter(record, made)
    assert unsearched.matter(record, under(made, LOOSE))


@pytest.mark.parametrize("change", ["measures", "export", "tolerances", "code", "specification"])
def test_what_was_found_counts_for_the_same_measures_tolerances_and_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    record, made = located(tmp_path, CHAIN)
    other = under(made, TIGHT)
    assert not unsearched.matter(record, other)
    judged: list[judged_cells.Job] = []

    def judge(of: judged_cells.Job) -> list[Any]:
        judged.append(of)
        return []

    monkeypatch.setattr(unsearched, "judged_cells", judge)
    assert not unsearched.matter(record, other)
    assert not judged  # what was found is used
    if change in ("measures", "export"):
        paths = {"measures": "parity/onnxruntime.json", "export": "export/hand/record.json"}
        path = tmp_path / paths[change]
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    elif change == "tolerances":
        other = under(made, {"noise_factor": 3.0})
    elif change == "code":
        monkeypatch.setattr(sources, "digest", lambda *modules: "another")
    else:
        other = replace(other, spec={**other.spec, "versions": {"numpy": "0"}})
    unsearched.matter(record, other)
    assert judged == [other]


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_without_a_sound_note_the_job_runs(tmp_path: Path, text: str | None) -> None:
    record, made = located(tmp_path, CHAIN)
    note = record.with_suffix(".tolerances")
    note.unlink() if text is None else note.write_text(text, encoding="utf-8")
    assert unsearched.matter(record, made)


def test_without_a_record_its_job_runs_anyway(tmp_path: Path) -> None:
    assert not unsearched.matter(
        tmp_path / "record.json", judged_cells.Job(SPEC, tmp_path, tmp_path, tmp_path)
    )


def test_a_model_has_its_own_tolerances_or_those_of_all() -> None:
    run = {"tolerances": {"noise_factor": 10}, "models": {"a": {"noise_factor": 5}}}
    assert unsearched.of_run(run, "a") == {"noise_factor": 5}
    assert unsearched.of_run(run, "b") == {"noise_factor": 10}
