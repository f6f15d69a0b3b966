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
import base64
import functools
import hashlib
import math
import re
from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from opset_atlas.base.files import json_argument, write_text
from opset_atlas.execution.forks import shared
from opset_atlas.findings.advice import as_ranges
from opset_atlas.graph.spelling import visible
from opset_atlas.stages.report import audit, changes, operators
from opset_atlas.stages.report import canvas as report_canvas
from opset_atlas.stages.report import files as report_files
from opset_atlas.stages.report import index as report_index
from opset_atlas.stages.report import model as report_model
from opset_atlas.stages.report.data import Data, load
from opset_atlas.stages.report.drawing.layout import Planner

TEMPLATES = Path(__file__).parent / "templates"
MOST_TEXT = 2000  # characters of a text on a page; the tables hold all of it
MODELS_AT_ONCE = 40  # models whose graphs are laid out by one process
_BREAKS = re.compile(r"[\t\r\n]+")
_SCRIPTS = {"index": ("script.js", "scene.js"), "pair": ("scene.js",), "model": ("scene.js",)}


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
    parser.add_argument("--processes", type=int, default=1, help="that write pages")
    options = parser.parse_args(arguments)
    data = load(options.spec, options.results)
    build(data, options.output, options.cards, options.processes)


def build(data: Data, folder: Path, cards: Path | None = None, processes: int = 1) -> None:
    """Write every page below `folder`, the index last, so that its links never dangle.

    The models' pages are written to `cards` too, without links to other pages, because Snakemake's
    report shows them one by one.
    """
    writer = _Writer(data, folder, cards)
    report_files.carry(data, folder)
    (folder / "operators").mkdir(parents=True, exist_ok=True)  # a run may have none
    written = set(map(writer.operator, writer.catalog.entries))
    written = written.union(*shared(writer.models, _parts(data.models, processes), processes))
    if data.spec["audit"]:
        page = audit.page(data.spec, data.audits())
        written.add(writer.write("audit", page, "audit.html"))
    else:
        (folder / "audit.html").unlink(missing_ok=True)
    index = report_index.page(data, writer.catalog, writer.planner)
    written.add(writer.write("index", index, "index.html"))
    _remove_others(folder, written)
    for path in cards.glob("*.html") if cards else ():
        if path.stem not in data.models:
            path.unlink()


def _parts(models: Sequence[str], processes: int) -> list[Sequence[str]]:
    """The models in parts of about equal size, equally many for each process."""
    rounds = math.ceil(len(models) / (processes * MODELS_AT_ONCE))
    size = math.ceil(len(models) / (processes * rounds)) if models else 1
    return [models[start : start + size] for start in range(0, len(models), size)]


class _Writer:
    """Writes the pages of a run below one folder, and cards below another."""

    def __init__(self, data: Data, folder: Path, cards: Path | None) -> None:
        self.data, self.folder, self.cards = data, folder, cards
        self.pages, self.planner = environment(), Planner()
        for name in ("pair", "model"):  # compiled once here, not in each process
            self.pages.get_template(f"{name}.html.j2")
        self.catalog = operators.Catalog(data)

    def operator(self, entry: operators.Operator) -> Path:
        """The page of an operator."""
        page = operators.page(self.data, entry)
        return self.write("operator", page, f"operators/{entry.file}")

    def models(self, models: Sequence[str]) -> list[Path]:
        """The pages of models and of their pairs."""
        data, planner, written = self.data, self.planner, []
        canvases = [
            report_canvas.Canvas(p) for model in models for p in report_canvas.pairs(data, model)
        ]
        views = [report_model.View(data, model) for model in models]
        planner.prepare(
            [each.folded.scene for each in canvases] + [s for view in views for s in view.scenes]
        )
        for canvas in canvases:
            page = canvas.context(planner) | {"spec": data.spec, "opsets": []}
            written.append(self.write("pair", page, canvas.pair.place))
        for view in views:
            page = view.page(planner)
            written.append(self.write("model", page, f"models/{view.model}.html"))
            if self.cards:
                text = render(self.pages, "model", page, alone=True)
                write_text(self.cards / f"{view.model}.html", text)
        planner.forget()
        return written

    def write(self, template: str, page: dict[str, Any], place: str) -> Path:
        """Write a page; `operators_at` is the path from it to the operator pages."""
        operators_at = "../" * place.count("/") + "operators/"
        page |= {"operators": self.catalog, "operators_at": operators_at}
        write_text(self.folder / place, render(self.pages, template, page))
        return self.folder / place


def render(pages: Environment, template: str, page: dict[str, Any], alone: bool = False) -> str:
    """A page with its style and, if it has one, its script inline.

    A page that is `alone` does not link to other files; it still cites the ONNX documentation.
    """
    inlined = _inline(page, _SCRIPTS.get(template, ()))
    return pages.get_template(f"{template}.html.j2").render(page, **inlined, alone=alone)


def _remove_others(folder: Path, written: Set[Path]) -> None:
    """Remove pages of an earlier run that do not belong to this one."""
    for part in ("models", "operators", "pairs"):
        for path in [*(folder / part).rglob("*.html")]:
            if path not in written:
                path.unlink()
                if path.parent != folder / part and not any(path.parent.iterdir()):
                    path.parent.rmdir()


def environment() -> Environment:
    """Jinja2 in strict mode, with the filters of the templates."""
    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "bytes": _bytes,
        "carried": report_files.carried,
        "cited": changes.cited,
        "fold": _fold,
        "href": _href,
        "measured": _measured,
        "number": _number,
        "lines": _lines,
        "plural": _plural,
        "contrast_page": report_canvas.contrast_place,
        "spans": as_ranges,
        "step_page": report_canvas.step_place,
        "ticks": _ticks,
        "web": _web,
        "whole": _whole,
    }
    pages.filters.update(filters)
    pages.globals["alone"] = False  # see `render`
    return pages


def _inline(page: dict[str, Any], scripts: Iterable[str]) -> dict[str, str]:
    """Style and script of a page, with the hashes by which its policy allows them."""
    style = _source("style.css") + f":root {{ --opsets: {len(page['opsets'])}; }}\n"
    script = Markup("").join(map(_source, scripts))
    return {
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script) if script else "",
    }


def _finalize(value: Any) -> Any:
    """Applied to every value in a page. Markup was made from escaped parts, by us or Jinja2."""
    if value is None:
        return "–"
    if isinstance(value, str) and not isinstance(value, Markup):
        return _shown(value)
    return value


def _shown(text: str) -> str:
    """A text as one line, without invisible characters."""
    return visible(_BREAKS.sub(" ", text[: 4 * MOST_TEXT]), MOST_TEXT)


@functools.cache
def _source(name: str) -> Markup:
    """One of our own files, trusted, for embedding in the page."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _hash(source: str) -> str:
    """The hash of an inline element as written in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _bytes(size: int | None) -> str:
    if size is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:.3g} GB"


def _number(value: float | None) -> str:
    """Two digits, as a person would write them."""
    if value is None:
        return "–"
    if value == 0 or isinstance(value, int):
        # Markup, since a narrow space would be shown as a code; digits need no escaping.
        return Markup(f"{value:,}".replace(",", "\u202f")) if value else "0"
    if 0.01 <= abs(value) < 1000:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _measured(value: float, unit: str) -> str:
    """A measure in the matrix: bytes, seconds or a count."""
    if unit == "s":
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    return _bytes(int(value)) if unit == "B" else _number(value)


def _plural(count: int, noun: str, several: str = "") -> str:
    return Markup("{} {}").format(_number(count), noun if count == 1 else several or noun + "s")


def _lines(text: str) -> Markup:
    """A text of several lines, each of them made visible."""
    lines = [visible(line, 500) for line in text.splitlines()[:400]]
    return Markup("\n").join(escape(line) for line in lines)


def _ticks(text: str) -> Markup:
    """Prose with names between backticks."""
    parts = _shown(text).split("`")
    if len(parts) % 2 == 0:  # an unpaired one is not a quotation mark
        return escape("`".join(parts))
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def _href(path: str) -> str:
    """A relative path as an address."""
    return quote(path, safe="/.")


def _web(url: str | None) -> str:
    """The address, if a reader's browser may be sent there, else ""."""
    return url if url and url.startswith("https://") else ""


def _whole(text: str) -> Markup:
    """A text from ONNX, not shortened, since no model controls its length."""
    return escape(visible(_BREAKS.sub(" ", text), 6 * len(text)))


def _fold(text: str) -> Markup:
    """A long text, folded behind its first words."""
    shown = _shown(text)
    if len(shown) <= 160:
        return escape(shown)
    template = Markup('<details class="fold"><summary>{}…</summary>{}</details>')
    return template.format(shown[:140], shown)


if __name__ == "__main__":
    main()
