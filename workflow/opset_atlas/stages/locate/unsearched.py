"""Models in which no file is wrong: other tolerances cost them a judging, not a job.

A model's record depends on the tolerances only where a verdict needs a search. Where none did, and
none does under the tolerances of now, the stage would write the same empty record again. Without
this, another tolerance runs a job for each model of a run.

Beside the record, a job notes the tolerances that it judged with, and whether it searched
(`record.tolerances`). What was found here for other tolerances is noted too (`record.unsearched`),
under a digest of all that it depends on: the measures, the exports' records, the specification, the
tolerances and the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opset_atlas import sources
from opset_atlas.base.files import canonical_json, digest, file_sha256, write_json, write_text
from opset_atlas.stages.locate.judged_cells import Job, judged_cells


def of_run(run: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The tolerances of a model in the settings of a run (`results/run.json`).

    Those of a model that differs from the others are complete.
    """
    tolerances: dict[str, Any] = run["models"].get(model, run["tolerances"])
    return tolerances


def note(record: Path, tolerances: Mapping[str, Any], searched: bool) -> None:
    """Note what a job judged with, and whether its record has anything to say."""
    found = {"tolerances": tolerances, "searched": searched}
    write_json(record.with_suffix(".tolerances"), found)


def matter(record: Path, job: Job) -> bool:
    """Whether the tolerances of `job` may give another record than the one that is there.

    False without a record: its job runs anyway.
    """
    if not record.is_file():
        return False
    try:
        made = json.loads(record.with_suffix(".tolerances").read_text(encoding="utf-8"))
        if canonical_json(made["tolerances"]) == canonical_json(job.spec["tolerances"]):
            return False
        return bool(made["searched"]) or not _is_right(record.with_suffix(".unsearched"), job)
    except Exception:  # a damaged file, or cells that cannot be judged: the stage will say so
        return True


def _is_right(known: Path, job: Job) -> bool:
    """Whether no verdict needs a search; what was found is kept in the file `known`."""
    of = [job.parity / f"{name}.json" for name in job.spec["runtimes"]]
    of += [job.export / name / "record.json" for name in job.spec["exporters"]]
    code = sources.digest("stages.locate.unsearched")
    key = digest([job.spec, code, [file_sha256(path) for path in of]])
    if known.is_file() and known.read_text(encoding="utf-8") == key:
        return True
    if any(each.wrong() and each.cell["file"] for each in judged_cells(job)):
        return False
    write_text(known, key)
    return True
