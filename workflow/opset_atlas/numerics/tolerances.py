"""The tolerances that separate the verdicts: the defaults, and a configuration's overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

# torch.testing.assert_close: dtype -> (rtol, atol). As in torch, dtypes that are not listed are
# compared exactly.
ASSERT_CLOSE: dict[str, tuple[float, float]] = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


@dataclass(frozen=True)
class Tolerances:
    """The tolerances that separate the verdicts; `close` maps a dtype to (rtol, atol)."""

    noise_factor: float = 10.0
    noise_floor: float = 8.0
    ill_conditioned: float = 4096.0
    close: Mapping[str, tuple[float, float]] = field(default_factory=lambda: ASSERT_CLOSE)

    def updated(self, changes: Mapping[str, Any]) -> Tolerances:
        """These tolerances with a configuration's overrides; `close` holds {dtype: {rtol, atol}}.

        Raises:
            ValueError: a key is not a tolerance; a misspelled key would otherwise be ignored.
        """
        if unknown := sorted(set(changes) - {each.name for each in fields(self)}):
            raise ValueError(f"tolerances: unknown {', '.join(unknown)}")
        close = dict(self.close)
        for dtype, pair in changes.get("close", {}).items():
            rtol, atol = close.get(dtype, (0.0, 0.0))
            close[dtype] = (float(pair.get("rtol", rtol)), float(pair.get("atol", atol)))
        names = ("noise_factor", "noise_floor", "ill_conditioned")
        values = {name: float(changes[name]) for name in names if name in changes}
        return replace(self, close=close, **values)
