"""Where most of the values of a chart lie, for a y axis that leaves out the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tui_runs.analysis.arrays import Floats
from tui_runs.analysis.reduction import Limits

_MOST: Final = (0.05, 0.95)
"""Between these quantiles lies what counts; TensorBoard's "ignore outliers" takes the same."""
_MARGIN: Final = 0.5
"""How far the axis goes on to both sides, in the distance between them."""
_SAMPLE: Final = 4096
"""Values of a curve that the quantiles are taken of. What lies outside is counted whole."""


def inner_limits(curves: Sequence[Floats], log: bool = False) -> Limits:
    """Limits of the y axis that the outliers lie beyond; None where there are none, or nothing to draw.

    Args:
        curves: finite values of each curve; of a long one some at even distances stand for all.
        log: the axis is logarithmic, and what is not positive does not count.
    """
    drawn = [values[values > 0] if log else values for values in curves]
    drawn = [values for values in drawn if len(values)]
    if not drawn:
        return None
    sample = np.concatenate([values[:: max(len(values) // _SAMPLE, 1)] for values in drawn])
    lowest, highest = float(min(values.min() for values in drawn)), float(max(values.max() for values in drawn))
    if log:
        sample = np.log10(sample)
    with np.errstate(over="ignore", invalid="ignore"):
        inner_low, inner_high = np.quantile(sample, _MOST)
        margin = _MARGIN * (inner_high - inner_low)
        low, high = inner_low - margin, inner_high + margin
        if log:
            low, high = 10.0**low, 10.0**high
    if not (margin > 0 and np.isfinite(margin)) or (low <= lowest and highest <= high):
        return None
    return max(float(low), lowest), min(float(high), highest)


def count_outside(curves: Sequence[Floats], limits: Limits, log: bool = False) -> int:
    """How many values lie beyond some limits.

    Args:
        curves: finite values of each curve.
        limits: none lies beyond them when None.
        log: the axis is logarithmic, and what is not positive does not count.
    """
    if limits is None:
        return 0
    beyond = ((values < limits[0]) & ((values > 0) | (not log)) | (values > limits[1]) for values in curves)
    return sum(int(np.count_nonzero(one)) for one in beyond)
