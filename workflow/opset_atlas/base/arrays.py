"""Arrays as this package handles them: numpy arrays, with ml_dtypes for dtypes numpy lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def dtype_name(dtype: np.dtype[np.generic]) -> str:
    """The dtype's name as torch and ml_dtypes spell it; "string" for text."""
    return "string" if dtype.kind in "OUST" else dtype.name


def is_float(dtype: np.dtype[np.generic]) -> bool:
    """Whether values of this dtype are rounded, so that equality cannot be expected."""
    return dtype.kind in "fc" or dtype.name.startswith(("bfloat", "float"))


def is_plain_tensor(value: Any) -> bool:
    """Whether a value is an array of a native numpy type, which every file can hold and feed."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufc"
