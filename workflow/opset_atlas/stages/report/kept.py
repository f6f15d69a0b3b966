"""Pages of models that are as an earlier report has them, since nothing that they show changed.

A model's pages (its own, those of its pairs, its card) are made from a part of the run that holds
this model alone (`Data.of`), so they cannot show anything else. `Kept.key` is a digest of that
part: the settings, the rows of its tables and its verdicts, its records and graphs, which operators
have a page to link to; and of the code, the templates and the packages that make pages. A page that
was removed or written by somebody else since is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from opset_atlas import sources
from opset_atlas.base.files import digest, file_sha256, write_json
from opset_atlas.stages.report import rendering
from opset_atlas.stages.report.data import Data

TEMPLATES = ("model", "pair")
_STAGES = ("define", "dump", "compare", "locate")
_PACKAGES = ("jinja2", "markupsafe", "onnx")


class Kept:
    """What an earlier report has of each model, noted in a folder: a file per model.

    Args:
        folder: None: nothing is kept.
        operators: the pages that links to operators lead to.
        pages: folders that pages are written into.
    """

    def __init__(
        self, folder: Path | None, operators: Iterable[str], pages: Iterable[Path]
    ) -> None:
        self._folder = folder
        code = sources.digest("stages.report.stage")
        packages = [version(name) for name in _PACKAGES]
        places = [str(path) for path in pages]
        templates = rendering.digest_of(TEMPLATES)
        self._shared = [code, packages, templates, sorted(operators), places]

    def key(self, data: Data, model: str) -> str:
        """A digest of all that the pages of a model are made from; "" if nothing is kept.

        Args:
            data: the part of the run that holds this model alone.
        """
        if self._folder is None:
            return ""
        read = [data.results / stage / model / "record.json" for stage in _STAGES]
        read += [
            data.results / "export" / model / name / "record.json"
            for name in data.spec["sweeps"][model]
        ]
        read += sorted(data.graph_folder(model).glob("*.json"))
        texts = sorted(data.graph_folder(model).glob("*.txt"))  # their sizes alone are shown
        return digest(
            [
                self._shared,
                data.spec,
                data.tables,
                data.verdicts,
                [[path.name, file_sha256(path)] for path in read],
                [[path.name, path.stat().st_size] for path in texts],
            ]
        )

    def pages(self, model: str, key: str) -> list[Path] | None:
        """The pages of a model if they were made from the same, and are as they were left."""
        if self._folder is None:
            return None
        try:
            noted = json.loads(self._note(model).read_text(encoding="utf-8"))
            pages = [Path(path) for path in noted["pages"]]
            if noted["key"] == key and noted["as_left"] == _as_left(pages):
                return pages
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def note(self, model: str, key: str, pages: Sequence[Path]) -> None:
        """Note the pages of a model, after they were written."""
        if self._folder is not None:
            left = {"key": key, "pages": [str(page) for page in pages], "as_left": _as_left(pages)}
            write_json(self._note(model), left, indent=None)

    def forget_others(self, models: Iterable[str]) -> None:
        """Remove the notes on models that the run does not have."""
        wanted = {self._note(model) for model in models} if self._folder else set()
        for path in self._folder.glob("*.json") if self._folder else ():
            if path not in wanted:
                path.unlink()

    def _note(self, model: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{model}.json"


def _as_left(pages: Iterable[Path]) -> list[Any]:
    """Size and time of each page."""
    return [[found.st_size, found.st_mtime_ns] for found in (page.stat() for page in pages)]
