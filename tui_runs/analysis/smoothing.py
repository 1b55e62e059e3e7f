"""Smooths a curve: four ways, all of which leave out what is not finite and give it back as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from tui_runs.analysis.arrays import Floats
from tui_runs.analysis.chart_choices import Kind, Smoothing

_VIEWPORT: Final = 1000
"""W&B's VIEWPORT_SCALE: the time-weighted average fades as if the whole of x were so many steps."""
_FADED: Final = 30.0
"""A weight below e to the minus so much is nothing beside the weight 1 of the newest point."""
_TAILS: Final = 4
"""Where a Gaussian is cut off, in standard deviations: 6e-5 of it lies beyond."""


def smooth(x: Floats, y: Floats, smoothing: Smoothing) -> Floats:
    """The smoothed values of a curve.

    A million points take 20 ms, with a Gaussian 0.25 ms for every point of its width.

    Args:
        x: n positions; only the time-weighted average looks at them. Where x runs back, no time has passed.
        y: n values. What is not finite is left out of every average and comes back as it is.
        smoothing: how.
    """
    good = np.isfinite(y)
    if not smoothing or not good.any():
        return y
    if good.all():
        return _SMOOTH[smoothing.kind](x, y, smoothing.strength)
    smoothed = y.copy()
    smoothed[good] = _SMOOTH[smoothing.kind](x[good], y[good], smoothing.strength)
    return smoothed


def _ema(_: Floats, y: Floats, weight: float) -> Floats:
    """Exponential moving average, corrected for its start at zero.

    Source: Kingma and Ba 2015, section 3; TensorBoard's scalar smoothing and W&B's "exponential" are the same:
    last = last * weight + (1 - weight) * y, shown as last / (1 - weight ** points).
    """
    return pl.Series(y).ewm_mean(alpha=1 - weight, adjust=True).to_numpy()


def _time_ema(x: Floats, y: Floats, strength: float) -> Floats:
    """Exponential moving average in which a point fades with the distance in x, and not with each point.

    Source: W&B's documentation, "Time-weighted exponential moving average": weight = min(sqrt(strength), 0.999) to
    the power of 1000 * distance / range of x; sum = sum * weight + y, shown as sum / (the same sum of ones).

    Sums of weights that grow instead of fading need no loop over points; one over stretches keeps them small.
    """
    weight = min(np.sqrt(strength), 0.999)
    steps = np.maximum(np.diff(x, prepend=x[:1]), 0)
    steps[~np.isfinite(steps)] = 0
    whole = steps.sum()
    age = np.cumsum(steps) * (-np.log(weight) * _VIEWPORT / whole) if whole > 0 else np.zeros(len(x))
    stretch = np.floor(age / _FADED)
    starts = np.flatnonzero(np.diff(stretch, prepend=-1.0))
    smoothed = np.empty_like(y)
    total, count, last = 0.0, 0.0, 0.0
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(y)], strict=True):
        grown = np.exp(age[start:end] - age[start])
        carried = np.exp(last - age[start])
        totals = np.cumsum(y[start:end] * grown) + total * carried
        counts = np.cumsum(grown) + count * carried
        smoothed[start:end] = totals / counts
        total, count, last = totals[-1] / grown[-1], counts[-1] / grown[-1], age[end - 1]
    return smoothed


def _mean(_: Floats, y: Floats, window: float) -> Floats:
    """The mean of so many points around each, itself in the middle; of those that there are at both ends.

    Source: W&B's documentation, "Running average".
    """
    half = max(int(window) // 2, 0)
    return pl.Series(y).rolling_mean(2 * half + 1, min_samples=1, center=True).to_numpy()


def _gaussian(_: Floats, y: Floats, deviation: float) -> Floats:
    """The mean of the points around each, weighted by a normal distribution; of those that there are at both ends.

    Source: W&B's documentation, "Gaussian": the standard deviation is given in points, whatever their x.
    """
    reach = min(int(np.ceil(_TAILS * deviation)), max(len(y) - 1, 0))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    sums: Floats = np.convolve(y, weights, "full")[reach : reach + len(y)]
    there = np.cumsum(weights)
    left = there[np.minimum(np.arange(len(y)) + reach, 2 * reach)]  # of the weights, those on points that exist
    right = there[np.minimum(np.arange(len(y))[::-1] + reach, 2 * reach)]
    means: Floats = sums / (left + right - there[-1])
    return means


_SMOOTH: Final[dict[Kind, Callable[[Floats, Floats, float], Floats]]] = {
    Kind.EMA: _ema,
    Kind.TIME_EMA: _time_ema,
    Kind.MEAN: _mean,
    Kind.GAUSSIAN: _gaussian,
}
