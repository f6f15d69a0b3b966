"""The onnx.ai pages that document a change."""

from __future__ import annotations

from opset_atlas.operators.parameters import canonical_domain, history

_SITE = "https://onnx.ai/onnx/operators"


def url(op: str, old: int, new: int, domain: str = "") -> str | None:
    """The ONNX page that compares two versions, given in either order; None if there is none.

    The generator (`docs/docsgen/source/onnx_sphinx.py` in onnx/onnx, `_insert_diff`) writes one
    page per pair of versions of an operator, the older first, without the domain in its name.
    """
    low, high = sorted((old, new))
    known = history().get(canonical_domain(domain), {}).get(op, ())
    if low == high or low not in known or high not in known:
        return None
    return f"{_SITE}/text_diff_{op}_{low}_{high}.html"


def operator_url(op: str, domain: str = "") -> str | None:
    """The ONNX page of an operator; None if ONNX does not define it."""
    if not history().get(canonical_domain(domain), {}).get(op, ()):
        return None
    return f"{_SITE}/onnx_{canonical_domain(domain).replace('.', '')}_{op}.html"
