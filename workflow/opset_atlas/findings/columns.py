"""The tables of a run: their names, their columns, and what each column means.

The only place that names them. The tables stage writes them, the report reads and links them, the
rules declare them as outputs, and docs/tables.md is `document()`. Imports nothing, since Snakemake
reads it at every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """`rows`: what one row is about. `columns`: in file order, with their meaning."""

    rows: str
    columns: Mapping[str, str]


_MODEL = {"model": "id of the model in the configuration"}
_SWEEP = {**_MODEL, "exporter": "exporter of the sweep"}
_CELL = {**_SWEEP, "requested": "requested opset"}
_RUN = {**_CELL, "runtime": "runtime, in one of its variants"}
_STEP = {
    **_SWEEP,
    "from_opset": "the lower of the two opsets",
    "to_opset": "the next opset that was delivered as requested",
}
_PAIR = {
    "left": "exporter of the first file",
    "right": "exporter of the second file",
}
_CHANGE = {
    "kind": "what kind of difference: an attribute, an input, a type, other operators, …",
    "op_type": "operator",
    "parameter": "formal name of the input or attribute; empty if it concerns whole nodes",
}
_VALUES = {"before": "how it is in the first file", "after": "how it is in the second file"}
_CAUSE = {
    "cause": "`schema`, `replacement`, `exporter`, `converter` or `unexplained`",
    "explanation": "why, in one or two sentences",
    "url": "page of the ONNX documentation that shows the schema change",
}
_EFFECT = {
    "neutral": "whether both forms mean the same",
    "numeric": "whether it can affect numerical results",
}
_VERSIONS = {
    "from_version": "version of the operator's schema before",
    "to_version": "version of the operator's schema after",
}
_NODES = {"nodes": "number of places with this difference"}

TABLES: Mapping[str, Table] = {
    "cells": Table(
        "a model, an exporter and a requested opset",
        {
            **_CELL,
            "delivered": "opset of the file",
            "ir_version": "IR version of the file",
            "outcome": "`ok`, `refused`, `moved`, `invalid`, `crashed`, `timeout`, `no-model`,"
            " `unsupported` or `internal-error` (opset-atlas itself failed)",
            "detail": "the reason, where the outcome is not `ok`",
            "source": "line of the user's code that the reason or the wrong result refers to",
            "way_out": "what torch has for this, where it refuses or where tracing froze a value",
            "way_out_url": "page of torch's documentation on it",
            "export_seconds": "seconds that the export took",
            "size_bytes": "size of what the exporter wrote, tensors included",
            "nodes": "number of nodes of the main graph",
            "computing_nodes": "nodes other than Constant and Identity, subgraphs included",
            "sha256": "hash of the file in `results/export`",
            "canonical_sha256": "hash of the file without metadata, doc strings and paths",
            "way": "how it was made: `plain`, `memoized`, `by reference`, or why not",
        },
    ),
    "parity": Table(
        "a cell, a runtime and an output",
        {
            **_RUN,
            "output": "name of the output; empty where nothing ran",
            "verdict": "what the measured error means under the tolerances",
            "max_abs": "largest absolute error on the deciding input set",
            "max_rel": "largest relative error on the deciding input set",
            "n_torch": "error of torch itself against float64, in units of rounding",
            "n_runtime": "error of the runtime against float64, in units of rounding",
            "detail": "which input set decided, and by how much",
        },
    ),
    "metrics": Table(
        "a cell, a runtime and a metric of the user's",
        {
            **_RUN,
            "metric": "name of the metric",
            "reference": "its value for torch's outputs; empty where it is no finite number",
            "value": "its value for the file's outputs; empty where it is no finite number",
            "difference": "value − reference",
            "tolerance": "largest difference that does not count as moved",
            "moved": "whether it moved: beyond the tolerance, or no number where torch's is one",
            "detail": "what it raised, or why there is no number",
        },
    ),
    "changes": Table(
        "a difference between two neighboring opsets of a sweep",
        {
            **_STEP,
            **_CHANGE,
            "cause": _CAUSE["cause"],
            **_VERSIONS,
            "explanation": _CAUSE["explanation"],
            "url": _CAUSE["url"],
            **_EFFECT,
            **_NODES,
        },
    ),
    "ranges": Table(
        "a range of opsets in which a sweep's graphs mean the same",
        {
            **_SWEEP,
            "first": "first opset of the range",
            "last": "last opset of the range",
            "nodes": "number of nodes at the first opset",
            "graph": "digest of the graph at the first opset, a file in `results/dump`",
        },
    ),
    "opsets": Table(
        "a sweep",
        {
            **_SWEEP,
            "lowest_exporting": "lowest opset that was delivered as requested",
            "lowest_right": "lowest opset that every runtime computes correctly",
            "highest_right": "highest opset that every runtime computes correctly",
            "ranges": "ranges of opsets in which nothing changes",
            "steps": "number of steps at which something changes",
            "brings": "what each step brings: nodes, results, types",
            "costs": "what each step costs",
            "missing_steps": "adapters that the version converter lacked",
        },
    ),
    "contrasts": Table(
        "a difference between two exporters of a model",
        {
            **_MODEL,
            **_PAIR,
            "opsets": "opsets at which the two files are the same as here",
            **_CHANGE,
            **_VALUES,
            **_EFFECT,
            **_CAUSE,
            **_NODES,
        },
    ),
    "choices": Table(
        "a difference between exporters over all models, those that can matter first",
        {
            "kind": _CHANGE["kind"],
            "operators": "where it is: parameters and operators, most frequent first",
            "one": "one form, without values",
            "other": "the other form",
            "writers": "exporters that write one form and the other, and how often",
            **_EFFECT,
            "cause": _CAUSE["cause"],
            "differences": "number of rows of `contrasts`",
            "models": "number of models",
            "example": "first model of the run with it",
            **_PAIR,
            "opset": "opset of the example",
            "explanation": "why, in the example",
            "url": _CAUSE["url"],
        },
    ),
    "models": Table(
        "a model",
        {
            **_MODEL,
            "kind": "`torch`, or `onnx` for an ONNX file as the model",
            "outcome": "`ok`, `failed` where the model itself does not run, `unsupported` where"
            " opset-atlas cannot handle it, or `internal-error` where it failed to define it",
            "detail": "the reason, and later failures of opset-atlas (table `failures`)",
            "parameters": "number of parameters",
            "use_exporter": "recommended exporter",
            "use_opset": "recommended opset",
            "use_range": "all opsets that are right with that exporter and that the targets read",
            "why": "why this cell, or why none",
            "also_right": "other exporters that are right, with their opsets, and how many"
            " computing nodes more or fewer the smallest of those files has",
            "excluded": "opsets that a target does not read, and which target",
            "avoid": "cells to avoid",
            "avoid_why": "why to avoid them",
        },
    ),
    "failures": Table(
        "a failure of opset-atlas itself, not a finding about the model",
        {
            **_MODEL,
            "stage": "stage that failed",
            "what": "cell or step that failed; empty if the whole stage failed",
            "detail": "the exception",
            "traceback": "where it was raised",
        },
    ),
    "surprises": Table(
        "an export that was reported as successful but is not, worst first",
        {
            "severity": "1 is the worst",
            "kind": "what kind of surprise",
            **_RUN,
            "sentence": "what happened, and why if known",
            "source": "line of the user's code that it refers to",
            "way_out": "what torch has for this, where tracing froze a value",
            "way_out_url": "page of torch's documentation on it",
        },
    ),
    "located": Table(
        "a wrong result and its origin, per cell and runtime",
        {
            **_RUN,
            "output": "output that is wrong",
            "verdict": "verdict on that output",
            "fault": "`file`, `kernel`, `optimization`, `outputs`, `constant`, `undecided` "
            "or `unconfirmed`",
            "operators": "nodes at fault: operator, version, non-default attributes",
            "nodes": "their names, or indices if they have none",
            "value": "first wrong value",
            "error": "error of that value, in units of rounding",
            "allowed": "allowed error, in units of rounding",
            "against": "source of the correct value",
            "repairs": "whether replacing that value by the correct one corrects the output",
            "right_at": "an opset at which the same nodes are correct",
            "inputs": "inputs of the nodes at fault, with shapes and ranges",
            "sentence": "the finding in words",
            "source": "line of the user's code that the nodes at fault come from",
            "reproducer": "folder with a reproducer, below `results`",
            "shows": "whether the reproducer was run and shows the fault",
        },
    ),
    "coverage": Table(
        "a transition between neighboring versions of an operator",
        {
            "operator": "operator of the default domain",
            **_VERSIONS,
            "transition": "class of what changes",
            "structural": "whether more than types, text and function body changes",
            "reached": "whether any model has the operator at both versions",
            "models": "number of models that do",
            "example": "first model that does",
        },
    ),
    "audit": Table(
        "an operator, a conversion by one opset and its outcome, worst first",
        {
            "operator": "operator, or `one of …` where no single one is proven",
            "from_opset": "opset of the correct file",
            "to_opset": "opset that it was converted to",
            "direction": "`up` or `down`",
            **_VERSIONS,
            "outcome": "outcome of the conversion",
            "transition": "class of what changes between the versions",
            "types_only": "whether the versions differ only in allowed types",
            "cells": "number of cells with such a file",
            "models": "number of models",
            "example": "first model of the run with it",
            "evidence": "`file`, `cut`, `message` or `only`: what shows it",
            "detail": "the reason",
            "reproducer": "folder with a reproducer, below `results`",
        },
    ),
}


def names(audit: bool = True) -> list[str]:
    """The tables of a run, in the order in which the report lists them."""
    return [name for name in TABLES if audit or name != "audit"]


def shown() -> list[str]:
    """The tables whose rows the report shows; it computes the others itself."""
    return [name for name in TABLES if name not in {"coverage", "audit"}]


def about_models() -> list[str]:
    """The tables whose rows are each about one model."""
    return [name for name, table in TABLES.items() if "model" in table.columns]


def columns(table: str) -> list[str]:
    """The columns of a table in file order."""
    return list(TABLES[table].columns)


def document() -> str:
    """The tables in Markdown: every column with its meaning."""
    parts = []
    for name, table in TABLES.items():
        rows = (f"| `{column}` | {meaning} |" for column, meaning in table.columns.items())
        head = f"## `{name}`\n\nA row is {table.rows}.\n\n| column | meaning |\n|---|---|"
        parts.append("\n".join([head, *rows]))
    return "\n\n".join(parts) + "\n"
