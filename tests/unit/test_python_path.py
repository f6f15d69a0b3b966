"""A user's PYTHONPATH counts, after this package and in the worker too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from opset_atlas.execution import environments, python_path


def test_what_the_user_has_in_it_comes_after_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["mine", python_path.OWN, "", "more"]))
    expected = os.pathsep.join([python_path.OWN, "mine", "more"])
    assert environments.variables()["PYTHONPATH"] == expected
    monkeypatch.setenv("PYTHONPATH", expected)  # as every job of a cluster asks again
    assert environments.variables()["PYTHONPATH"] == expected
    assert python_path.without_own(expected) == os.pathsep.join(["mine", "more"])
    monkeypatch.delenv("PYTHONPATH")
    assert environments.variables()["PYTHONPATH"] == python_path.OWN


def test_an_installed_package_needs_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """`site-packages` in PYTHONPATH would come before the standard library."""
    monkeypatch.setattr(python_path, "OWN", python_path.own("/env/lib/python3/site-packages"))
    monkeypatch.setenv("PYTHONPATH", "mine")
    assert environments.variables()["PYTHONPATH"] == "mine"
    monkeypatch.delenv("PYTHONPATH")
    assert environments.variables()["PYTHONPATH"] == ""


def test_a_forked_child_searches_what_its_client_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own, theirs = str(tmp_path / "own"), str(tmp_path / "theirs")
    monkeypatch.setattr(sys, "path", ["first", python_path.OWN, own, "site-packages"])
    before = {"PYTHONPATH": os.pathsep.join([python_path.OWN, own])}
    python_path.follow(before, {"PYTHONPATH": os.pathsep.join([python_path.OWN, "theirs"])})
    assert sys.path == ["first", theirs, python_path.OWN, "site-packages"]
    python_path.follow(before, before)
    assert sys.path == ["first", theirs, python_path.OWN, "site-packages"]
