"""From a page's data to HTML: the templates, their filters, style and script.

Every text from a model, an exporter or a runtime is escaped, shortened, and stripped of control
characters before it enters a page.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from opset_atlas.base.files import digest, file_sha256
from opset_atlas.findings.preference import as_ranges
from opset_atlas.graph.spelling import visible
from opset_atlas.stages.report import canvas, changes

TEMPLATES = Path(__file__).parent / "templates"
MOST_TEXT = 2000  # characters of a text on a page; the tables hold all of it
_QUOTED = re.compile(r'(?<==)"([\w.#()-]+)"(?=[ >])')
_TAG = re.compile(r"{%-?\s*(?:extends|include|import|from)\b")
_NAMED = re.compile(r"""{%-?\s*(?:extends|include|import|from)\s+["']([^"']+)["']""")
_BREAKS = re.compile(r"[\t\r\n]+")
ASSETS = "assets"  # the folder of the style and the scripts that pages of a report share
_SCRIPTS = {
    "index": ("upto.js", "script.js", "scene.js", "clipboard.js", "copy.js", "take.js"),
    "pair": ("scene.js", "clipboard.js", "take.js"),
    "model": ("scene.js", "clipboard.js", "copy.js", "take.js"),
    "operator": ("clipboard.js", "take.js"),
    "audit": ("clipboard.js", "take.js"),
    "columns": ("clipboard.js", "take.js"),
}
_STYLES = ("style.css", "cards.css", "landing.css")


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
        "cited": changes.cited,
        "digits": _digits,
        "fold": _fold,
        "href": _href,
        "measured": _measured,
        "number": _number,
        "lines": _lines,
        "plural": _plural,
        "contrast_page": canvas.contrast_place,
        "spans": as_ranges,
        "step_page": canvas.step_place,
        "ticks": _ticks,
        "unquoted": _unquoted,
        "verbatim": _verbatim,
        "web": _web,
        "whole": _whole,
    }
    pages.filters.update(filters)
    pages.globals["alone"] = False  # see `render`
    return pages


def render(
    pages: Environment, template: str, page: dict[str, Any], alone: bool = False, assets: str = ""
) -> str:
    """A page with its style and, if it has one, its script.

    Args:
        alone: the page does not link to other files; it still cites the ONNX documentation.
        assets: path from the page to the folder with style and scripts; "" puts them into the page.
    """
    frame = _frame(page, _SCRIPTS.get(template, ()), assets)
    return pages.get_template(f"{template}.html.j2").render(page, **frame, alone=alone)


def digest_of(names: Iterable[str]) -> str:
    """A digest of these templates, those that they include, and all styles and scripts."""
    files = {path for path in TEMPLATES.iterdir() if path.is_file() and path.suffix != ".j2"}
    waiting = [TEMPLATES / f"{name}.html.j2" for name in names]
    while waiting:
        path = waiting.pop()
        if path not in files:
            files.add(path)
            waiting += _included(path)
    return digest([[path.name, file_sha256(path)] for path in sorted(files)])


def _included(template: Path) -> Iterable[Path]:
    """The templates that one extends, includes or imports; all if it computes their names."""
    text = template.read_text(encoding="utf-8")
    named = _NAMED.findall(text)
    if len(named) < len(_TAG.findall(text)):
        return TEMPLATES.glob("*.j2")
    return [TEMPLATES / name for name in named]


def shared_assets() -> dict[str, str]:
    """The files that pages with `assets` load, by name."""
    names = {name for scripts in _SCRIPTS.values() for name in scripts}
    return {"style.css": _style(), **{name: _source(name) for name in sorted(names)}}


def _style() -> Markup:
    return Markup("").join(map(_source, _STYLES))


def _frame(page: dict[str, Any], scripts: Sequence[str], assets: str = "") -> dict[str, Any]:
    """Style and script of a page: what is inline with its hash, and what it loads."""
    columns = f":root {{ --opsets: {len(page['opsets'])}; }}\n"
    style = Markup(columns if assets else _style() + columns)
    script = Markup("").join(map(_source, () if assets else scripts))
    return {
        "assets": assets,
        "linked_scripts": scripts if assets else (),
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


def _digits(value: float | None, sign: bool = False) -> str:
    """Six digits: a metric is read to more places than an error."""
    return "–" if value is None else f"{value:{'+' if sign and value else ''}.6g}"


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


def _verbatim(text: str) -> Markup:
    """A text to copy as it is, longer than others; invisible characters are replaced."""
    return Markup("\n").join(escape(visible(line, 8000)) for line in text.splitlines())


def _ticks(text: str) -> Markup:
    """Prose with names between backticks."""
    parts = _shown(text).split("`")
    if len(parts) % 2 == 0:  # an unpaired one is not a quotation mark
        return escape("`".join(parts))
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def _unquoted(picture: Markup) -> Markup:
    """A picture without the quotes that HTML does not need; in texts they are escaped."""
    return Markup(_QUOTED.sub(r"\1", picture))


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
