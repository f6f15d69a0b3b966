"""The files that a stage consists of: everything that it imports, so that a change rebuilds it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from opset_atlas import plugins, sources
from opset_atlas.execution import environments

CAUSES = [f"causes.{name}" for name in plugins.names("causes")]
STAGES: dict[str, list[str]] = {
    "define": [],
    "export": [f"exporters.{name}" for name in plugins.names("exporters")],
    "dump": [],
    "parity": ["runtimes.onnxruntime", "runtimes.reference"],
    "judge": [],
    "locate": ["runtimes.onnxruntime", "runtimes.reference"],
    "compare": CAUSES,
    "audit": [],
    "tables": [],
    "report": [],
}
LOADED = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(f"opset_atlas.{name}")
files = [m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] == "opset_atlas"]
print(json.dumps(files))
"""


def names(*modules: str) -> set[str]:
    return {path.relative_to(sources.PACKAGE).as_posix() for path in sources.closure(*modules)}


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_really_imported_is_among_the_files(stage: str) -> None:
    modules = [sources.programs("stages")[stage], *STAGES[stage]]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *modules],
        env=environments.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {
        Path(file).relative_to(sources.PACKAGE).as_posix() for file in json.loads(done.stdout)
    }
    assert loaded <= names(*modules)
    assert {path.replace(".", "/") + ".py" for path in modules} <= loaded


def test_imports_inside_functions_count() -> None:
    defined = names("stages.define")
    assert {f"models/{name}.py" for name in ("module", "inputs", "onnx_model")} <= defined
    assert "execution/isolate.py" in defined
    assert "onnx_files/facts.py" in names("stages.export")
    assert {"exporters/_torch.py", "models/module.py"} <= names("exporters.dynamo")


def test_every_import_statement_is_seen() -> None:
    """As Python's own parser sees them, module by module."""
    for path in sources.PACKAGE.rglob("*.py"):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opset_atlas"):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
                names.add(node.module or "")
            elif isinstance(node, ast.Import):
                names |= {
                    alias.name for alias in node.names if alias.name.startswith("opset_atlas.")
                }
        module = ".".join(path.relative_to(sources.PACKAGE).with_suffix("").parts)
        expected = {name.removeprefix("opset_atlas.") for name in names if is_module(name)}
        assert set(sources._imports(module.removesuffix(".__init__"))) == expected, module


def is_module(name: str) -> bool:
    path = sources.PACKAGE.parent.joinpath(*name.split("."))
    return name != "opset_atlas" and (path.is_dir() or path.with_suffix(".py").is_file())


def test_data_of_a_module_counts() -> None:
    assert "operators/notes.yaml" in names("stages.compare")


def test_folders_on_the_way_count() -> None:
    """Python runs the `__init__.py` of a folder before a module in it."""
    found = names("stages.report.stage")
    assert {"__init__.py", "stages/__init__.py", "stages/report/__init__.py"} <= found
    assert "drawing/__init__.py" in found


def test_a_stage_is_not_made_of_another_one() -> None:
    for stage, module in sources.programs("stages").items():
        others = {f"stages/{other}" for other in STAGES if other != stage}
        found = {path.removesuffix(".py") for path in names(module, *STAGES[stage])}
        assert not {path for path in found if any(_below(path, other) for other in others)}
    assert "exporters/torchscript.py" not in names("stages.export", "exporters.dynamo")


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def test_the_answer_is_in_a_fixed_order_and_exists() -> None:
    files = sources.closure("stages.export", "exporters.dynamo")
    assert files == sorted(set(files)) and all(path.is_file() for path in files)
    assert sources.PACKAGE / "__init__.py" in files


def test_every_module_belongs_to_a_program() -> None:
    """A file that nothing runs is dead code."""
    used: set[str] = set()
    for stage, module in sources.programs("stages").items():
        used |= names(module, *STAGES[stage])
    used |= names(*sources.programs("tools").values())
    used |= names("config.jobs", "config.specs", "__main__", "execution.server")
    # What Snakemake itself reads.
    used |= names("execution.environments", "execution.scheduler", "execution.stopping")
    used |= names("execution.nothing")
    present = {p.relative_to(sources.PACKAGE).as_posix() for p in sources.PACKAGE.rglob("*.py")}
    assert present - used == set()


def test_plugins_are_found_by_their_files() -> None:
    assert plugins.names("exporters") == ["converter", "dynamo", "given_file", "torchscript"]
    assert {"schema", "replacement", "exporter"} <= set(plugins.names("causes"))
    assert "onnxruntime" in plugins.names("runtimes")


def test_programs_are_found_by_their_files() -> None:
    assert set(sources.programs("stages")) == set(STAGES)
    assert sources.programs("stages")["report"] == "stages.report.stage"
    assert {"diff", "baseline", "check_config", "coverage"} <= set(sources.programs("tools"))
