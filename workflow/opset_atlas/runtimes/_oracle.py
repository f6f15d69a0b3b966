"""The runtime that decides what a file computes: the only one that the code names.

Its result is the reference for a model that is an ONNX file, and it judges the output of the
version converter. It must be a runtime whose operators have the meaning of the file's opset.
"""

from __future__ import annotations

from typing import cast

from opset_atlas.runtimes import Runtime, onnxruntime

ORACLE = cast(Runtime, onnxruntime)
NAME = next(iter(ORACLE.VARIANTS))
