"""The next page of charts is fetched and drawn while the user rests on one, and no key waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from textual.pilot import Pilot

from tests.tui.conftest import Opened, settle, until
from tests.tui.test_charts import pane_of, points_of, press, state_of
from tui_runs.adapter import History
from tui_runs.frames.histories import HistoryRequest, SeriesKey
from tui_runs.schema import HISTORY, conform
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.charts.state import ChartState
from tui_runs.tui.widgets.chart import Chart
from tui_runs.tui.widgets.look_ahead import LookAhead


class Grid:
    """A grid whose timers fire when they are told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.drawn: list[str] = []

    def set_timer(self, _: float, callback: Callable[[], None]) -> Grid:
        self.waiting.append(callback)
        return self

    def stop(self) -> None:
        self.waiting.clear()

    def draw_ahead(self, picture: str) -> None:
        self.drawn.append(picture)

    def placed(self, pictures: list[str]) -> list[tuple[Grid, str]]:
        return [(self, picture) for picture in pictures]

    def fire(self) -> None:
        self.waiting.pop(0)()


class TestRest:
    @pytest.fixture
    def grid(self) -> Grid:
        return Grid()

    @pytest.fixture
    def fetched(self) -> list[str]:
        return []

    @pytest.fixture
    def ahead(self, grid: Any, fetched: list[str]) -> LookAhead:
        return LookAhead(grid, lambda: fetched.append("points"), lambda: ["a", "b"])  # type: ignore[list-item,return-value]

    def test_one_chart_after_the_other(self, ahead: LookAhead, grid: Grid, fetched: list[str]) -> None:
        ahead.rest_on("page", "look")
        assert (fetched, grid.drawn) == ([], [])
        grid.fire()
        assert (fetched, grid.drawn) == (["points"], ["a"])
        while grid.waiting:
            grid.fire()
        assert grid.drawn == ["a", "b"]

    def test_nothing_is_done_twice(self, ahead: LookAhead, grid: Grid) -> None:
        ahead.rest_on("page", "look")
        while grid.waiting:
            grid.fire()
        ahead.rest_on("page", "look")
        assert not grid.waiting

    def test_points_that_come_are_drawn_and_no_more_are_fetched(
        self, ahead: LookAhead, grid: Grid, fetched: list[str]
    ) -> None:
        for look in ("without points", "with points"):
            ahead.rest_on("page", look)
            while grid.waiting:
                grid.fire()
        assert (fetched, grid.drawn) == (["points"], ["a", "b", "a", "b"])

    def test_a_page_that_is_drawn_anew_before_the_rest_is_over_is_fetched_all_the_same(
        self, ahead: LookAhead, grid: Grid, fetched: list[str]
    ) -> None:
        ahead.rest_on("page", "without points")
        ahead.rest_on("page", "with points")
        assert len(grid.waiting) == 1
        grid.fire()
        assert fetched == ["points"]

    def test_who_turns_many_pages_waits_for_none(self, ahead: LookAhead, grid: Grid, fetched: list[str]) -> None:
        for page in "abcd":
            ahead.rest_on(page, page)
        assert (len(grid.waiting), fetched, grid.drawn) == (1, [], [])

    def test_what_is_left_is_left_when_the_user_goes_on(self, ahead: LookAhead, grid: Grid) -> None:
        ahead.rest_on("page", "look")
        grid.fire()
        ahead.rest_on("other", "look")
        assert len(grid.waiting) == 1
        ahead.stop()
        assert not grid.waiting


def drawn_ahead(pilot: Pilot[int]) -> bool:
    """Whether every chart of the next page is kept as it would be drawn."""
    pane = pane_of(pilot)
    kept = {(key[0], key[1]) for key in pane._drawings._kept}  # type: ignore[index]
    placed = pane.placed(pane._pages.page(pane.next_metrics).pictures)
    return bool(placed) and all((picture.identity, chart.size) in kept for chart, picture in placed)


async def rest(pilot: Pilot[int]) -> None:
    """Wait until the next page is fetched and drawn."""
    pane, histories = pane_of(pilot), pilot.app.workspace.histories
    await until(pilot, lambda: histories.whole(pane._pages.series(pane.next_metrics, pane._runs, pane.state)))
    await settle(pilot)
    await until(pilot, lambda: drawn_ahead(pilot))


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The metrics of the charts that are drawn, one after the other."""
    drawn: list[str] = []
    draw = Chart._draw

    def noted(self: Chart, picture: Any) -> Any:
        drawn.append(picture.metric)
        return draw(self, picture)

    monkeypatch.setattr(Chart, "_draw", noted)
    return drawn


@pytest.fixture
def foreseen(monkeypatch: pytest.MonkeyPatch) -> list[list[SeriesKey]]:
    """What was to be fetched for later, one after the other."""
    asked: list[list[SeriesKey]] = []
    fetch = TuiRunsApp.fetch_for_later

    def noted(self: TuiRunsApp, series: Any) -> None:
        asked.append(list(series))
        fetch(self, series)

    monkeypatch.setattr(TuiRunsApp, "fetch_for_later", noted)
    return asked


async def two_charts(pilot: Pilot[int]) -> None:
    pane_of(pilot).look(ChartState(grid=(1, 2)))
    await settle(pilot)


def grow(pilot: Pilot[int], metric: str) -> None:
    """One point more of a curve of the run that is charted."""
    workspace, (run,) = pilot.app.workspace, pane_of(pilot)._runs
    held = workspace.histories._held[SeriesKey(*run, metric)]
    last = points_of(pilot, run, metric)[-1:]
    more = last.with_columns(pl.lit(run.run_id).alias("run_id"), pl.lit(metric).alias("key"), pl.col("step") + 1)
    key = (run.run_id, metric)
    request = HistoryRequest(run.source, (run.run_id,), (metric,), {key: held.cursor})
    workspace.apply_history(request, History(conform(more, HISTORY), {key: held.cursor + 1}, True))


class TestPage:
    async def test_turning_the_page_draws_nothing_anew(self, opened: Opened, drawings: list[str]) -> None:
        async with opened() as pilot:
            await two_charts(pilot)
            await rest(pilot)
            following = pane_of(pilot).next_metrics
            assert set(following) <= set(drawings)
            drawings.clear()
            pilot.app.simulate_key("n")
            await until(pilot, lambda: pane_of(pilot).metrics_shown == following)
            await pilot.pause()
            shown = [chart.render_line(0).text for chart in pilot.app.screen.query(Chart)]
            assert all(line.startswith(metric) for line, metric in zip(shown, following, strict=True))
            assert not set(following) & set(drawings)

    async def test_curves_that_grow_are_not_fetched_for_a_page_that_nobody_sees(
        self, opened: Opened, foreseen: list[list[SeriesKey]], drawings: list[str]
    ) -> None:
        async with opened() as pilot:
            await two_charts(pilot)
            await rest(pilot)
            before, (run,), later = len(foreseen), pane_of(pilot)._runs, pane_of(pilot).next_metrics
            assert {series.metric for series in foreseen[-1]} >= set(later)
            rows = [{"run_id": run.run_id, "key": metric} for metric in later]
            pilot.app.workspace.histories.grown(run.source, pl.DataFrame(rows))
            drawings.clear()
            # Points that came for another reason are drawn: when that is done, nothing was asked for on the way.
            grow(pilot, later[0])
            pilot.app.screen_stack[0].update_soon("below")
            await settle(pilot)
            await until(pilot, lambda: drawn_ahead(pilot))
            assert later[0] in drawings
            assert len(foreseen) == before

    async def test_what_is_on_the_screen_stays_needed(self, opened: Opened) -> None:
        async with opened() as pilot:
            await two_charts(pilot)
            await rest(pilot)
            needed = pilot.app.workspace.histories._needed
            assert needed >= set(pane_of(pilot).series(pane_of(pilot)._runs))

    async def test_a_key_that_is_pressed_meanwhile_is_not_lost(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pressed = []
        draw_ahead = Chart.draw_ahead

        def press_once(self: Chart, picture: Any) -> None:
            if not pressed:
                pressed.append(self.app.simulate_key("u"))
            draw_ahead(self, picture)

        async with opened() as pilot:
            monkeypatch.setattr(Chart, "draw_ahead", press_once)
            await two_charts(pilot)
            await until(pilot, lambda: state_of(pilot).zoom)
            await settle(pilot)
            zoom = state_of(pilot).zoom
            assert {(chart._area.x.low, chart._area.x.high) for chart in pilot.app.screen.query(Chart)} == {zoom[:2]}

    async def test_keys_that_come_before_the_charts_are_drawn_anew_count(self, opened: Opened) -> None:
        async with opened() as pilot:
            low, high = pane_of(pilot)._whole
            for _ in range(3):
                pane_of(pilot).zoom(0.5)
            zoom = state_of(pilot).zoom
            assert zoom.high - zoom.low == pytest.approx((high - low) / 8)

    async def test_of_one_page_there_is_no_next(self, opened: Opened, foreseen: list[list[SeriesKey]]) -> None:
        async with opened() as pilot:
            await press(pilot, "m", *"val/loss", "enter")
            assert pane_of(pilot).next_metrics == ()
            foreseen.clear()
            await press(pilot, "e")
            assert not pane_of(pilot)._ahead._left
            assert foreseen == []
