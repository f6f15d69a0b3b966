"""What stands for a file where nothing else does: the one runtime that is named in the code.

Its result is the reference of a model that is an ONNX file, and it judges what the version
converter makes. It has to be a runtime whose operators mean what the opset of a file says.
"""

from __future__ import annotations

from typing import cast

from opset_atlas.runtimes import Runtime, onnxruntime

ORACLE = cast(Runtime, onnxruntime)
NAME = next(iter(ORACLE.VARIANTS))
