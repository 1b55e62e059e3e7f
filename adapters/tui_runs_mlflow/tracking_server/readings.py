"""The points of series, read page by page, and what they add up to.

The server's pages are counted from the first point, and databases sort a series by time, step and value: a cursor is
a number of points. A point may come late and fall before the cursor, so every page but the first begins with the
last point that is known, and where that is another one the series is read from its start again.

What a run's record says of a metric is its latest point only. Of how many there are, and of the best, the server
tells nothing but every point; so these values are exact for the series whose points somebody asked for, and unknown
for all others: asking for all of a team's histories would be tens of thousands of requests.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tui_runs.adapter import Cursor, History, SeriesId
from tui_runs.schema import HISTORY, empty
from tui_runs_mlflow.metric_lines import POINTS, summarise, time_of
from tui_runs_mlflow.metric_series import Summary
from tui_runs_mlflow.tracking_server.client import ClosedError, PointPage, PointRequest, TrackingClient
from tui_runs_mlflow.tracking_server.served_runs import MetricRow, Point, point_of
from tui_runs_mlflow.tracking_server.troubles import RefusedError, ServerLostError, not_mlflow

_AT_ONCE: Final = 4
"""Requests at the same time: a team's server has others to serve."""
_PAGE: Final = 10_000
_BUDGET: Final = 50_000
_BUDGET_SECONDS: Final = 1.0
"""What one call of `Readings.read` reads: so many points, or until so much time has passed."""
_REST_SECONDS: Final = 1.0
"""A series that was read to its end is not asked for again within this time, unless it is known to have grown."""
_ANCHORS: Final = 8
"""Positions of a series from which reading can go on."""


@dataclass(slots=True)
class _Reading:
    """One series as far as it has been read.

    Args:
        position: how many points are summed up.
        summary: of these; None for no points.
        whole: the last answer went to the end.
        read_at: when it did, on the monotonic clock.
        anchors: the last point before each position that was handed out lately.
    """

    position: int = 0
    summary: Summary | None = None
    whole: bool = False
    read_at: float = 0.0
    anchors: dict[int, Point] = field(default_factory=dict)

    def hold(self, position: int, last: Point) -> None:
        self.anchors.pop(position, None)
        self.anchors[position] = last
        while len(self.anchors) > _ANCHORS:
            del self.anchors[next(iter(self.anchors))]

    @property
    def latest(self) -> Point | None:
        return Point(self.summary.last_step, self.summary.last_ms, self.summary.last) if self.summary else None


class Readings:
    """Reads points of one server and remembers what they add up to; may be used from several threads.

    Args:
        client: whom to ask.
        latest_of: the latest point of a series as its run's record said it; None where that is not known.
        on_news: called when `news` has something to say.
    """

    def __init__(
        self, client: TrackingClient, latest_of: Callable[[SeriesId], Point | None], on_news: Callable[[], object]
    ) -> None:
        self._client, self._latest_of, self._on_news = client, latest_of, on_news
        self._readings: dict[SeriesId, _Reading] = {}
        self._news: set[SeriesId] = set()
        self._lock = threading.Lock()
        self._pages = True
        """The server gives a part of a series; those before 3.0 give all of it."""

    # --- what is known ----------------------------------------------------------------------------------------------

    def rows(self, run_id: str, metrics: Mapping[str, Point]) -> Iterator[MetricRow]:
        """The rows of some metrics of a run, exact where their points have been read.

        Args:
            run_id: whose.
            metrics: their latest points.
        """
        for key, latest in metrics.items():
            with self._lock:
                self._news.discard((run_id, key))
                row = _row(run_id, key, latest, self._readings.get((run_id, key)))
            yield row

    def news(self) -> list[MetricRow]:
        """The series that have been read to their ends since they were last said."""
        with self._lock:
            told = [(series, reading) for series in self._news if (reading := self._readings.get(series))]
            self._news.clear()
            return [
                _row(*series, reading.latest, reading) for series, reading in told if reading.whole and reading.latest
            ]

    def forget(self, run_ids: Iterable[str]) -> None:
        """Drop what is known of runs that are gone."""
        gone = set(run_ids)
        with self._lock:
            for series in [one for one in self._readings if one[0] in gone]:
                del self._readings[series]

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, series: Sequence[SeriesId], cursor: Cursor) -> History:
        """Read points after a cursor. See `tui_runs.adapter.Source.history`.

        Raises:
            ServerLostError: the server cannot be read, and nothing has come.
        """
        offsets = {**cursor, **{one: cursor.get(one, 0) for one in series}}
        queue = deque(one for one in series if not self._rests(one, offsets[one]))
        chunks: dict[SeriesId, list[Point]] = {}
        restarted: set[SeriesId] = set()
        until, got = time.monotonic() + _BUDGET_SECONDS, 0
        first = True
        while queue and (first or (got + _AT_ONCE * _PAGE <= _BUDGET and time.monotonic() < until)):
            first = False
            wave = [queue.popleft() for _ in range(min(_AT_ONCE, len(queue)))]
            try:
                requests = [self._request(one, offsets[one]) for one in wave]
                for one, request, page in zip(wave, requests, self._client.points(requests), strict=True):
                    new, more, anew = self._take(one, offsets[one], request, page)
                    if anew:
                        restarted.add(one)
                        chunks[one], offsets[one] = [], 0
                    chunks.setdefault(one, []).extend(new)
                    offsets[one] += len(new)
                    got += len(new)
                    if more:
                        queue.appendleft(one)
            except ClosedError:
                queue.extend(wave)
                break
            except ServerLostError:
                if got == 0:
                    raise
                queue.extend(wave)
                break  # the next call says it
        return History(_history_frame(chunks), offsets, not queue, frozenset(restarted))

    def _rests(self, series: SeriesId, offset: int) -> bool:
        """Whether nothing can be new: it has just been read, and no growth has been heard of."""
        with self._lock:
            reading = self._readings.get(series)
        if reading is None or not reading.whole or reading.position != offset or reading.latest is None:
            return False
        known = self._latest_of(series)
        recent = time.monotonic() - reading.read_at < _REST_SECONDS
        return recent and known is not None and known.same_place(reading.latest)

    def _request(self, series: SeriesId, offset: int) -> PointRequest:
        if offset < 2 or not self._pages:
            return PointRequest(*series, limit=_PAGE + 1)
        return PointRequest(*series, limit=_PAGE + 1, token=_page_token(offset - 1))

    def _take(
        self, series: SeriesId, offset: int, request: PointRequest, page: PointPage | RefusedError
    ) -> tuple[Sequence[Point], bool, bool]:
        """Take in a page.

        Returns:
            The points that are new, whether there are more, and whether the series is to be read from its start.
        """
        if isinstance(page, RefusedError):
            self._pages = False
            return (), request.token is not None, False
        points, more = self._points_of(page), page.next_token is not None
        if offset == 0:
            self._pages = self._pages and len(points) <= request.limit
            self._add(series, 0, points, more)
            return points, more, False
        if offset > 1 and request.token is None and more:
            points, more = points + self._all_after(series, page), False
        with self._lock:
            reading = self._readings.get(series)
            anchor = reading.anchors.get(offset) if reading else None
        if anchor is None:
            return (), True, True
        if request.token is not None and points and _same(points[0], anchor):
            new = points[1:]
        elif len(points) >= offset and _same(points[offset - 1], anchor):
            self._pages = self._pages and request.token is None
            new = points[offset:]
        else:
            return (), True, True
        self._add(series, offset, new, more)
        return new, more, False

    def _all_after(self, series: SeriesId, page: PointPage) -> list[Point]:
        """The points of every page after this one, by the server's own tokens."""
        points: list[Point] = []
        token = page.next_token
        while token is not None:
            request = PointRequest(*series, limit=_PAGE + 1, token=token)
            following = self._client.points([request])[0]
            if isinstance(following, RefusedError):
                break
            points += self._points_of(following)
            token = following.next_token if following.next_token != token else None
        return points

    def _points_of(self, page: PointPage) -> list[Point]:
        try:
            return [point_of(one) for one in page.points]
        except ValueError:
            raise not_mlflow(self._client.server) from None

    def _add(self, series: SeriesId, offset: int, new: Sequence[Point], more: bool) -> None:
        """Sum up points that were not yet."""
        with self._lock:
            reading = self._readings.setdefault(series, _Reading())
            if offset == 0:
                reading = self._readings[series] = _Reading()
            end = offset + len(new)
            if new:
                reading.hold(end, new[-1])
            fresh = new[reading.position - offset :] if offset <= reading.position < end else ()
            if fresh:
                later = _summary(fresh)
                reading.summary = reading.summary.merge(later) if reading.summary else later
                reading.position = end
            whole, reading.whole = reading.whole, not more and reading.position == end
            if reading.whole:
                reading.read_at = time.monotonic()
            news = reading.whole and (fresh or not whole)
            if news:
                self._news.add(series)
        if news:
            self._on_news()


def _row(run_id: str, key: str, latest: Point, reading: _Reading | None) -> MetricRow:
    if reading is None or reading.summary is None or reading.latest is None:
        return MetricRow(run_id, key, latest.value, latest.step, latest.ms, None, None, None, None, None, False)
    said = reading.summary
    exact = reading.whole and reading.latest[:2] >= latest[:2]
    last = reading.latest if reading.latest[:2] > latest[:2] else latest
    best = (said.min, said.min_step, said.max, said.max_step, said.points)
    return MetricRow(run_id, key, last.value, last.step, last.ms, *best, exact)


def _same(one: Point, other: Point) -> bool:
    return one.same_place(other) and repr(one.value) == repr(other.value)


def _page_token(offset: int) -> str:
    """A token as MLflow's servers make them (mlflow.utils.search_utils); others refuse it, which is taken in."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def _columns(points: Sequence[Point]) -> dict[str, pl.Series]:
    steps, times, values = zip(*points, strict=True)
    return {
        "ms": pl.Series(times, dtype=pl.Int64),
        "value": pl.Series(values, dtype=pl.Float64),
        "step": pl.Series(steps, dtype=pl.Int64),
    }


def _summary(points: Sequence[Point]) -> Summary:
    frame = pl.DataFrame({"series": pl.zeros(len(points), dtype=pl.UInt32, eager=True), **_columns(points)})
    return Summary(*summarise(frame.select(POINTS.keys())).row(0)[1:])


def _history_frame(chunks: Mapping[SeriesId, Sequence[Point]]) -> pl.DataFrame:
    frames = [
        pl.DataFrame(_columns(points)).select(
            pl.lit(run_id).alias("run_id"),
            pl.lit(key).alias("key"),
            "step",
            time_of(pl.col("ms")).alias("time"),
            "value",
        )
        for (run_id, key), points in chunks.items()
        if points
    ]
    return pl.concat(frames) if frames else empty(HISTORY)
