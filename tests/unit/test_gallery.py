"""config/gallery.yaml: sound, broad enough, and the same as the recipes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
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
