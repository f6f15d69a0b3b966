"""A defect of ours leaves a record and the run continues; a full disk is not a result."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from opset_atlas.base import failures
from opset_atlas.base.files import read_json
from opset_atlas.records import Failure
from opset_atlas.tools import conclude


def test_what_raises_leaves_what_stands_in_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    left: list[Failure] = []
    failures.guard(lambda: {}["missing"], left.append)
    assert [failure["detail"] for failure in left] == ["KeyError: 'missing'"]
    assert "Traceback" in left[0]["traceback"]
    assert "opset-atlas itself failed: KeyError" in capsys.readouterr().err


def test_what_does_not_raise_leaves_nothing_else() -> None:
    left: list[Failure] = []
    failures.guard(lambda: None, left.append)
    assert left == []


def test_models_that_fail_alone_are_left_out_of_work_on_all() -> None:
    def work(models: Sequence[str]) -> list[str]:
        if "bad" in models:
            raise KeyError("bad")
        return list(models)

    made, failed = failures.apart(["a", "bad", "b"], work)
    assert made == ["a", "b"]
    assert {name: each["detail"] for name, each in failed.items()} == {"bad": "KeyError: 'bad'"}
    assert failures.apart(["a", "b"], work) == (["a", "b"], {})


def test_what_fails_for_no_model_alone_is_raised() -> None:
    def work(models: Sequence[str]) -> None:
        if len(models) > 1:
            raise KeyError("together")

    with pytest.raises(KeyError, match="together"):
        failures.apart(["a", "b"], work)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_machine_that_cannot_write_fails_the_job(number: int) -> None:
    def write() -> None:
        raise OSError(number, "cannot write")

    with pytest.raises(OSError, match="cannot write"):
        failures.guard(write, lambda failure: None)


def test_a_stand_in_that_fails_too_fails_the_job() -> None:
    with pytest.raises(ZeroDivisionError):
        failures.guard(lambda: {}["missing"], lambda failure: 1 / 0)


def test_ours_is_what_a_line_of_this_package_raises(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(ValueError, match="expected a record") as ours:
        read_json(tmp_path / "record.json", "dump")
    with pytest.raises(ValueError, match="Expecting") as of_the_library:
        json.loads("{")
    assert failures.is_ours(ours.value)
    assert not failures.is_ours(of_the_library.value)


def test_the_end_of_a_run_lists_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"stage": "export", "model": "m", "what": "dynamo × opset 13", "detail": "KeyError: 'x'"}
    parity = {"stage": "parity", "model": "n", "what": "reference", "detail": "ValueError"}
    page = {"stage": "report", "model": "o", "what": "", "detail": "IndexError"}
    for stage, rows in {"tables": [row, parity], "report": [page]}.items():
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "failures.json").write_text(json.dumps(rows))
    assert conclude.main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "opset-atlas itself failed in export of m × dynamo × opset 13: KeyError: 'x'" in said
    assert f"{tmp_path}/export/m/dynamo/record.json" in said
    assert f"{tmp_path}/parity/n/reference.json" in said
    assert "itself failed in report of o: IndexError" in said
    for stage in ("tables", "report"):
        (tmp_path / stage / "failures.json").write_text("[]")
    assert conclude.main([str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
