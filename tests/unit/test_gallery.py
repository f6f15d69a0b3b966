"""config/gallery.yaml: sound, broad, the same as the recipes; docs/gallery.py: complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders.programs import load

ROOT = Path(__file__).parents[2]
gallery = load("docs/gallery.py")
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "config/gallery.yaml").read_text(encoding="utf-8"))
MODELS: dict[str, dict[str, Any]] = CONFIG["models"]


def recipes() -> dict[str, dict[str, Any]]:
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Recipes\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return {
        name: spec for block in blocks for name, spec in yaml.safe_load(block)["models"].items()
    }


def test_the_gallery_is_as_broad_as_it_says() -> None:
    assert CONFIG["opsets"] == list(range(11, 22))
    assert "exporters" not in CONFIG, "all three"
    libraries = {spec["packages"][0] for spec in MODELS.values()}
    assert len(MODELS) >= 60
    assert len(libraries) == 12
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert f"{len(MODELS)} models of twelve libraries" in text


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_is_an_entry_of_the_gallery(name: str) -> None:
    """There its factory is an argument of the one that varies constants."""
    recipe, entry = recipes()[name], MODELS[name]
    kwargs = dict(entry["kwargs"])
    assert kwargs.pop("factory") == {"$python": recipe["factory"]}
    assert kwargs == recipe["kwargs"]
    for key in ("inputs", "packages", "dynamic_shapes", "dynamic_sizes"):
        assert recipe.get(key) == entry.get(key), key


CELL = {"model": "a", "exporter": "dynamo", "outcome": "ok", "detail": ""}
MEASURE = {"model": "a", "exporter": "dynamo", "requested": 11, "verdict": "exact", "detail": ""}


def test_a_finding_is_what_is_not_right_and_needs_words() -> None:
    cells = [
        {**CELL, "requested": 11},
        {**CELL, "requested": 12, "outcome": "refused", "detail": "no Foo at opset 12"},
        {**CELL, "requested": 13, "outcome": "refused", "detail": "no Foo at opset 13"},
        {**CELL, "requested": 14},
    ]
    parity = [
        MEASURE,
        {**MEASURE, "requested": 14, "verdict": "within-noise"},
        {**MEASURE, "requested": 14, "verdict": "mismatch", "detail": "off by 1"},
    ]
    found = list(gallery.findings(list(gallery.states(cells, parity))))
    assert [(each.what, each.opsets) for each in found] == [
        ("refused", (12, 13)),
        ("mismatch", (14,)),
    ]
    refused = {"title": "no Foo", "what": ["refused"], "reason": "Foo", "words": ""}
    stale = {"title": "stale", "what": ["crashed"], "words": ""}
    problems = list(gallery.incomplete(found, [refused, stale]))
    assert problems == ["no words: a dynamo 14: mismatch: off by 1", "no finding: stale"]
