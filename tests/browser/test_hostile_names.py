"""A model's own texts, made to attack whoever opens the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import small_report

pytestmark = pytest.mark.browser

ATTACKS = {
    "script": "<script>window.__pwned=1;alert(1)</script>",
    "quotes": "\"'><img src=x onerror=\"window.__pwned=1\"><a href='javascript:alert(1)'>x</a>",
    "closers": "</style></title></pre></textarea>--><svg onload=window.__pwned=1>",
    "template": "{{ 7*7 }}{% raw %}${window.__pwned=1}`",
    "bidi": "abc\u202egnp.exe\u2066\u200b\x00\x1b[31m",
    "surrogate": "a\ufffd\ufffe\uffff b",
    "long": "x" * 1_000_000,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_text_is_inert(tmp_path: Path, watch: Callable, attack: str) -> None:
    folder = small_report.build(tmp_path, ATTACKS[attack])
    watched = watch(viewport={"width": 380, "height": 800})
    assert [path.name for path in (folder / "operators").iterdir()] == ["Resize.html"]
    for path in sorted(folder.rglob("*.html")):
        assert path.stat().st_size < 1_000_000
        page = watched.open(path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.wait_for_timeout(50)
        assert page.evaluate("window.__pwned") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 380
        assert page.locator("main img, main iframe, [onerror], [onload]").count() == 0
        assert not page.evaluate(
            "[...document.links].some(a => !/^(file|https):$/.test(a.protocol))"
        )
        body = page.evaluate("document.body.textContent")
        assert not set(body) & set("\u202e\u2066\u200b\x00\x1b")
    assert not watched.dialogs
    assert not watched.errors
    assert all(url.startswith("file://") for url in watched.requests)


def test_the_attack_would_work_on_an_open_page(tmp_path: Path, watch: Callable) -> None:
    """The control: without protection the same texts do harm."""
    page = tmp_path / "open.html"
    page.write_text(f"<!DOCTYPE html><title>x</title><body>{ATTACKS['script']}", encoding="utf-8")
    watched = watch()
    watched.open(page)
    assert watched.page.evaluate("window.__pwned") == 1
    assert watched.dialogs == ["1"]


def test_the_texts_really_stand_in_the_pages(tmp_path: Path) -> None:
    folder = small_report.build(tmp_path, ATTACKS["script"])
    escaped = "&lt;script&gt;window.__pwned=1;alert(1)&lt;/script&gt;"
    assert (folder / "index.html").read_text().count(escaped) > 3
    assert (folder / "models" / "alpha.html").read_text().count(escaped) > 10
    pair = (folder / "pairs" / "alpha" / "torchscript-12-13.html").read_text()
    assert pair.count(escaped) >= 2
    assert len(re.findall(r'<text class="?scope"?[^>]*>[^<]*&lt;/script&gt;</text>', pair)) == 2


def test_a_citation_that_is_no_web_address_is_no_link(tmp_path: Path) -> None:
    folder = small_report.build(tmp_path, url="javascript:window.__pwned=1")
    for path in folder.rglob("*.html"):
        assert "javascript:" not in path.read_text()
