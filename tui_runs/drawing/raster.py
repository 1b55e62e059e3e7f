"""Turns curves into dots and dots into characters: braille, 2 x 4 dots a cell, or half blocks, 1 x 2.

Plain numpy on all curves of a chart at once: at some 3 us a call, what counts is how many calls there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_runs.analysis.arrays import Flags, Floats, Integers
from tui_runs.drawing.ticks import Kind, Scale

Limits = tuple[float, float] | None
Ends = tuple[Floats, Floats, Floats, Floats]
"""x and y where segments begin and where they end, in dots."""

DASHES: Final = ("############", "########....", "###...###...", "#..#..#..#..")
"""What tells runs apart that share a colour: which of twelve dots along a curve are drawn. The first is a full line."""

_DASH_TABLE: Final = np.array([[mark == "#" for mark in dash] for dash in DASHES])
_SYMLOG_POWERS: Final = 3
_FAR: Final = 1e9  # dots; positions further outside are pulled in, so that differences stay finite
_LEAST_SPAN: Final = 1e-12  # of the size of the values; closer ones count as one, as ticks could not tell them apart


class Glyphs(NamedTuple):
    """A family of characters that show `across` x `down` dots each, and single marks."""

    across: int
    down: int
    codes: NDArray[np.uint32]
    """2 ** (across * down) code points; the lowest bit of a place is the top left dot, the next is to its right."""
    grid: str = "·"
    lone: str = "●"
    """A curve of one point."""
    not_a_number: str = "×"
    above: str = "▲"
    below: str = "▼"
    upright: str = "│"

    def pack(self, dots: Flags) -> tuple[Flags, NDArray[np.uint32]]:
        """The cells of a picture: which have a dot, (h, w), and the code points of these in reading order.

        Args:
            dots: (h * down, w * across), true where a dot is.
        """
        h, w = len(dots) // self.down, dots.shape[1] // self.across
        by_cell = dots.reshape(h, self.down, w, self.across).swapaxes(1, 2).reshape(h, w, -1)
        bits = np.packbits(by_cell, axis=2, bitorder="little")[:, :, 0]
        drawn = bits != 0
        return drawn, self.codes[bits[drawn]]


def _braille_codes() -> NDArray[np.uint32]:
    numbers = (0, 3, 1, 4, 2, 5, 6, 7)  # what Unicode adds 2 to the power of for each dot
    bits = np.arange(256, dtype=np.uint32)
    codes = np.full(256, 0x2800, np.uint32)
    for place, number in enumerate(numbers):
        codes += (bits >> np.uint32(place) & np.uint32(1)) << np.uint32(number)
    return codes


def _codes(characters: str) -> NDArray[np.uint32]:
    return np.array([ord(character) for character in characters], np.uint32)


BRAILLE: Final = Glyphs(2, 4, _braille_codes())
HALVES: Final = Glyphs(1, 2, _codes(" ▀▄█"), lone="█", not_a_number="x", above="^", below="v")
"""What the console of Linux has."""
ASCII: Final = Glyphs(1, 2, _codes(" '.:"), " ", "o", "x", "^", "v", "|")


class Points(NamedTuple):
    """The points of all curves of a chart, one curve after the other, n in all."""

    x: Floats
    y: Floats
    owner: Integers
    """Which curve a point is of, growing."""
    drawable: Flags
    """Whether x and y are finite, and above 0 where their axis is logarithmic."""
    log_x: bool
    log_y: bool
    dashes: Sequence[int]
    """A place in `DASHES` for every curve."""
    symlog_y: bool = False


def gather(
    series: Sequence[tuple[Floats, Floats]], log_x: bool, log_y: bool, dashes: Sequence[int], symlog_y: bool = False
) -> Points:
    """The points of curves: one pair of x and y, and one dash, for each."""
    x = np.concatenate([np.zeros(0), *(x for x, _ in series)])
    y = np.concatenate([np.zeros(0), *(y for _, y in series)])
    drawable = np.isfinite(x) & np.isfinite(y)
    if log_x:
        drawable &= x > 0
    if log_y:
        drawable &= y > 0
    owner = np.repeat(np.arange(len(series)), [len(x) for x, _ in series])
    return Points(x, y, owner, drawable, log_x, log_y, dashes, symlog_y)


def x_scale(points: Points, limits: Limits, dots: int, kind: Kind) -> Scale | None:
    """The x axis: its limits if it can have them, or what the points need; None if that is nothing."""
    values = points.x[points.drawable]
    whole = kind == "number" and bool((np.floor(values) == values).all())
    return _scale(values, Scale(0, 0, dots, points.log_x, kind, whole=whole), limits)


def y_scale(points: Points, x_limits: Limits, limits: Limits, dots: int) -> Scale | None:
    """The y axis: its limits if it can have them, or what the points in `x_limits` need; None if that is nothing."""
    shown = points.drawable
    if span := usable(x_limits, points.log_x):
        shown = shown & (points.x >= span[0]) & (points.x <= span[1])
        if not shown.any():
            shown = _ends_across(points, span)
    values = points.y[shown]
    scale = _scale(values, Scale(0, 0, dots, points.log_y), _closed(limits, values, points.log_y))
    if scale is None or scale.only is not None or not points.symlog_y:
        return scale
    # Three powers of ten to each side of 0, whatever lies nearer to it.
    size = math.floor(math.log10(max(-scale.low, scale.high)))
    return scale._replace(linear=10.0 ** max(size - _SYMLOG_POWERS, -300))


def _ends_across(points: Points, span: tuple[float, float]) -> Flags:
    """The points of which a line goes across all of a part of x in which there is none."""
    left, right = points.drawable & (points.x < span[0]), points.drawable & (points.x > span[1])
    joined = points.owner[1:] == points.owner[:-1]
    across = joined & ((left[:-1] & right[1:]) | (right[:-1] & left[1:]))
    ends = np.zeros(len(points.x), np.bool_)
    ends[:-1] |= across
    ends[1:] |= across
    return ends


def _closed(limits: Limits, values: Floats, log: bool) -> Limits:
    """Limits of which an axis cannot have one end: with the lowest or the highest value there."""
    if limits is None:
        return None
    low, high = (end if math.isfinite(end) and (end > 0 or not log) else None for end in limits)
    if (low is None) == (high is None) or not len(values):
        return limits
    if low is None:
        return min(float(values.min()), limits[1]), limits[1]
    return low, max(float(values.max()), low)


def _scale(values: Floats, scale: Scale, limits: Limits) -> Scale | None:
    limits = usable(limits, scale.log)
    if limits is None and not len(values):
        return None
    low, high = limits or (float(values.min()), float(values.max()))
    if scale.log:
        apart = math.log10(high) - math.log10(low) > _LEAST_SPAN
    else:
        apart = high / 4 - low / 4 > max(_LEAST_SPAN * max(abs(low), abs(high)), 1e-307)
    if apart:
        return scale._replace(low=low, high=high)
    if scale.log:
        widened = max(low / 10, 5e-324), min(low * 10, 1e308)
    else:
        half = max(abs(low) / 20, 1e-300) if low else 0.5
        widened = max(low - half, -1.7e308), min(low + half, 1.7e308)
    return scale._replace(low=widened[0], high=widened[1], only=low)


def usable(limits: Limits, log: bool) -> Limits:
    """Limits in order, or None if an axis cannot have them."""
    if limits is None or not all(map(math.isfinite, limits)) or (log and min(limits) <= 0):
        return None
    return min(limits), max(limits)


class Dots(NamedTuple):
    """The dots that curves cover, m of them, a dot perhaps more than once."""

    column: Integers
    """From the left."""
    row: Integers
    """From the top."""
    owner: Integers
    """Which curve covers it, growing."""


def rasterise(points: Points, x_scale: Scale, y_scale: Scale) -> Dots:
    """The dots of all curves within the scales' dots.

    Drawable points that follow each other in a curve are joined by a line with one dot in every column or every row
    that it passes, whichever are more; others stand alone. Dashes depend on where a dot is and not on what comes
    before it, so that they stand still while a curve grows.
    """
    across, down = x_scale.dots, y_scale.dots
    start = np.flatnonzero(points.drawable)
    owner = points.owner[start]
    column = positions(points.x[start], x_scale)
    row = down - 1 - positions(points.y[start], y_scale)
    joined = np.zeros(len(start), np.bool_)
    joined[:-1] = (start[1:] == start[:-1] + 1) & (owner[1:] == owner[:-1])
    alone = ~joined
    alone[1:] &= ~joined[:-1]
    level = np.floor(column + 0.5)
    level[(column < 0) | (column > across - 1)] = np.nan  # of these only a part is seen
    upright = joined & (np.append(level[1:], np.nan) == level)
    crowded = 2 * np.count_nonzero(upright) > len(start)
    if crowded:
        ends, owner, alone = _uprights(column, row, owner, joined, alone, upright)
    else:
        # Every point begins a segment: to the next if it is joined to that, or else to itself.
        end = np.arange(len(start)) + joined
        ends = (column, row, column[end], row[end])
    clipped = len(start) > 0 and (min(column.min(), row.min()) < 0 or column.max() > across - 1 or row.max() > down - 1)
    if clipped:
        ends, seen = _clip(ends, across, down)
        owner, alone = owner[seen], alone[seen]
    c0, r0, c1, r1 = (np.floor(position + 0.5) for position in ends)
    wide, tall = np.abs(c1 - c0), np.abs(r1 - r0)
    length = np.maximum(np.maximum(wide, tall), 1)
    # The last dot of a segment is the first of the next, unless that begins elsewhere.
    count = length.astype(np.int64) + (clipped or crowded)
    segment = np.repeat(np.arange(len(count)), count)
    along = np.arange(len(segment)) - (np.cumsum(count) - count)[segment]
    columns = (c0[segment] + along * ((c1 - c0) / length)[segment] + 0.5).astype(np.int64)
    rows = (r0[segment] + along * ((r1 - r0) / length)[segment] + 0.5).astype(np.int64)
    owners = owner[segment]
    if any(points.dashes):
        phase = np.where((wide >= tall)[segment], columns, rows) % len(DASHES[0])
        drawn = _DASH_TABLE[np.asarray(points.dashes)[owners], phase] | alone[segment]
        return Dots(columns[drawn], rows[drawn], owners[drawn])
    return Dots(columns, rows, owners)


def _uprights(
    column: Floats, row: Floats, owner: Integers, joined: Flags, alone: Flags, upright: Flags
) -> tuple[Ends, Integers, Flags]:
    """Segments of curves that go up and down in most columns: one from top to bottom for every stretch in a column.

    Drawn to and fro, a noisy curve would cover each of its dots three times.

    Args:
        column: of every point.
        row: of every point.
        owner: of every point.
        joined: whether a point is joined to the next.
        alone: whether it is joined to none.
        upright: whether it is joined to the next, in the same column.

    Returns:
        The segments in the order of their owners, these, and which segment is a point alone.
    """
    begins = np.flatnonzero(~np.append(False, upright[:-1]))
    level = np.where(upright[begins], np.floor(column[begins] + 0.5), column[begins])
    over = np.flatnonzero(joined & ~upright)  # to the next column
    order = np.argsort(np.concatenate((begins, over)), kind="stable")
    top, bottom = np.minimum.reduceat(row, begins), np.maximum.reduceat(row, begins)
    parts = (
        (level, column[over]),
        (top, row[over]),
        (level, column[over + 1]),
        (bottom, row[over + 1]),
        (owner[begins], owner[over]),
        (alone[begins], alone[over]),
    )
    c0, r0, c1, r1, owners, lone = (np.concatenate(part)[order] for part in parts)
    return (c0, r0, c1, r1), owners, lone


def positions(values: Floats, scale: Scale) -> Floats:
    """Where drawable values lie, in dots: 0.0 at the scale's low limit, dots - 1.0 at the high one."""
    low, high = scale.low, scale.high
    if scale.log:
        values, low, high = np.log10(values), math.log10(low), math.log10(high)
    elif scale.linear:
        bent = np.array([low, high])
        values, (low, high) = _bent(values, scale.linear), _bent(bent, scale.linear).tolist()
    # Quartered, so that the span from -1e308 to 1e308 is a number.
    with np.errstate(over="ignore"):
        dots = (values / 4 - low / 4) / (high / 4 - low / 4) * (scale.dots - 1)
    return np.minimum(np.maximum(dots, -_FAR), _FAR)


def _bent(values: Floats, linear: float) -> Floats:
    bent: Floats = np.copysign(np.log1p(np.abs(values) / linear), values)
    return bent


def rasterise_band(x: Floats, low: Floats, high: Floats, x_scale: Scale, y_scale: Scale) -> tuple[Integers, Integers]:
    """Every second dot between two curves, as (columns, rows); nothing where one of them is not drawable.

    Args:
        x: n positions, growing, drawable.
        low: n values.
        high: n values, none below that of `low`.
        x_scale: the x axis.
        y_scale: the y axis.
    """
    if y_scale.log:
        low = np.where(high > 0, np.maximum(low, y_scale.low), np.nan)
    good = np.isfinite(low) & np.isfinite(high)
    place = positions(x, x_scale)
    if good.sum() == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    columns = np.arange(max(math.ceil(place[0] - 0.5), 0), min(math.floor(place[-1] + 0.5), x_scale.dots - 1) + 1)
    edges = []
    for values in (high, low):
        dots = np.full(len(x), np.nan)
        dots[good] = y_scale.dots - 1 - positions(values[good], y_scale)
        edges.append(np.interp(columns, place, dots))
    columns = columns[there := np.isfinite(edges[0])]
    top, bottom = (np.clip(np.floor(edge[there] + 0.5), -1, y_scale.dots).astype(np.int64) for edge in edges)
    top, bottom = np.maximum(top, 0), np.minimum(bottom, y_scale.dots - 1)
    counts = np.maximum(bottom - top + 1, 0)
    column = np.repeat(columns, counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(top, counts)
    chequered = (column + row) % 2 == 0
    return column[chequered], row[chequered]


def _clip(ends: Ends, across: int, down: int) -> tuple[Ends, Flags]:
    """The parts of segments within the area (Liang and Barsky 1984), and which segments have such a part."""
    x0, y0, x1, y1 = ends
    enter, leave = np.zeros(len(x0)), np.ones(len(x0))
    with np.errstate(all="ignore"):
        for begin, run, last in ((x0, x1 - x0, across - 1), (y0, y1 - y0, down - 1)):
            one, other = -begin / run, (last - begin) / run
            level, outside = run == 0, (begin < 0) | (begin > last)
            enter = np.maximum(enter, np.where(level, np.where(outside, np.inf, 0), np.minimum(one, other)))
            leave = np.minimum(leave, np.where(level, 1, np.maximum(one, other)))
    seen = enter <= leave
    x0, y0, run_x, run_y, enter, leave = (part[seen] for part in (x0, y0, x1 - x0, y1 - y0, enter, leave))
    return (x0 + enter * run_x, y0 + enter * run_y, x0 + leave * run_x, y0 + leave * run_y), seen
