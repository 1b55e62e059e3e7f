"""Puts the points of one metric over the values of another: loss over tokens seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def as_of(at: Floats, keys: Floats, values: Floats) -> Floats:
    """What a metric was when something happened: its value at the last key that is not after.

    Args:
        at: n moments or steps, in any order.
        keys: m moments or steps of the metric, in any order; of equal ones the last counts.
        values: its m values.

    Returns:
        n values; NaN before the first key.
    """
    if not len(keys):
        return np.full(len(at), np.nan)
    if not (keys[1:] >= keys[:-1]).all():
        order = keys.argsort(kind="stable")
        keys, values = keys[order], values[order]
    place = keys.searchsorted(at, "right") - 1
    return np.where(place >= 0, values[np.maximum(place, 0)], np.nan)
