"""Reduces a curve of any length to the few points that decide what a chart of so many dot columns shows.

For every dot column the first, the last, the lowest and the highest point stay, at their own x and y ("M4": Jugel et
al., VLDB 2014). The line through these covers exactly the dots that the line through all points covers: spikes stay,
and a line leaves its column where it did. The lowest and the highest alone, two points, would keep the spikes, but
join the columns from the wrong ends.
"""

from __future__ import annotations

import itertools
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from tui_runs.analysis.arrays import Flags, Floats

Positions = NDArray[np.intp]
Limits = tuple[float, float] | None

# How many stretches (see `Series.reduced`) a dot column may have on average before only an outline is kept.
STRETCHES = 8
# How often x may run back before only an outline is kept.
_RUNS_BACK = 64
# Points of which the extremes are kept.
_BLOCK = 32
_BEST = (np.minimum, np.maximum)
_NUMBERS = itertools.count()


class Series:
    """A curve of any length, prepared for being reduced to charts of any width and zoom.

    What takes a pass over all points is done once and kept. A million points cost 8 ms the first time and 1.6 ms each
    further time, whatever part is shown (2.5 GHz Xeon); what is kept takes half a byte a point, and two more where
    values are missing. A long cloud, and a curve of gaps, still cost one pass each time.

    Args:
        x: n positions, in the order in which they are joined; need not grow. Not finite: a gap.
        y: n values. NaN and infinite values are gaps.

    Raises:
        ValueError: x and y differ in length.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        if len(x) != len(y):
            raise ValueError(f"cannot reduce {len(y)} values at {len(x)} positions")
        self.x, self.y = x, y
        self.number = next(_NUMBERS)
        """Another for every curve of a process."""
        self._asked: tuple[int, Limits, bool] | None = None
        self._answer: tuple[Floats, Floats] = x[:0], y[:0]

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def grows(self) -> bool:
        """Whether x never runs back and is finite: the points of a part of x are then neighbours."""
        finite = not len(self.x) or bool(np.isfinite(self.x[0]) and np.isfinite(self.x[-1]))
        return finite and not len(self._back)

    @cached_property
    def _back(self) -> Positions:
        """Where x runs back: at a NaN, and after it, too."""
        return np.flatnonzero(~(self.x[1:] >= self.x[:-1])) + 1

    @cached_property
    def _good(self) -> Flags:
        good: Flags = np.isfinite(self.y)
        return good if self.grows else good & np.isfinite(self.x)

    @cached_property
    def _gaps(self) -> Positions:
        return _changes(self._good)

    @cached_property
    def missing(self) -> tuple[Floats, Floats]:
        """The x and the y of the points that have an x and no finite y."""
        at = np.flatnonzero(~self._good)
        at = at[np.isfinite(self.x[at])]
        return self.x[at], self.y[at]

    @cached_property
    def finite(self) -> Floats:
        """The values that can be drawn."""
        return self.y if self._good.all() else self.y[self._good]

    def finite_within(self, limits: Limits) -> Floats:
        """The values that can be drawn in a part of x; where x does not grow, a copy of them."""
        if limits is None:
            return self.finite
        if self.grows:
            shown = slice(int(self.x.searchsorted(limits[0])), int(self.x.searchsorted(limits[1], "right")))
            values, good = self.y[shown], self._good[shown]
            return values if good.all() else values[good]
        return self.y[self._good & (self.x >= limits[0]) & (self.x <= limits[1])]

    @cached_property
    def _blocks(self) -> tuple[Floats, Floats]:
        """The lowest and the highest y of every `_BLOCK` points that follow each other."""
        starts = np.arange(0, len(self.y), _BLOCK)
        return np.minimum.reduceat(self.y, starts), np.maximum.reduceat(self.y, starts)

    def span(self, log_x: bool = False) -> tuple[float, float] | None:
        """The lowest and the highest x that can be drawn; None if none can."""
        low, high = self._whole_span
        if log_x and low <= 0 < high:
            low = float(self.x[self.x > 0].min())
        return (low, high) if low <= high and (not log_x or low > 0) else None

    @cached_property
    def _whole_span(self) -> tuple[float, float]:
        if self.grows:
            return (float(self.x[0]), float(self.x[-1])) if len(self.x) else (np.inf, -np.inf)
        drawn = self.x[np.isfinite(self.x)]
        return (float(drawn.min()), float(drawn.max())) if len(drawn) else (np.inf, -np.inf)

    def near(self, x: float) -> int | None:
        """Which point is nearest to an x, the last logged of several; None beyond both ends.

        A cursor stands in a column and not at a point: half a percent beyond an end is still the end.
        """
        if (span := self.span()) is None:
            return None
        slack = (span[1] - span[0]) * 0.005
        if not span[0] - slack <= x <= span[1] + slack:
            return None
        if not self.grows:
            away = np.where(np.isfinite(self.x), np.abs(self.x - x), np.inf)
            return len(away) - 1 - int(away[::-1].argmin())
        after = int(self.x.searchsorted(x, "right"))
        if after == len(self.x) or (after and x - self.x[after - 1] <= self.x[after] - x):
            return after - 1
        return int(self.x.searchsorted(self.x[after], "right")) - 1

    def reduced(self, columns: int, limits: Limits = None, log_x: bool = False) -> tuple[Floats, Floats]:
        """The points that matter in a chart `columns` dots wide, in their order.

        The curve is cut into stretches: points that follow each other, lie in one column and have no gap between them.
        Of each stretch the first, last, lowest and highest point are kept, each once. Where x grows there is one
        stretch a column, and one more for every gap; an x that runs back (a resumed run, a metric against a metric)
        makes new ones each time it passes. A long cloud or a curve of gaps, with more than `STRETCHES` of them a
        column, keeps an outline instead: the extremes of every column, or of every 1/(2 columns) of the points where x
        runs to and fro.

        Args:
            columns: how many dots the chart is wide; a braille cell has two.
            limits: the part of x that is shown; what lies outside is dropped but for the neighbours, so that lines run
                on to the edge. All of x when None.
            log_x: columns are even in log10(x); what is not positive is a gap.

        Returns:
            x and y of the points kept. Gaps between two of them are one NaN in y; a curve of no more than 4 * columns
            points comes back whole. At most 4 * (columns + 2) points where x grows and nothing is missing, and never
            more than 8 * STRETCHES * (columns + 2), the gaps included.

        Raises:
            ValueError: columns is less than 1.
        """
        if columns < 1:
            raise ValueError(f"cannot reduce a curve to {columns} columns")
        if self._asked != (columns, limits, log_x):
            self._asked, self._answer = (columns, limits, log_x), self._reduce(columns, limits, log_x)
        return self._answer

    def _reduce(self, columns: int, limits: Limits, log_x: bool) -> tuple[Floats, Floats]:
        x, y = self.x, self.y
        if len(x) <= 4 * columns:
            return x, _nan_for_infinite(y)
        if self.grows:
            drawable = int(x.searchsorted(0, "right")) if log_x else 0
            low, high = _ordered(limits) if limits else (float(x[min(drawable, len(x) - 1)]), float(x[-1]))
            first = max(int(x.searchsorted(low)) - 1, drawable)
            end = max(min(int(x.searchsorted(high, "right")) + 1, len(x)), first)
            back, most = self._back, 4 * columns
        else:
            low, high = _ordered(limits) if limits else (self.span(log_x) or (1.0, 1.0))
            first, end, back, most = 0, len(x), self._back, STRETCHES * (columns + 2)
        if end - first <= most:
            return x[first:end], _nan_for_infinite(y[first:end])
        edges = column_edges(low, high, columns, log_x)
        cuts = first + _cuts(x[first:end], back, edges) if len(back) <= _RUNS_BACK else None
        good, gaps = self._good, self._gaps
        if log_x and not self.grows:
            good = good & (x > 0)
            gaps = _changes(good)
        gaps = gaps[gaps.searchsorted(first, "right") : gaps.searchsorted(end)]
        if cuts is None or len(cuts) + len(gaps) > STRETCHES * (columns + 2):
            drawn = first + np.flatnonzero(good[first:end])
            kept = _outline(x, y, drawn, columns, cuts if self.grows else None)
        else:
            starts = _each_once(cuts, gaps) if len(gaps) else cuts
            corners = (starts, _ends(starts, end) - 1, *self._extremes(starts, end))
            real = good[starts]
            kept = _each_once(*(corners if real.all() else (corner[real] for corner in corners)))
        return _broken(x[kept], y[kept], gaps.searchsorted(kept, "right")) if len(gaps) else (x[kept], y[kept])

    def _extremes(self, starts: Positions, end: int) -> tuple[Positions, Positions]:
        """As `_extremes`, for the groups that end at `end`: by the blocks where that saves reading every point."""
        if end - starts[0] <= 6 * _BLOCK * len(starts):
            lowest, highest = _extremes(self.y[starts[0] : end], starts - starts[0])
            return starts[0] + lowest, starts[0] + highest
        ends = _ends(starts, end)
        whole_from, whole_to = -(-starts // _BLOCK), ends // _BLOCK
        head_end = np.maximum(np.minimum(whole_from * _BLOCK, ends), starts + 1)
        tail = np.maximum(whole_to * _BLOCK, head_end)
        rims, of_rims = _ranges(np.column_stack((starts, tail)), np.column_stack((head_end, ends)))
        has_whole = np.flatnonzero(whole_to > whole_from)
        whole, of_whole = _ranges(whole_from[has_whole, None], whole_to[has_whole, None])
        found = []
        at_rims = self.y[rims]
        for blocks, best_of, sign in zip(self._blocks, _BEST, (1, -1), strict=True):
            # The highest of y is the lowest of -y; a NaN makes every comparison false, and the group meaningless.
            best, best_at = _best(best_of, at_rims, of_rims)
            place = rims[best_at]
            if len(has_whole):
                inner, inner_at = _best(best_of, blocks[whole], of_whole)
                better = ~(sign * inner >= sign * best[has_whole])
                block = whole[inner_at[better]] * _BLOCK
                inside = (sign * self.y[block[:, None] + np.arange(_BLOCK)]).argmin(axis=1)
                place[has_whole[better]] = block + inside
            found.append(place)
        return found[0], found[1]


def reduce_curve(
    x: Floats, y: Floats, columns: int, limits: Limits = None, log_x: bool = False
) -> tuple[Floats, Floats]:
    """`Series.reduced` for a curve that is reduced once."""
    return Series(x, y).reduced(columns, limits, log_x)


def _changes(good: Flags) -> Positions:
    """Where a gap begins or ends."""
    return np.flatnonzero(good[1:] != good[:-1]) + 1


def _broken(x: Floats, y: Floats, gaps_before: Positions) -> tuple[Floats, Floats]:
    """Points with a NaN in y between those that have gaps between them."""
    broken = np.flatnonzero(gaps_before[1:] != gaps_before[:-1]) + 1
    return np.insert(x, broken, x[broken - 1]), np.insert(y, broken, np.nan)


def _ranges(starts: Positions, ends: Positions) -> tuple[Positions, Positions]:
    """The numbers of ranges, (groups, ranges of one) of each, one after the other; and where each group begins."""
    counts = ends - starts
    flat = counts.ravel()
    numbers = np.repeat(starts.ravel() - (np.cumsum(flat) - flat), flat) + np.arange(flat.sum())
    sizes = counts.sum(axis=1)
    return numbers, np.cumsum(sizes) - sizes


def _ends(starts: Positions, end: int) -> Positions:
    """Where groups end that follow each other. `np.append` says the same in five times the time."""
    ends = np.empty_like(starts)
    ends[:-1] = starts[1:]
    ends[-1:] = end
    return ends


def _best(best_of: np.ufunc, values: Floats, starts: Positions) -> tuple[Floats, Positions]:
    """The lowest or the highest value of every group and where it is; nowhere in particular where there is a NaN."""
    best: Floats = best_of.reduceat(values, starts)
    hits = np.flatnonzero(values == best.repeat(_ends(starts, len(values)) - starts))
    at = hits.searchsorted(starts)
    return best, hits.take(at, mode="clip") if len(hits) else at


def _outline(x: Floats, y: Floats, good: Positions, columns: int, cuts: Positions | None) -> Positions:
    """The corners of every column as if nothing were missing; without `cuts`, of every 1/(2 columns) of the points."""
    if not len(good):
        return good
    if cuts is None:
        starts = np.linspace(0, len(good), 2 * columns, endpoint=False).astype(np.intp)
    else:
        starts = good.searchsorted(cuts)
    starts = _each_once(starts[starts < len(good)])
    corners = [starts, np.append(starts[1:], len(good)) - 1, *_extremes(y[good], starts)]
    if cuts is None:
        corners += _extremes(x[good], starts)
    return good[_each_once(*corners)]


def _extremes(y: Floats, starts: Positions) -> tuple[Positions, Positions]:
    """Positions of the lowest and the highest y of every group.

    A group runs up to the next start; where it is not all finite, its positions mean nothing.
    """
    lowest, highest = (_best(best_of, y, starts)[1] for best_of in _BEST)
    return lowest, highest


def _cuts(x: Floats, back: Positions, edges: Floats) -> Positions:
    """Where a new stretch begins: at the start, where x enters another column, and where it runs back."""
    if len(back):
        bounds = [0, *back.tolist(), len(x)]
        entered = [start + x[start:end].searchsorted(edges) for start, end in itertools.pairwise(bounds)]
        cuts = _each_once(np.array(bounds), *entered)
    else:
        cuts = np.zeros(len(edges) + 1, np.intp)
        cuts[1:] = x.searchsorted(edges)
        cuts = _without_repeats(cuts)
    return cuts[: cuts.searchsorted(len(x))]


@lru_cache(64)
def column_edges(low: float, high: float, columns: int, log: bool) -> Floats:
    """Where one dot column ends and the next begins, columns + 1 positions in the unit of the limits.

    Dots are centred on the limits, so an outer column would reach half a column beyond; it is cut off at the limit,
    which sets off the neighbours outside. All curves of a chart ask for the same: not to be written to.
    """
    if log:
        low, high = float(np.log10(max(low, 5e-324))), float(np.log10(max(high, 5e-324)))
    share = np.clip((np.arange(columns + 1) - 0.5) / max(columns - 1, 1), 0, 1)
    edges: Floats = low * (1 - share) + high * share
    with np.errstate(over="ignore"):  # infinite is just as good
        edges[-1] = np.nextafter(high, np.inf)
        edges = 10.0**edges if log else edges
    edges = np.maximum.accumulate(edges)  # where the limits are almost one, rounding takes them to and fro
    edges.flags.writeable = False
    return edges


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    return min(limits), max(limits)


def _each_once(*positions: Positions) -> Positions:
    """All of them, growing. `np.unique` says the same but hashes: 110 us for 1,000 against 12."""
    growing = np.concatenate(positions)
    growing.sort()
    return _without_repeats(growing)


def _without_repeats(growing: Positions) -> Positions:
    new = np.empty(len(growing), np.bool_)
    new[:1] = True
    np.not_equal(growing[1:], growing[:-1], out=new[1:])
    return growing[new]


def _nan_for_infinite(y: Floats) -> Floats:
    finite = np.isfinite(y)
    return y if finite.all() else np.where(finite, y, np.nan)
