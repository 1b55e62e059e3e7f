"""What the user chose of the charts, and how zooming and panning change it. It needs no numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tui_runs.analysis.chart_choices import Circle, Smoothing, Spread, XAxis

Span = tuple[float, float]
MOST_CHARTS: Final = 36
"""Charts on a page."""


class YScale(Circle):
    """How values become heights; the value is what a title says."""

    LINEAR = ""
    LOG = "log y"
    SYMLOG = "symlog y"


class ChartSize(Circle):
    """How large charts are: the least cells that each one wants."""

    NORMAL = (38, 9)
    SMALL = (25, 6)
    LARGE = (64, 14)


class Zoom(NamedTuple):
    """A part of x.

    Args:
        low: where it begins; where the curves do, when infinite.
        high: where it ends; where the curves do, when infinite.
        at_end: it ended where the curves did, and goes on with them as they grow.
    """

    low: float
    high: float
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class ChartState:
    """Everything that can be chosen of the charts, but for the page: that hangs on the terminal's size.

    Args:
        x: what they are drawn over.
        x_metric: which metric, for `XAxis.METRIC`.
        log_x: the x axis is logarithmic.
        y: how values become heights.
        smoothing: of every curve.
        zoom: the part of x that is shown, in every chart the same; all of it when None.
        cursor: an x that the user looks at.
        name: only metrics with this in their name are shown.
        prefix: only metrics whose name begins with this and "/" are shown; all when empty.
        single: one large chart.
        size: of the charts where there are several.
        grid: (rows, columns) of them, (0, n) for n however they fit; as many as their size lets fit when (0, 0).
        pinned: metrics that come first, in this order.
        y_limits: limits of y set by hand, by metric, those of "" for all others; an infinite end is as far as the
            curves go.
        ignore_outliers: y axes show where most values lie.
        bands: the runs are drawn as one, with a band of this kind; each by itself when None.
    """

    x: XAxis = XAxis.STEP
    x_metric: str = ""
    log_x: bool = False
    y: YScale = YScale.LINEAR
    smoothing: Smoothing = Smoothing()  # noqa: RUF009  frozen, like this
    zoom: Zoom | None = None
    cursor: float | None = None
    name: str = ""
    prefix: str = ""
    single: bool = False
    size: ChartSize = ChartSize.NORMAL
    grid: tuple[int, int] = (0, 0)
    pinned: tuple[str, ...] = ()
    y_limits: tuple[tuple[str, Span], ...] = ()
    ignore_outliers: bool = False
    bands: Spread | None = None

    def over(self, x: XAxis, metric: str = "") -> ChartState:
        """The same over another x; parts of the old one mean nothing there."""
        return replace(self, x=x, x_metric=metric, zoom=None, cursor=None)

    def shown(self, metrics: Sequence[str]) -> list[str]:
        """Those of some metrics that pass name and prefix: the pinned ones, and the others in their order."""
        wanted = self.name.lower()
        found = {key: None for key in metrics if wanted in key.lower() and self.prefix in ("", prefix_of(key))}
        return list(dict.fromkeys([key for key in self.pinned if key in found]) | found)

    def turned_pin(self, metric: str) -> ChartState:
        """With a metric pinned behind the pinned ones, or no longer pinned."""
        rest = tuple(key for key in self.pinned if key != metric)
        return replace(self, pinned=rest if metric in self.pinned else (*self.pinned, metric))

    def y_span(self, metric: str) -> Span | None:
        """The limits that were set by hand for the y axis of a metric."""
        spans = dict(self.y_limits)
        return spans.get(metric, spans.get(""))

    def with_y_span(self, metric: str, span: Span | None) -> ChartState:
        """With such limits for a metric, or for all that have none of their own when it is "": none when None."""
        rest = tuple(one for one in self.y_limits if one[0] != metric)
        return replace(self, y_limits=(*rest, (metric, span)) if span else rest)

    @property
    def whole(self) -> ChartState:
        """With whole curves: no zoom, no limits set by hand, no cursor."""
        return replace(self, zoom=None, cursor=None, y_limits=())

    @property
    def unzoomed(self) -> ChartState:
        """With all of x, and no cursor."""
        return replace(self, zoom=None, cursor=None)

    def limits(self, whole: Span | None) -> Span | None:
        """The part of x to draw, now that the curves reach over `whole`."""
        if self.zoom is None or whole is None:
            return None
        if not self.zoom.at_end:
            low, high = (end if math.isfinite(end) else own for end, own in zip(self.zoom[:2], whole, strict=True))
            return (low, high) if low < high else None  # half open, and the curves do not reach there
        low, high = (_bent(end, self.log_x) for end in self.zoom[:2])
        end = _bent(whole[1], self.log_x)
        # A run may be shorter than the part that was chosen in another: of that, all is shown.
        return _straight(max(low + end - high, _bent(whole[0], self.log_x)), self.log_x), whole[1]

    def zoomed(self, whole: Span, factor: float, around: float | None = None) -> ChartState:
        """A part of x so many times as wide, with `around` where it is; all of x when it is as wide.

        Args:
            whole: from where to where the curves reach.
            factor: 0.5 shows half of what was shown.
            around: the cursor, or else the middle, when None.
        """
        low, high, first, last = self._seen(whole)
        anchor = self.cursor if around is None else around
        middle = _bent(anchor, self.log_x) if anchor is not None else (low + high) / 2
        middle = min(max(middle, low), high)
        return self._showing(middle - (middle - low) * factor, middle + (high - middle) * factor, first, last)

    def panned(self, whole: Span, share: float) -> ChartState:
        """The part of x further to the right by a share of its width; it stays within the whole."""
        low, high, first, last = self._seen(whole)
        shift = min(max(share * (high - low), first - low), last - high)
        return self._showing(low + shift, high + shift, first, last)

    def pointed(self, whole: Span, share: float) -> ChartState:
        """The cursor further to the right by a share of the width; at the end it comes from when it is new."""
        low, high, *_ = self._seen(whole)
        if self.cursor is None:
            place = high if share < 0 else low
        else:
            place = min(max(_bent(self.cursor, self.log_x) + share * (high - low), low), high)
        return replace(self, cursor=_straight(place, self.log_x))

    def _seen(self, whole: Span) -> tuple[float, float, float, float]:
        """What is shown, and the whole, as they lie on the axis."""
        seen = self.limits(whole) or whole
        low, high, first, last = (_bent(end, self.log_x) for end in (*seen, *whole))
        return low, high, first, last

    def _showing(self, low: float, high: float, first: float, last: float) -> ChartState:
        slack = 1e-9 * (last - first)
        if low <= first + slack and high >= last - slack:
            return replace(self, zoom=None)
        if high - low < max(1e-12 * max(abs(first), abs(last)), 1e-300):
            return self  # nothing could be told apart any more
        low, high = max(low, first), min(high, last)
        zoom = Zoom(_straight(low, self.log_x), _straight(high, self.log_x), at_end=high >= last - slack)
        return replace(self, zoom=zoom)


def best_rows(charts: int, width: int, height: int) -> int:
    """In how many rows so many charts are least squeezed.

    Args:
        charts: at least one.
        width: of all, in cells.
        height: the same.
    """
    wide, high = ChartSize.NORMAL.value

    def room(rows: int) -> tuple[float, int]:
        return min(width / -(-charts // rows) / wide, height / rows / high), -rows

    return max(range(1, charts + 1), key=room)


def prefix_of(metric: str) -> str:
    """The group of a metric: what stands before its first "/"; nothing where there is none."""
    return metric.partition("/")[0] if "/" in metric else ""


def prefixes(metrics: Sequence[str]) -> list[str]:
    """The groups of some metrics, in the order in which they come."""
    return list(dict.fromkeys(prefix for metric in metrics if (prefix := prefix_of(metric))))


def _bent(x: float, log: bool) -> float:
    return math.log10(max(x, 5e-324)) if log else x


def _straight(place: float, log: bool) -> float:
    return float(10.0**place) if log else place
