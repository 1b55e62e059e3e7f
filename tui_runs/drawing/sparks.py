"""A curve in one line of text, in braille."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tui_runs.analysis.arrays import Floats

_LEFT_BITS: Final = (0x40, 0x04, 0x02, 0x01)
_RIGHT_BITS: Final = (0x80, 0x20, 0x10, 0x08)


def _joins(bits: Sequence[int]) -> list[list[int]]:
    """What a dot column adds to its cell: [level of the column before][its own level].

    Levels are counted from the bottom, -1 (the last place) for none. The column is filled between the two, so that
    steep lines hold together.
    """

    def filled(before: int, level: int) -> int:
        if level < 0:
            return 0
        levels = {level, *range(before + 1, level), *range(level + 1, before)} if before >= 0 else {level}
        return sum(bits[at] for at in levels)

    return [[filled(before, level) for level in (0, 1, 2, 3, -1)] for before in (0, 1, 2, 3, -1)]


_LEFT_JOINS: Final = _joins(_LEFT_BITS)
_RIGHT_JOINS: Final = _joins(_RIGHT_BITS)
_SPARKS: Final = " " + "".join(chr(0x2800 + bits) for bits in range(1, 256))


def sparkline(values: Floats, width: int, levels: str = "") -> str:
    """The trend of a series as one line of braille, from its lowest value at the bottom to its highest at the top.

    The series is stretched or averaged over 2 * width columns of four dots. What is not finite is left out; a column
    of nothing else is blank, and breaks the line.

    Args:
        values: n values in order, Float64.
        width: in cells.
        levels: characters to draw with where there is no braille, the lowest first; one a cell.

    Returns:
        Exactly `width` characters.
    """
    if width < 1 or not len(values):
        return " " * max(width, 0)
    columns, rows = (width, len(levels)) if levels else (2 * width, 4)
    series = _averaged(values, columns) if len(values) > columns else _stretched(values, columns)
    finite = np.isfinite(series)
    if not finite.all():
        series = np.where(finite, series, series[finite][0] if finite.any() else 0.0)
    lowest, highest = float(series.min()), float(series.max())
    if highest > lowest:
        heights = ((series / 4 - lowest / 4) / (highest / 4 - lowest / 4) * (rows - 1) + 0.5).astype(np.int64)
    else:
        heights = np.full(columns, (rows - 1) // 2, np.int64)
    heights[~finite] = -1
    dots = heights.tolist()
    if levels:
        return "".join(levels[height] if height >= 0 else " " for height in dots)
    cells = []
    before = -1
    for left, right in zip(dots[::2], dots[1::2], strict=True):
        cells.append(_SPARKS[_LEFT_JOINS[before][left] | _RIGHT_JOINS[left][right]])
        before = right
    return "".join(cells)


def _averaged(values: Floats, columns: int) -> Floats:
    """The mean of the finite values of every column, NaN where there are none."""
    edges = np.arange(columns + 1) * len(values) // columns
    sizes = edges[1:] - edges[:-1]
    means: Floats = np.add.reduceat(values, edges[:-1]) / sizes
    if np.isfinite(means).all():
        return means
    finite = np.isfinite(values)
    counts = np.add.reduceat(finite, edges[:-1], dtype=np.int64)
    shares = np.where(finite, values, 0) / np.maximum(counts, 1).repeat(sizes)  # first, so that no sum is infinite
    return np.where(counts > 0, np.add.reduceat(shares, edges[:-1]), np.nan)


def _stretched(values: Floats, columns: int) -> Floats:
    """Values between the values, or, where some are missing, the nearest of them."""
    places = np.arange(columns) * ((len(values) - 1) / max(columns - 1, 1))
    if np.isfinite(values).all():
        between: Floats = np.interp(places, np.arange(len(values)), values)
        return between
    return values[(places + 0.5).astype(np.int64)]
