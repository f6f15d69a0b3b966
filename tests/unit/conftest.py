"""Tests of this room take seconds: importing torch, which takes two, is refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest


class _Refuse(Loader):
    def exec_module(self, module: ModuleType) -> None:
        raise AssertionError("tests/unit imports no torch; this test belongs to tests/stage")


class _NoTorch(MetaPathFinder):
    """Looking up torch's location is allowed; its options are read from its source."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path, target) if name == "torch" else None
        if found is not None:
            found.loader = _Refuse()
        return found


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a test of another folder has imported torch before, nothing can be checked."""
    if "torch" not in sys.modules:
        monkeypatch.setattr(sys, "meta_path", [_NoTorch(), *sys.meta_path])
