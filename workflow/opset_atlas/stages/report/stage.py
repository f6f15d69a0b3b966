"""The last stage: write the findings as pages.

reads   results/tables, results/judge and the records of define, export, dump and compare
writes  report/: index.html, self-contained; models/MODEL.html; pairs/MODEL/*.html with both
        graphs of each step; operators/OPERATOR.html; and tables/ and files/, copies of what the
        pages link to, so that the folder is complete when sent to somebody

Nothing in a page depends on the clock or the machine except elements of class `time`. Every text
from a model, an exporter or a runtime is escaped, shortened, and stripped of control characters
before it enters a page; the pages allow no scripts or requests other than their own.
"""

from __future__ import annotations

import argparse
import gc
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from opset_atlas.base.failures import apart
from opset_atlas.base.files import json_argument, write_json, write_text
from opset_atlas.execution.forks import shared
from opset_atlas.records import Failure
from opset_atlas.stages.report import audit, operators, overview
from opset_atlas.stages.report import canvas as report_canvas
from opset_atlas.stages.report import files as report_files
from opset_atlas.stages.report import index as report_index
from opset_atlas.stages.report import model as report_model
from opset_atlas.stages.report.data import Data, load
from opset_atlas.stages.report.kept import Kept
from opset_atlas.stages.report.matrix import columns
from opset_atlas.stages.report.rendering import ASSETS, environment, render, shared_assets

MODELS_AT_ONCE = 40  # models that a process takes at a time

# Of garbage collection. Graphs are many small objects without cycles: with the default thresholds a
# third of the time goes into looking for some.
THRESHOLDS = (100_000, 50, 1000)


def main(arguments: list[str] | None = None) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(
        prog="python -m opset_atlas report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=json_argument, required=True, help="the run: JSON or @FILE")
    parser.add_argument("--results", type=Path, required=True, help="folder of the stages' folders")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    parser.add_argument("--cards", type=Path, help="folder for a self-contained page per model")
    parser.add_argument("--kept", type=Path, help="folder of notes on pages that are up to date")
    parser.add_argument("--processes", type=int, default=1, help="that write pages")
    options = parser.parse_args(arguments)
    gc.set_threshold(*THRESHOLDS)
    data = load(options.spec, options.results)
    build(data, options.output, options.cards, options.processes, options.kept)


def build(
    data: Data,
    folder: Path,
    cards: Path | None = None,
    processes: int = 1,
    kept: Path | None = None,
) -> None:
    """Write every page below `folder`, the index last, so that its links never dangle.

    The models' pages are written to `cards` too, without links to other pages, because Snakemake's
    report shows them one by one. Notes in the folder `kept` say which need not be made again.
    """
    (folder / "operators").mkdir(parents=True, exist_ok=True)  # a run may have none
    writer = _Writer(data, folder, cards)
    writer.whole(writer.carry)
    writer.whole(writer.operators)
    writer.kept = Kept(kept, writer.catalog.files, [folder, *([cards] if cards else [])])
    for written, failed in shared(writer.sound, _parts(writer.left, processes), processes):
        writer.keep(written, failed)
    if data.spec["audit"]:
        writer.whole(writer.audit)
    else:
        (folder / "audit.html").unlink(missing_ok=True)
    writer.whole(writer.dictionary)
    writer.whole(writer.index)
    if writer.lost():  # the index names them too
        writer.whole(writer.index)
    write_json(folder / "failures.json", writer.failures())
    write_json(folder / "pictures.json", {"pairs": writer.pairs, "drawn_by": "opset_atlas.drawing"})
    _remove_others(folder, writer.written)
    writer.kept.forget_others(data.models)
    for path in cards.glob("*.html") if cards else ():
        if path.stem not in data.models:
            path.unlink()


def _parts(models: Sequence[str], processes: int) -> list[Sequence[str]]:
    """The models in parts of about equal size, equally many for each process."""
    rounds = math.ceil(len(models) / (processes * MODELS_AT_ONCE))
    size = math.ceil(len(models) / (processes * rounds)) if models else 1
    return [models[start : start + size] for start in range(0, len(models), size)]


class _Writer:
    """Writes the pages of a run below one folder, and cards below another.

    A model over which this program fails is left out of all pages but its own, which says so.
    """

    def __init__(self, data: Data, folder: Path, cards: Path | None) -> None:
        self.data, self.folder, self.cards = data, folder, cards
        self.pages = environment()
        for name in ("pair", "model"):  # compiled once here, not in each process
            self.pages.get_template(f"{name}.html.j2")
        self.catalog = operators.Catalog(data.only([]))
        self.kept = Kept(None, [], [])
        self.written: set[Path] = set()
        self.failed: dict[str, Failure] = {}

    @property
    def left(self) -> list[str]:
        """The models over which nothing failed so far."""
        return [model for model in self.data.models if model not in self.failed]

    def whole(self, write: Callable[[Data], Sequence[Path]]) -> None:
        """Write pages that are about all models."""
        self.keep(*apart(self.left, lambda models: write(self.data.only(models))))

    def sound(self, models: Sequence[str]) -> tuple[Sequence[Path], dict[str, Failure]]:
        """The pages of those models over which this program does not fail."""
        return apart(models, self.models)

    def keep(self, written: Iterable[Path], failed: Mapping[str, Failure]) -> None:
        """Note what was written, and which models failed."""
        self.written.update(written)
        self.failed |= failed

    def failures(self) -> list[dict[str, Any]]:
        """The failures of this stage, as rows of the table of failures."""
        return [{"model": model, "stage": "report", **self.failed[model]} for model in self.failed]

    @property
    def pairs(self) -> int:
        """The number of pairs of graphs that were drawn."""
        return sum(path.parents[1] == self.folder / "pairs" for path in self.written)

    def lost(self) -> Sequence[Path]:
        """The pages that stand in for those of models that failed."""
        written = []
        for row in self.failures():
            page = {"spec": self.data.spec, "opsets": [], "model": row["model"], "failures": [row]}
            place = f"models/{row['model']}.html"
            written.append(self.write("lost", page, place))
            if self.cards:
                text = render(self.pages, "lost", page, alone=True)
                write_text(self.cards / f"{row['model']}.html", text)
        self.written.update(written)
        return written

    def carry(self, data: Data) -> Sequence[Path]:
        """Copy the files that the pages link to, and write those that they load."""
        report_files.carry(data, self.folder)
        for name, text in shared_assets().items():
            write_text(self.folder / ASSETS / name, text)
        return []

    def operators(self, data: Data) -> Sequence[Path]:
        """The pages of the operators."""
        self.catalog = operators.Catalog(data)
        opsets, wrong = columns(data), overview.faults(data.tables["located"])
        written = []
        for entry in self.catalog.entries:
            found = overview.about(entry, opsets, wrong.get((entry.domain, entry.op), []))
            page = operators.page(data, entry) | found
            written.append(self.write("operator", page, f"operators/{entry.file}"))
        return written

    def audit(self, data: Data) -> Sequence[Path]:
        """The page of the audit of the version converter."""
        return [self.write("audit", audit.page(data.spec, data.audits()), "audit.html")]

    def dictionary(self, data: Data) -> Sequence[Path]:
        """The page that says what each column of each table means."""
        page = {"spec": data.spec, "opsets": [], "dictionary": report_files.dictionary(data)}
        return [self.write("columns", page, "columns.html")]

    def index(self, data: Data) -> Sequence[Path]:
        """The first page. Written last, so that its links never dangle."""
        page = report_index.page(data, self.catalog)
        page["failures"] = [*self.data.tables["failures"], *self.failures()]
        return [self.write("index", page, "index.html")]

    def models(self, models: Sequence[str]) -> list[Path]:
        """The pages of models and of their pairs; those that are up to date are not made again."""
        written: list[Path] = []
        for model in models:
            data = self.data.of(model)
            key = self.kept.key(data, model)
            pages = self.kept.pages(model, key)
            if pages is None:
                pages = self._model(data, model)
                self.kept.note(model, key, pages)
            written += pages
        return written

    def _model(self, data: Data, model: str) -> list[Path]:
        written = []
        for pair in report_canvas.pairs(data, model):
            page = report_canvas.Canvas(pair).context() | {"spec": data.spec, "opsets": []}
            written.append(self.write("pair", page, pair.place))
        page = report_model.page(data, model)
        written.append(self.write("model", page, f"models/{model}.html"))
        if self.cards:
            card = self.cards / f"{model}.html"
            write_text(card, render(self.pages, "model", page, alone=True))
            written.append(card)
        return written

    def write(self, template: str, page: dict[str, Any], place: str) -> Path:
        """Write a page; `operators_at` is the path from it to the operator pages.

        A page in the folder itself can be sent alone, so it has its style and script inside.
        """
        up = "../" * place.count("/")
        page |= {"operators": self.catalog, "operators_at": f"{up}operators/"}
        text = render(self.pages, template, page, assets=up and f"{up}{ASSETS}/")
        write_text(self.folder / place, text)
        return self.folder / place


def _remove_others(folder: Path, written: Set[Path]) -> None:
    """Remove pages of an earlier run that do not belong to this one."""
    for part in ("models", "operators", "pairs"):
        for path in [*(folder / part).rglob("*.html")]:
            if path not in written:
                path.unlink()
                if path.parent != folder / part and not any(path.parent.iterdir()):
                    path.parent.rmdir()


if __name__ == "__main__":
    main()
