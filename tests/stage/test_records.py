"""The records' schemas are those of the types, and what a real run writes validates."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders.project import Project
from opset_atlas.base.files import canonical_json, digest, read_json, write_json, write_text

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "workflow/opset_atlas/schemas/records"
# Which files of a run each schema describes.
FILES = {
    "define": "define/*/record.json",
    "export": "export/*/*/record.json",
    "dump": "dump/*/record.json",
    "graph": "dump/*/graphs/*.json",
    "parity": "parity/*/*.json",
    "judge": "judge/verdicts.json",
    "locate": "locate/*/record.json",
    "compare": "compare/*/record.json",
    "run": "run.json",
    "answer": "answer.json",
}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def records(project: Project, name: str) -> list[Path]:
    found = sorted((project.folder / "results").glob(FILES[name]))
    return [path for path in found if not path.name.endswith("timing.json")]


def validator(name: str) -> Any:
    """Strict: a key that the type does not have is a mistake too."""
    strict = schema(name)
    for part in (strict, *strict.get("$defs", {}).values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return jsonschema.Draft202012Validator(strict)


def test_the_schemas_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/make_schemas.py", "--check"],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "up to date\n"), done.stdout + done.stderr


@pytest.mark.parametrize("name", FILES)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    # No part of a default run: tests/stage/test_audit.py, and what `--json` of a command prints.
    known = {*FILES, "audit", "check", "diff"}
    assert {path.name for path in SCHEMAS.iterdir()} == {f"{n}.schema.json" for n in known}


@pytest.mark.workflow
@pytest.mark.parametrize("name", FILES)
def test_records_of_a_real_run_validate(default_run: Project, name: str) -> None:
    paths = records(default_run, name)
    assert paths
    check = validator(name)
    for path in paths:
        errors = [f"{e.json_path}: {e.message[:200]}" for e in check.iter_errors(read_json(path))]
        assert not errors, (path, errors[:3])


@pytest.mark.workflow
@pytest.mark.parametrize("name", FILES)
def test_a_spoilt_record_does_not(default_run: Project, name: str) -> None:
    """The control: the schemas notice what is missing, of another type, or unknown."""
    record = read_json(records(default_run, name)[0])
    check = validator(name)
    assert check.is_valid(record)
    for key in record:
        without, other = copy.deepcopy(record), copy.deepcopy(record)
        del without[key]
        other[key] = {"unexpected": [1]}
        assert not check.is_valid(without), key
        assert not check.is_valid(other), key
    assert not check.is_valid({**record, "unknown": 1})


@pytest.mark.workflow
def test_every_json_file_of_a_real_run_is_described(default_run: Project) -> None:
    results = default_run.folder / "results"
    described = {path for pattern in FILES.values() for path in results.glob(pattern)}
    apart = ("tables", "report", "logs")
    for path in results.rglob("*.json"):
        timing = path.name.endswith("timing.json")
        # limits.json is a part of the configuration, as it is; pages/ has times of this machine.
        kept = path.relative_to(results).parts[0] in {*apart, "limits.json", "pages"}
        assert timing or kept or path in described or path.name.startswith("."), path


def test_reading_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"version": 1, "stage": "dump"})
    assert read_json(path, "dump")["stage"] == "dump"
    with pytest.raises(ValueError, match="expected a record of stage 'export', version 1"):
        read_json(path, "export")
    write_json(path, {"version": 2, "stage": "dump"})
    with pytest.raises(ValueError, match="found 'dump', version 2"):
        read_json(path, "dump")


def test_writing_replaces_or_leaves_everything(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "record.json"
    write_json(path, {"b": "ü", "a": [1]})
    before = path.read_bytes()
    assert before == '{\n "b": "ü",\n "a": [\n  1\n ]\n}\n'.encode()
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \udcff")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_digests_depend_on_content_alone() -> None:
    assert digest({"a": 1, "b": [2, "é"]}) == digest({"b": [2, "é"], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5}) != digest({"a": "1"})
    assert canonical_json({"b": 1, "a": "é"}) == '{"a": "é", "b": 1}'
