"""The pages of a model are made again when anything that they are made from changed, else not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import small_report
from opset_atlas import sources
from opset_atlas.stages.report import kept, rendering
from opset_atlas.stages.report import stage as report

OTHER = "models/broken.html"


class Run:
    """Handwritten results and the report from them; the inodes of pages say which were written."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        self.pages = self.results / "report"
        self.spec: dict[str, Any] = {
            "sweeps": small_report.SWEEPS,
            "order": list(small_report.SWEEPS),
            "descriptions": {"alpha": "one", "broken": ""},
            "versions": {"snakemake": "9.27.1"},
        }

    def report(self) -> None:
        report.main(
            [
                *("--spec", json.dumps(self.spec), "--results", str(self.results)),
                *("--output", str(self.pages), "--cards", str(self.results / "cards")),
                *("--kept", str(self.results / "pages")),
            ]
        )

    def written(self) -> set[str]:
        """The pages about models that are written by a report that is made now."""
        before = self._inodes()
        self.report()
        return {name for name, inode in self._inodes().items() if before.get(name) != inode}

    def _inodes(self) -> dict[str, int]:
        paths = [*self.pages.rglob("*.html"), *(self.results / "cards").glob("*.html")]
        found = {path.relative_to(self.results).as_posix(): path.stat().st_ino for path in paths}
        about_none = ("report/operators/", "report/columns.html")
        return {name: inode for name, inode in found.items() if not name.startswith(about_none)}

    def edit(self, path: str, change: Callable[[Any], object]) -> None:
        file = self.results / path
        value = json.loads(file.read_text(encoding="utf-8"))
        change(value)
        file.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    small_report.build(folder)
    run = Run(folder)
    shutil.rmtree(run.pages)
    run.report()
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    """The finished report in another folder, as if it had been made there."""
    shutil.copytree(finished, tmp_path / "copy")
    made = Run(tmp_path / "copy")
    made.report()
    return made


def of(written: set[str], model: str) -> set[str]:
    return {name for name in written if f"/{model}" in name}


def test_where_nothing_changed_the_first_page_alone_is_written(run: Run) -> None:
    assert run.written() == {"report/index.html"}


def test_what_is_kept_is_what_would_be_made(run: Run, tmp_path: Path) -> None:
    run.edit("tables/cells.json", lambda rows: rows[0].update(nodes=7))
    run.report()
    again = Run(tmp_path / "again")
    shutil.copytree(run.results, again.results)
    for name in ("report", "cards", "pages"):
        shutil.rmtree(again.results / name)
    again.report()
    for name in ("report", "cards"):
        for page in (again.results / name).rglob("*.html"):
            same = run.results / page.relative_to(again.results)
            assert same.read_bytes() == page.read_bytes(), page


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("tables/cells.json", lambda rows: rows[0].update(nodes=7)),
        ("judge/verdicts.json", lambda found: found["cells"][0].update(detail="another")),
        ("define/alpha/record.json", lambda found: found.update(parameters=9)),
        ("export/alpha/dynamo/record.json", lambda found: found["cells"][0].update(message="x")),
        ("compare/alpha/record.json", lambda found: found.update(note="another")),
        ("dump/alpha/record.json", lambda found: found.update(note="another")),
        ("locate/alpha/record.json", lambda found: found["located"][0].update(right_at=14)),
    ],
)
def test_a_record_or_row_of_a_model_makes_its_pages_again(
    run: Run, path: str, change: Callable[[Any], object]
) -> None:
    run.edit(path, change)
    written = run.written()
    assert {"report/models/alpha.html", "cards/alpha.html"} <= of(written, "alpha")
    assert any(name.startswith("report/pairs/alpha/") for name in written)
    assert not of(written, "broken")


def test_a_graph_makes_the_pages_again_that_show_it(run: Run) -> None:
    path = next((run.results / "dump/alpha/graphs").glob("*.json"))
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "report/models/alpha.html" in run.written()
    text = next((run.results / "dump/alpha/graphs").glob("*.txt"))
    text.write_text(text.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "report/models/alpha.html" in run.written()


def test_a_setting_of_a_model_is_not_one_of_another(run: Run) -> None:
    run.spec["descriptions"]["alpha"] = "two"
    written = run.written()
    assert of(written, "alpha") and not of(written, "broken")
    run.spec["versions"] = {"snakemake": "9.28"}
    assert of(run.written(), "broken")


def test_the_code_and_the_templates_count(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = run.results.parent / "templates"
    shutil.copytree(rendering.TEMPLATES, templates)
    monkeypatch.setattr(rendering, "TEMPLATES", templates)
    assert run.written() == {"report/index.html"}
    for name, makes in (
        ("index.html.j2", False),
        ("model.html.j2", True),
        ("pair.html.j2", True),
        ("base.html.j2", True),  # which those extend
        ("macros.html.j2", True),  # which those import
        ("style.css", True),
    ):
        file = templates / name
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        assert bool(of(run.written(), "broken")) == makes, name
    monkeypatch.setattr(sources, "digest", lambda *modules: "another")
    assert of(run.written(), "broken")


def test_an_operator_that_gets_a_page_is_linked(run: Run) -> None:
    first = kept.Kept(run.results / "pages", ["Relu.html"], [])
    second = kept.Kept(run.results / "pages", ["Relu.html", "Resize.html"], [])
    data = report.load({"sweeps": small_report.SWEEPS}, run.results).of("alpha")
    assert first.key(data, "alpha") != second.key(data, "alpha")


def test_a_page_that_is_gone_or_was_changed_is_made_again(run: Run) -> None:
    good = (run.pages / OTHER).read_bytes()
    (run.pages / OTHER).unlink()
    assert of(run.written(), "broken")
    (run.pages / OTHER).write_text("half", encoding="utf-8")
    run.report()
    assert (run.pages / OTHER).read_bytes() == good
    (run.results / "pages/broken.json").write_text("{", encoding="utf-8")
    assert of(run.written(), "broken")


def test_a_template_whose_parts_are_computed_depends_on_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    (tmp_path / "model.html.j2").write_text("{% include part %}")
    (tmp_path / "other.html.j2").write_text("")
    before = rendering.digest_of(["model"])
    (tmp_path / "other.html.j2").write_text("new")
    assert rendering.digest_of(["model"]) != before
