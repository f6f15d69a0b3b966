"""Tests of this room take seconds: importing torch, which takes two, is refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest


class _NoTorch(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torch":
            raise AssertionError("tests/unit imports no torch; this test belongs to tests/stage")
        return None


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch was imported before, by a test of another room, nothing can be said."""
    if "torch" not in sys.modules:
        monkeypatch.setattr(sys, "meta_path", [_NoTorch(), *sys.meta_path])
