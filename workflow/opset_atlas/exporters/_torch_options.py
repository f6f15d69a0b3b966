"""Whether the installed `torch.onnx.export` has an option, and whether it reads it.

The signature is read from torch's source with `ast`: importing torch takes over a second, and this
runs whenever Snakemake starts.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILES = "it writes files of its own, outside the results"
_OBJECTS = "it takes Python objects, which YAML cannot write"
_SET_BY_WORKFLOW = {
    "model": "the workflow sets it; use models.<id>.factory",
    "args": "the workflow sets it; use models.<id>.inputs",
    "kwargs": "the workflow sets it; use models.<id>.inputs",
    "f": "the workflow sets it: files go to results/",
    "opset_version": "the workflow sets it; use opsets",
    "dynamo": "the workflow sets it; choose with exporters",
    "input_names": "the workflow sets it; use models.<id>.inputs with name",
    "output_names": "the workflow sets it; use models.<id>.outputs",
    "dynamic_shapes": "the workflow sets it; use models.<id>.dynamic_shapes",
    "dynamic_axes": "the workflow sets it; use models.<id>.dynamic_shapes",
    "dynamic_axes_input_output": "torch has never had this option; use models.<id>.dynamic_shapes",
    "training": "the workflow sets it: models are exported in evaluation mode",
    "artifacts_dir": _FILES,
    "report": _FILES,
    "profile": _FILES,
    "dump_exported_program": _FILES,
    "custom_translation_table": _OBJECTS,
    "operator_export_type": _OBJECTS,
}
# Options of earlier versions (torch 1.x documentation; `fallback`: 2.5 to 2.10).
_REMOVED = {
    "strip_doc_string", "enable_onnx_checker", "use_external_data_format", "example_outputs",
    "aten", "export_raw_ir", "fallback", "propagate", "google_printer", "retain_param_name",
}  # fmt: skip


@dataclass(frozen=True)
class ExportSignature:
    """Parameters of `torch.onnx.export`: their annotations, and which each route passes on."""

    version: str
    annotations: Mapping[str, str]
    passed_on: Mapping[bool, frozenset[str]]


def problems(options: Mapping[str, Any], dynamo: bool) -> dict[str, str]:
    """The problem of each option that has one; without torch, what can be said without it."""
    signature, found = installed_signature(), {}
    for name, value in options.items():
        problem = _SET_BY_WORKFLOW.get(name)
        if not problem and signature:
            problem = _against(signature, dynamo, name, value)
        if problem:
            found[name] = problem
    return found


def notice() -> str:
    """Why options cannot be checked, or ""."""
    if installed_signature():
        return ""
    return "found no torch.onnx.export (is torch installed?)"


def _against(signature: ExportSignature, dynamo: bool, name: str, value: Any) -> str:
    annotation = signature.annotations.get(name)
    if annotation is None:
        if name in _REMOVED:
            return f"torch {signature.version} no longer has this option of torch.onnx.export"
        usable = sorted(signature.passed_on[dynamo] - set(_SET_BY_WORKFLOW))
        near = difflib.get_close_matches(name, usable, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(usable)}"
        return f"torch.onnx.export of torch {signature.version} has no such option; {hint}"
    if name not in signature.passed_on[dynamo]:
        return f"torch {signature.version} ignores it with dynamo={dynamo}"
    optional = {"bool": False, "bool | None": True}.get(annotation)
    if optional is not None and not isinstance(value, bool) and not (optional and value is None):
        return f"expected true or false, got {value!r}"
    return ""


@functools.cache
def installed_signature() -> ExportSignature | None:
    """That of the installed torch; None without torch, or where its source looks different."""
    spec = importlib.util.find_spec("torch")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / "onnx" / "__init__.py"
        if path.is_file():
            return read_signature(path.read_text(encoding="utf-8"), _version())
    return None


def read_signature(source: str, version: str) -> ExportSignature | None:
    """The signature of the function `export` in `source`.

    Which options a route reads is what the branch on `dynamo` in its body passes on; where there is
    no such branch, every route is assumed to read every option.
    """
    functions = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    export = next((node for node in functions if node.name == "export"), None)
    if export is None:
        return None
    arguments = [*export.args.posonlyargs, *export.args.args, *export.args.kwonlyargs]
    annotations = {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in arguments}
    passed_on = dict.fromkeys((True, False), frozenset(annotations))
    for node in export.body:
        if isinstance(node, ast.If) and "dynamo" in ast.unparse(node.test) and node.orelse:
            passed_on = {
                True: _keywords(node.body) & set(annotations),
                False: _keywords(node.orelse) & set(annotations),
            }
    return ExportSignature(version, annotations, passed_on)


def _keywords(statements: list[ast.stmt]) -> frozenset[str]:
    nodes = (node for statement in statements for node in ast.walk(statement))
    calls = (node for node in nodes if isinstance(node, ast.Call))
    return frozenset(k.arg for call in calls for k in call.keywords if k.arg)


def _version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "(unknown version)"
