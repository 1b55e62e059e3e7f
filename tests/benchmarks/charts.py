"""What charts cost: redraw, zoom, pan, a page of nine, a live point. Run as `python -m tests.benchmarks.charts`.

The app runs headless, in this process, on a store in memory: from the action of a key to the strips that are painted.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from tests.benchmarks.table import Row, Took, markdown, middle, seconds, spread
from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.analysis.chart_choices import Kind, Smoothing, Spread
from tui_runs.analysis.reduction import Series
from tui_runs.analysis.smoothing import smooth
from tui_runs.drawing import RUN_COLOURS, Axes, Curve, Ribbon, draw_chart
from tui_runs.frames.workspace import OpenSource, SourceState, Workspace
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, conform, empty
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.widgets.chart import Chart
from tui_runs.tui.widgets.drawings import Drawings

_START: Final = datetime(2026, 11, 1, tzinfo=UTC)
_SIZE: Final = (130, 36)
"""Room for three charts by three."""
_REST: Final = 0.6
"""Seconds before each action, as somebody takes to look at a page: the next one is drawn meanwhile."""
_PAGES: Final = 4
_NEXT_PAGES: Final = 9
"""Pages that are turned to one after the other, none of which was on the screen before."""


class MemorySource:
    """A store that holds some runs with curves, and nothing else.

    Args:
        runs: how many.
        metrics: their names.
        points: of every curve.
    """

    name = "memory"
    uri = "memory:"

    def __init__(self, runs: int, metrics: list[str], points: int) -> None:
        self._ids = [f"run{number}" for number in range(runs)]
        self._metrics, self._points = metrics, points

    def scan(self) -> Iterator[RunBatch]:
        """All at once."""
        facts = [
            {"run_id": run, "name": run, "status": "running", "started": _START + timedelta(seconds=at)}
            for at, run in enumerate(self._ids)
        ]
        metrics = [
            {"run_id": run, "key": key, "last": 0.5, "count": self._points}
            for run in self._ids
            for key in self._metrics
        ]
        yield RunBatch(
            conform(pl.DataFrame(facts), RUNS),
            empty(PARAMS),
            empty(PARAMS),
            conform(pl.DataFrame(metrics), METRICS),
            [],
        )

    def history(self, run_ids: list[str], metrics: list[str] | None = None, cursor: Cursor | None = None) -> History:
        """The points of some curves: a decay with noise."""
        step = pl.Series("step", np.arange(self._points))
        frames = []
        new: Cursor = {}
        for run in run_ids:
            for metric in metrics or self._metrics:
                if (cursor or {}).get((run, metric)):
                    continue
                rng = np.random.default_rng(abs(hash((run, metric))))
                value = np.exp(-np.arange(self._points) / self._points * 3) + rng.standard_normal(self._points) / 20
                new[run, metric] = self._points
                frames.append(_history(run, metric, step, value))
        return History(pl.concat(frames) if frames else empty(HISTORY), new, True)

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Nothing happens."""
        yield Change()

    def close(self) -> None:
        """Nothing is open."""


def _history(run: str, metric: str, step: pl.Series, value: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame({"step": step, "value": value}).with_columns(
        pl.lit(run).alias("run_id"),
        pl.lit(metric).alias("key"),
        (pl.lit(_START) + pl.duration(seconds=pl.col("step"))).alias("time"),
    )
    return conform(frame, HISTORY)


class _Watch:
    """Takes the time of what is done between its making and `stop`."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> Took:
        return Took(time.perf_counter() - self._wall, time.process_time() - self._cpu)


def _taken(repeats: int, act: Callable[[int], object]) -> list[Took]:
    gc.collect()
    taken = []
    for number in range(repeats):
        watch = _Watch()
        act(number)
        taken.append(watch.stop())
    return taken


def _row(figure: str, taken: Sequence[Took], goal: float | None = None) -> Row:
    """The median, by the clock and in CPU time; the goal is for the clock."""
    took = middle(taken)
    note = f"{figure}: {spread([one.wall for one in taken])}."
    if goal is None:
        return Row(figure, str(took), note=note)
    return Row(figure, str(took), wanted=f"< {seconds(goal)}", reached=took.wall < goal, note=note)


def measure_long_curves(repeats: int = 15) -> Iterator[Row]:
    """Ten curves of a million points in one large chart, 150 x 40."""
    rng = np.random.default_rng(0)
    x = np.arange(1_000_000.0)
    values = [np.exp(-x / 3e5) + rng.standard_normal(len(x)) / 20 for _ in range(10)]

    def curves() -> list[Curve]:
        return [Curve(Series(x, y), RUN_COLOURS[at % 8]) for at, y in enumerate(values)]

    runs = "10 runs x 1,000,000 points"
    yield _row(f"{runs}, first drawn", _taken(3, lambda _: draw_chart(curves(), 150, 40, Axes())))
    kept = curves()
    draw_chart(kept, 150, 40, Axes())

    def draw(low: float, high: float) -> object:
        return draw_chart(kept, 150, 40, Axes(x_limits=(low, high)))

    moves: dict[str, Callable[[int], object]] = {
        "redrawn": lambda n: draw_chart(kept, 150 - n % 2, 40, Axes()),
        "zoomed": lambda n: draw(5e5 - 4e5 * 0.7**n, 5e5 + 4e5 * 0.7**n),
        "panned": lambda n: draw(1e5 + 2e4 * n, 5e5 + 2e4 * n),
        "another cursor": lambda n: draw_chart(kept, 150, 40, Axes(), cursor=5e5 + 1e4 * n),
        "outliers ignored": lambda n: draw_chart(kept, 150 - n % 2, 40, Axes(ignore_outliers=True)),
    }
    for name, act in moves.items():
        yield _row(f"{runs}, {name}", _taken(repeats, act), None if name == "outliers ignored" else 0.05)
    ribbon = Ribbon([curve.points for curve in kept], Spread.DEVIATION, RUN_COLOURS[0], "#203040")
    yield _row(f"{runs}, as a band", _taken(3, lambda _: draw_chart([], 150, 40, Axes(), ribbons=[ribbon])))
    for kind, strength in ((Kind.EMA, 0.9), (Kind.TIME_EMA, 0.9), (Kind.MEAN, 51.0), (Kind.GAUSSIAN, 5.0)):
        how = Smoothing(kind, strength)
        taken = _taken(3, lambda _: smooth(x, values[0], how))  # noqa: B023  called at once
        yield _row(f"1,000,000 points, {how.label}", taken)


async def _painted(app: TuiRunsApp, act: Callable[[], object], *, forget: bool = False) -> Took:
    """From an action until the charts that show something else are painted; Textual paints 60 times a second.

    Raises:
        TimeoutError: nothing has changed.
    """
    await asyncio.sleep(_REST)
    charts = list(app.screen.query(Chart))
    before = [chart._picture for chart in charts]
    if forget:
        _forget_drawings(app)
    watch = _Watch()
    act()
    async with asyncio.timeout(5):
        while [chart._picture for chart in charts] == before or any(chart._stale for chart in charts):
            await asyncio.sleep(0.002)
    return watch.stop()


async def _in_app(
    runs: int,
    metrics: int,
    points: int,
    act: Callable[[TuiRunsApp, int], object],
    repeats: int = 20,
    *,
    forget: bool = False,
    seen: bool = True,
) -> list[Took]:
    """What an action takes in the app, with so many runs marked and nine charts on the screen.

    Args:
        runs: how many.
        metrics: that they have.
        points: of every curve.
        act: the action, and how often it was taken before.
        repeats: how often it is taken.
        forget: all drawings before each time.
        seen: all pages were on the screen before, and their points are held.
    """
    names = [f"train/metric_{number:02}" for number in range(metrics)]
    source = MemorySource(runs, names, points)
    workspace = Workspace(now=lambda: _START)
    workspace.sources["memory"] = OpenSource("memory", "memory", source, SourceState.READING)  # type: ignore[arg-type]
    app = TuiRunsApp(workspace)
    async with app.run_test(size=_SIZE) as pilot:
        await _wait(app, pilot)
        main = app.main
        assert main is not None
        for _ in range(runs):
            await pilot.press("space")
        await pilot.press("z", "tab", "2")
        await _wait(app, pilot)
        for _ in range(-(-metrics // 9) if seen else 0):
            main.action_page(1)
            await _wait(app, pilot)
        main.action_page(-99)
        await _wait(app, pilot)
        assert len(main.charts.metrics_shown) == 9
        gc.collect()
        return [await _painted(app, lambda n=n: act(app, n), forget=forget) for n in range(repeats)]  # type: ignore[misc]


def _forget_drawings(app: TuiRunsApp) -> None:
    """Have every chart drawn from its points, and these reduced anew."""
    assert app.main is not None
    app.main.charts._drawings = drawings = Drawings()
    for chart in app.screen.query(Chart):
        chart._drawings = drawings
    app.main.charts._curves._kept.clear()


async def _wait(app: TuiRunsApp, pilot: object) -> None:
    for _ in range(2):
        while not app.settled:
            await asyncio.sleep(0.01)
        await pilot.pause()  # type: ignore[attr-defined]


def measure_app() -> Iterator[Row]:
    """Nine charts in the app at 160 x 45: pages, zoom, smoothing, a live point."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    live = [_history("run0", "train/metric_00", pl.Series([10_000 + at]), np.array([0.5])) for at in range(20)]

    def act(name: str) -> Callable[[TuiRunsApp, int], object]:
        def run(app: TuiRunsApp, number: int) -> object:
            main = app.main
            assert main is not None
            match name:
                case "the next page":
                    return main.action_page(1)
                case "a page seen before":
                    return main.action_page(1 if number % 2 == 0 else -1)
                case "a page that nobody foresaw":
                    return main.action_page(2 if number % 2 == 0 else -2)
                case "zoom":
                    return main.action_chart_zoom(0.8 if number % 2 == 0 else 1.25)
                case "cursor":
                    return main.action_chart_cursor(-1)
                case "smoothing":
                    return main.action_smooth_more(1 if number % 2 == 0 else -1)
            key = ("run0", "train/metric_00")
            held = app.workspace.histories._held[("memory", *key)]
            from tui_runs.frames.histories import HistoryRequest

            request = HistoryRequest("memory", ("run0",), ("train/metric_00",), {key: held.cursor})
            app.workspace.apply_history(request, History(live[number], {key: held.cursor + 1}, True))
            return main.keep_current("below")

        return run

    what = "9 charts x 5 runs x 10,000 points"
    goals = {"a page seen before": 0.026, "the next page": 0.026, "a live point": 0.010}
    unforeseen = "a page that nobody foresaw"
    taken = asyncio.run(_in_app(5, 9 * _NEXT_PAGES, 10_000, act("the next page"), _NEXT_PAGES - 1, seen=False))
    yield _row(f"{what}, the next page", taken, goals["the next page"])
    for name in ("a page seen before", unforeseen, "zoom", "cursor", "smoothing", "a live point"):
        taken = asyncio.run(_in_app(5, 9 * _PAGES, 10_000, act(name), forget=name == unforeseen))
        yield _row(f"{what}, {name}", taken, goals.get(name))
    for runs, points in ((1, 10_000), (50, 1000)):
        taken = asyncio.run(_in_app(runs, 9 * _PAGES, points, act(unforeseen), 10, forget=True))
        yield _row(f"9 charts x {runs} runs x {points:,} points, {unforeseen}", taken)


if __name__ == "__main__":
    parts = {"curves": measure_long_curves, "app": measure_app}
    print(markdown([row for name in sys.argv[1:] or parts for row in parts[name]()]))
