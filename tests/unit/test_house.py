"""Who may import whom: a room imports rooms further down, and no stage imports another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from opset_atlas import sources

# From top to bottom. Rooms on the same line do not import each other.
FLOORS = [
    {"tools"},
    {"stages"},
    {"config"},
    {"comparison", "findings"},
    {"causes"},
    {"drawing"},
    {"differences"},
    {"graph"},
    {"numerics"},
    {"exporters"},
    {"models"},
    {"runtimes"},
    {"onnx_files"},
    {"operators"},
    {"execution"},
    {"base"},
    {"plugins", "sources"},
    {"records"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[str]:
    paths = sorted(sources.PACKAGE.rglob("*.py"))
    names = (".".join(path.relative_to(sources.PACKAGE).with_suffix("").parts) for path in paths)
    return [name.removesuffix(".__init__") for name in names if name != "__init__"]


def room(module: str) -> str:
    return module.partition(".")[0]


def imports() -> list[tuple[str, str]]:
    """Every import from another room."""
    return [
        (module, other)
        for module in modules()
        for other in sources._imports(module)
        if room(module) != room(other) and module != "__main__"
    ]


def test_every_folder_and_file_is_a_room() -> None:
    assert {room(name) for name in modules()} - {"__main__"} == set(FLOOR)


def test_no_room_imports_one_above_it_or_beside_it() -> None:
    upward = [
        f"{module} imports {other}"
        for module, other in imports()
        if FLOOR[room(module)] >= FLOOR[room(other)]
    ]
    assert upward == []


def test_no_stage_imports_another() -> None:
    stages = sources.programs("stages")

    def stage(module: str) -> str:
        found = [name for name in stages if f"{module}.".startswith(f"stages.{name}.")]
        return found[0] if found else ""

    across = [
        f"{module} imports {other}"
        for module in modules()
        for other in sources._imports(module)
        if stage(module) and stage(other) and stage(module) != stage(other)
    ]
    assert across == []


@pytest.mark.parametrize("stage", sorted(sources.programs("stages")))
def test_a_stage_is_a_file_or_a_folder(stage: str) -> None:
    path = sources.PACKAGE / Path(*sources.programs("stages")[stage].split("."))
    assert path.with_suffix(".py").is_file()
