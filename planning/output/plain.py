"""Values in the types that JSON has."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def plain(value: Any) -> Any:
    """The same value in JSON's types: what is missing, NaN and infinities become None, times ISO 8601, paths texts.

    >>> plain({"at": pd.Timestamp("2026-10-30", tz="Asia/Shanghai"), "n": np.int64(3), "x": (float("nan"), pd.NaT)})
    {'at': '2026-10-30T00:00:00+08:00', 'n': 3, 'x': [None, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, Path):
        return value.as_posix()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(vars(value))
    return value.isoformat() if hasattr(value, "isoformat") else value
