"""A part of a file as one short script: model, inputs and expected result stand in its text.

It needs numpy, onnx and the runtime, no other file, and nothing of this project, so that it can be
pasted into a tracker. No name from a model reaches it but those inside the model's own text.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np
import onnx
import onnx.parser
import onnx.printer
from onnx import numpy_helper

from opset_atlas.base.arrays import Array, is_plain_tensor
from opset_atlas.onnx_files import tensors

MOST_ELEMENTS = 600  # of all arrays together: about a screen and a half
MOST_BYTES = 6000  # of the model's text

_SCRIPT = """\
import numpy as np
import onnx{parser}
{run}

model = {model}
onnx.save(model, "model.onnx")
inputs = {{
{inputs}
}}
expected = {expected}

(got,) = run("model.onnx", inputs)
print("expected:", expected, sep="\\n")
print("got:", got, sep="\\n")
"""


def write(
    model: onnx.ModelProto, inputs: Mapping[str, Array], expected: Array, run: str
) -> str | None:
    """The script's text; None where it would be too long, or has types that numpy lacks.

    Args:
        model: with all its tensors inside.
        inputs: an array for each of the model's inputs.
        expected: the right result of its only output.
        run: defines `run(path, inputs)`, which returns the list of the model's results.
    """
    arrays = [*inputs.values(), expected]
    if not all(is_plain_tensor(array) for array in arrays):
        return None
    if sum(array.size for array in arrays) > MOST_ELEMENTS or model.ByteSize() > MOST_BYTES:
        return None
    text = _readable(model)
    if text is None:
        data = base64.b64encode(model.SerializeToString(deterministic=True)).decode()
        spelled = f'onnx.load_from_string(base64.b64decode("{data}"))'
    else:
        spelled = f'onnx.parser.parse_model("""\n{text.strip()}\n""")'
    script = _SCRIPT.format(
        parser="" if text is None else "\nimport onnx.parser",
        run=run.strip(),
        model=spelled,
        inputs="\n".join(f"    {name!r}: {_literal(array)}," for name, array in inputs.items()),
        expected=_literal(expected),
    )
    return script if text is not None else f"import base64\n\n{script}"


def _readable(model: onnx.ModelProto) -> str | None:
    """The model as onnx prints it; None where it cannot be read back as exactly this model."""
    try:
        text = onnx.printer.to_text(model)
        same = _plain(onnx.parser.parse_model(text)) == _plain(model)
    except Exception:  # onnx's parser and printer raise many kinds
        return None
    return text if same and len(text) <= MOST_BYTES and not {"\\", '"""'} & _parts(text) else None


def _parts(text: str) -> set[str]:
    return {part for part in ("\\", '"""') if part in text}


def _plain(model: onnx.ModelProto) -> bytes:
    """What a model computes, as bytes: without notes on it, and tensors spelled in one way."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ClearField("producer_version")
    copy.ClearField("model_version")
    copy.ClearField("doc_string")
    del copy.graph.value_info[:]
    for opset in copy.opset_import:
        opset.domain = opset.domain  # set, though it is the default
    for tensor in tensors.all_tensors(copy):
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    for node in copy.graph.node:
        node.domain = node.domain  # likewise
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        for attribute in attributes:
            attribute.t.name = ""
        kept = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in attributes]
        del node.attribute[:]
        node.attribute.extend(kept)
    return bytes(copy.SerializeToString(deterministic=True))


def _literal(array: Array) -> str:
    """An array as an expression of numpy that gives exactly its values."""
    numbers = np.array2string(
        array,
        separator=", ",
        threshold=array.size + 1,
        max_line_width=88,
        formatter={"float_kind": _float, "complex_kind": _complex},
    )
    shape = f".reshape({array.shape})" if array.size == 0 else ""
    return f"np.array({numbers}, dtype=np.{_name(array)}){shape}"


def _name(array: Array) -> str:
    return "bool_" if array.dtype == np.bool_ else array.dtype.name


def _float(value: np.floating) -> str:
    return f"np.{value}" if not np.isfinite(value) and value > 0 else _signed(value)


def _signed(value: np.floating) -> str:
    if np.isnan(value):
        return "np.nan"
    return "-np.inf" if np.isinf(value) else str(value)


def _complex(value: np.complexfloating) -> str:
    return f"complex({_float(value.real)}, {_float(value.imag)})"
