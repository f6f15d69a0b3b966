"""Messages of other people's programs: one line or one page, the same on every machine."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opset_atlas.base import messages
from opset_atlas.base.messages import LIMIT, clean, describe, impersonal, shorten, text_of, trace


def test_folders_become_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    site = sysconfig.get_paths()["purelib"]
    package = Path(__file__).parents[2]
    text = f"{tmp_path}/models.py: {site}/torch/x.py, {package}/workflow/opset_atlas/x.py"
    assert clean(text) == (
        "<project>/models.py: <site-packages>/torch/x.py, <opset-atlas>/workflow/opset_atlas/x.py"
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("{0}/x.py", "<project>/x.py"),
        ("in {0}.", "in <project>."),
        ("'{0}'", "'<project>'"),
        ("file://{0}/x", "file://<project>/x"),
        ("-I{0}/include", "-I<project>/include"),
        ("{0}2/x.py", "{0}2/x.py"),
        ("{0}-old/x.py", "{0}-old/x.py"),
        ("{0}.bak/x.py", "{0}.bak/x.py"),
        ("/mnt{0}/x.py", "/mnt{0}/x.py"),
        ("http://host{0}/x", "http://host{0}/x"),
    ],
)
def test_a_folder_ends_where_its_name_does(
    text: str, kept: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    here = str(tmp_path / "work")
    assert clean(text.format(here)) == kept.format(here)


def test_a_file_is_named_without_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cells").mkdir()
    monkeypatch.chdir(tmp_path)
    path = Path("cells/opset_13.onnx")
    assert impersonal(f"open {tmp_path}/cells/opset_13.onnx", path) == "open opset_13.onnx"
    assert impersonal("open cells/a.bin, not my-cells/a", path) == "open a.bin, not my-cells/a"
    assert impersonal("open ../a or ./b", Path("c.onnx")) == "open ../a or b"


def test_the_root_folder_is_no_name_for_every_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert clean("a/b at /usr/x") == "a/b at /usr/x"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<Tensor at 0x7f5c12ab34>", "<Tensor at 0x…>"),
        ("opset 0x12", "opset 0x12"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x00b\x07c\x7fd\x9b31me", "abcd31me"),
        ("  two\n\tlines \r\n", "two\n\tlines"),
        ("Größe 層 🙂", "Größe 層 🙂"),
        ("lone \udcff surrogate", "lone ? surrogate"),
    ],
)
def test_what_depends_on_the_machine_goes(text: str, kept: str) -> None:
    assert clean(text) == kept


def test_long_texts_say_how_long_they_were() -> None:
    assert clean("x" * LIMIT) == "x" * LIMIT
    assert clean("x" * 5000) == "x" * LIMIT + " … (5000 characters)"
    assert clean("abcdef", 3) == "abc … (6 characters)"


@given(st.text())
def test_any_text_can_be_written(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert clean(cleaned) == cleaned
    assert not set(cleaned) & {chr(code) for code in range(32) if chr(code) not in "\t\n"}


def test_an_exception_in_one_line() -> None:
    assert describe(ValueError("no\nmore")) == "ValueError: no more"
    assert describe(ValueError("no\n\nadvice")) == "ValueError: no"
    assert describe(RuntimeError("no\nException raised from f at g.cpp:9")) == "RuntimeError: no"
    assert describe(ValueError()) == "ValueError"
    assert describe(ValueError("\n\n late")) == "ValueError: late"
    assert describe(RuntimeError("bad op  [Caused by the value 'x.3 defined in …]")) == (
        "RuntimeError: bad op"
    )
    assert describe(KeyError("a")) == "KeyError: 'a'"


def test_a_long_message_keeps_what_it_is_about_and_its_numbers() -> None:
    message = (
        f"cannot reshape '/Reshape'{' because of this' * 30}. Input shape:{{5,3}}, wanted:{{2,3}}"
    )
    text = shorten(message, 120)
    assert text.startswith("cannot reshape '/Reshape' because of this ")
    assert text.endswith(" Input shape:{5,3}, wanted:{2,3}")
    assert len(text) <= 123 and text.count(" … ") == 1
    assert shorten("y" * 400, 10) == "yyyyyy … yyyy"
    assert shorten(message, len(message)) == message


def test_both_ends_of_a_traceback() -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise ValueError("z" * 3000)

    with pytest.raises(ValueError) as caught:
        deep(0)
    text = trace(caught.value)
    assert text.startswith("Traceback") and text.endswith("z" * 3000)
    assert 'File "<opset-atlas>/tests/unit/test_text.py"' in text
    with pytest.raises(LookupError) as caught:
        raise LookupError("z" * 5000)
    text = trace(caught.value)
    assert text.startswith("Traceback") and text.endswith("z") and len(text) < LIMIT + 50
    assert "characters left out" in text


def test_a_message_does_not_tell_how_the_process_was_started() -> None:
    own = messages.__file__.replace("base/messages.py", "execution/server.py")
    said = (
        f"(node defined in models/mine.py(3): forward\n{own}(161): _work\n<frozen runpy>(88): f\n)"
    )
    assert clean(said) == "(node defined in models/mine.py(3): forward\n)"
    installed = f"{sysconfig.get_path('purelib')}/opset_atlas/execution/server.py"
    assert clean(said.replace(own, installed)) == clean(said)


class Silent(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


class Hostile(Exception):
    def __str__(self) -> str:
        raise SystemExit("from __str__")


@pytest.mark.parametrize(("kind", "raised"), [(Silent, "TypeError"), (Hostile, "SystemExit")])
def test_an_exception_without_a_text_is_described_all_the_same(
    kind: type[Exception], raised: str
) -> None:
    words = f"<no text: its __str__ raised {raised}>"
    assert text_of(kind()) == words
    assert describe(kind()) == f"{kind.__name__}: {words}"
    try:
        raise kind
    except kind as error:
        assert "raise kind" in trace(error)
