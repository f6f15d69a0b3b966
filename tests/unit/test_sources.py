"""Which files a stage is made of: all that it imports, so that a change to one rebuilds it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from atlas import sources

CAUSES = [f"causes.{name}" for name in sources.plugins("causes")]
STAGES: dict[str, list[str]] = {
    "define": [],
    "export": ["exporters.torchscript", "exporters.dynamo", "exporters.converter"],
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
    importlib.import_module(f"atlas.{name}")
files = [m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] == "atlas"]
print(json.dumps(files))
"""


def names(*modules: str) -> set[str]:
    return {path.relative_to(sources.PACKAGE).as_posix() for path in sources.closure(*modules)}


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_really_imported_is_among_the_files(stage: str) -> None:
    modules = [stage, *STAGES[stage]]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *modules],
        env=sources.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {
        Path(file).relative_to(sources.PACKAGE).as_posix() for file in json.loads(done.stdout)
    }
    assert loaded <= names(*modules)
    assert f"{stage}.py" in loaded


def test_imports_inside_functions_count() -> None:
    assert {"define.py", "model.py", "inputs.py", "onnx_model.py", "isolate.py"} <= names("define")
    assert "onnx_file.py" in names("export")
    assert {"exporters/_torch.py", "model.py"} <= names("exporters.dynamo")


def test_every_import_statement_is_seen() -> None:
    """As Python's own parser sees them, module by module."""
    for path in sources.PACKAGE.rglob("*.py"):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("atlas"):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
                names.add(node.module or "")
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names if alias.name.startswith("atlas.")}
        module = ".".join(path.relative_to(sources.PACKAGE).with_suffix("").parts)
        expected = {name.removeprefix("atlas.") for name in names if is_module(name)}
        assert set(sources._imports(module.removesuffix(".__init__"))) == expected, module


def is_module(name: str) -> bool:
    path = sources.PACKAGE.parent.joinpath(*name.split("."))
    return name != "atlas" and (path.is_dir() or path.with_suffix(".py").is_file())


def test_data_of_a_module_counts() -> None:
    assert "schema_notes.yaml" in names("compare")


def test_a_stage_is_not_made_of_another_one() -> None:
    assert not {"report.py", "dump.py", "parity.py", "judge.py"} & names("export")
    assert "export.py" not in names("compare", "dump")
    assert "exporters/torchscript.py" not in names("export", "exporters.dynamo")


def test_the_answer_is_in_a_fixed_order_and_exists() -> None:
    files = sources.closure("export", "exporters.dynamo")
    assert files == sorted(set(files)) and all(path.is_file() for path in files)
    assert sources.PACKAGE / "__init__.py" in files


def test_every_module_belongs_to_a_stage() -> None:
    used = {name for stage, plugins in STAGES.items() for name in names(stage, *plugins)}
    used |= names("config", "sources")  # what Snakemake itself reads
    used |= names("report_pair", "baseline", "__main__", "worker")  # beside the stages
    present = {p.relative_to(sources.PACKAGE).as_posix() for p in sources.PACKAGE.rglob("*.py")}
    assert present - used == set()


def test_plugins_are_found_by_their_files() -> None:
    assert sources.plugins("exporters") == ["converter", "dynamo", "torchscript"]
    assert {"schema", "replacement", "exporter"} <= set(sources.plugins("causes"))
    assert "onnxruntime" in sources.plugins("runtimes")
