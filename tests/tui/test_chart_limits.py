"""Limits and pages by hand, pinned charts, values of bands, and curves that grow, on the screen."""

from __future__ import annotations

import math
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.adapters.mlflow_stores import HandMadeStore
from tests.tui.conftest import NOW, Opened, settle, text_of
from tests.tui.test_charts import pane_of, points_of, press, state_of, titles
from tui_runs.adapter import History
from tui_runs.analysis.bands import band_of
from tui_runs.analysis.chart_choices import Smoothing, Spread, XAxis
from tui_runs.frames.histories import HistoryRequest, SeriesKey
from tui_runs.schema import HISTORY, conform
from tui_runs.tui.charts.limits import LimitsAsked
from tui_runs.tui.charts.state import ChartState, Zoom
from tui_runs.tui.screens.chart_form import ChartForm
from tui_runs.tui.screens.pick import PickScreen
from tui_runs.tui.widgets.chart import Chart


async def fill(pilot: Pilot[int], **fields: str) -> None:
    """Type into the form, and submit it."""
    for name, text in fields.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = text
        await pilot.pause()
    await press(pilot, "enter")


def areas(pilot: Pilot[int]) -> list[object]:
    return [chart._area for chart in pilot.app.screen.query(Chart)]


class TestLimits:
    async def test_of_one_chart(self, opened: Opened) -> None:
        async with opened() as pilot:
            others = [(area.y.low, area.y.high) for area in areas(pilot)[1:]]
            await press(pilot, "L")
            await fill(pilot, y_from="0", y_to="4")
            first, *rest = areas(pilot)
            assert (first.y.low, first.y.high) == (0, 4)
            assert [(area.y.low, area.y.high) for area in rest] == others
            assert "y 0…4" in titles(pilot)[0]
            assert not any("…4" in title for title in titles(pilot)[1:])
            await press(pilot, "0")
            assert state_of(pilot) == ChartState()

    async def test_half_open_limits_follow_the_curves(self, opened: Opened) -> None:
        async with opened() as pilot:
            first = areas(pilot)[0].y
            await press(pilot, "L")
            await fill(pilot, y_from="0")
            assert (areas(pilot)[0].y.low, areas(pilot)[0].y.high) == (0, first.high)
            assert "y ≥ 0" in titles(pilot)[0]

    async def test_of_x_in_all_charts(self, opened: Opened) -> None:
        async with opened() as pilot:
            low, high = pane_of(pilot)._whole
            await press(pilot, "L")
            await fill(pilot, x_to=f"{(low + high) / 2:.0f}")
            assert state_of(pilot).zoom == Zoom(-math.inf, round((low + high) / 2))
            assert {(area.x.low, area.x.high) for area in areas(pilot)} == {(low, round((low + high) / 2))}

    async def test_what_makes_no_sense_is_said_and_nothing_is_lost(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "L")
            await fill(pilot, y_to="[b]one", charts="12")
            form = pilot.app.screen
            assert isinstance(form, ChartForm)
            assert "“[b]one” is no number." in str(form.query_one("#mistake", Static).content)
            assert form.focused is form.query_one("#y_to")
            assert form.query_one("#charts", Input).value == "12"
            await press(pilot, "escape")
            assert state_of(pilot) == ChartState()

    async def test_another_chart_shows_its_own_limits(self, opened: Opened) -> None:
        async with opened() as pilot:
            second = pane_of(pilot).metrics_shown[1]
            pane_of(pilot).look(ChartState(y_limits=((second, (0.25, 0.75)),)))
            await press(pilot, "L")
            form = pilot.app.screen
            assert form.query_one("#y_from", Input).value == ""
            form.query_one("#metric", Input).value = second
            await settle(pilot)
            assert (form.query_one("#y_from", Input).value, form.query_one("#y_to", Input).value) == ("0.25", "0.75")


class TestPages:
    async def test_exactly_so_many_charts(self, opened: Opened) -> None:
        async with opened(size=(160, 60)) as pilot:
            await press(pilot, "z", "tab")
            for text, shape in {"2x2": (2, 2), "5": (3, 2), "1x4": (1, 4), "1": (1, 1)}.items():
                await press(pilot, "L")
                await fill(pilot, charts=text)
                regions = [chart.region for chart in pilot.app.screen.query(Chart)]
                wanted = math.prod(map(int, text.split("x")))
                assert len(regions) == len(pane_of(pilot).metrics_shown) == wanted
                assert (len({one.y for one in regions}), len({one.x for one in regions})) == shape
                await press(pilot, "W")
                assert state_of(pilot) == ChartState()

    async def test_36_charts_of_a_large_screen(self, opened: Opened, tmp_path: Path) -> None:
        store = HandMadeStore(tmp_path / "mlruns")
        points = "".join(f"{1_700_000_000_000 + step} {step / 7} {step}\n" for step in range(20)).encode()
        store.put_run("a" * 32, metrics={f"m{number:02}": points for number in range(40)})
        async with opened(store.location, size=(220, 90)) as pilot:
            await press(pilot, "z", "tab", "L")
            await fill(pilot, charts="36")
            assert pane_of(pilot).metrics_shown == tuple(f"m{number:02}" for number in range(36))
            regions = [chart.region for chart in pilot.app.screen.query(Chart)]
            assert len(regions) == 36
            assert all(region.height >= 4 for region in regions)
            assert not any(one.overlaps(other) for one, other in combinations(regions, 2))

    async def test_more_than_there_is_room_for_is_said_and_a_smaller_screen_shows_fewer(self, opened: Opened) -> None:
        async with opened(size=(160, 60)) as pilot:
            await press(pilot, "L")
            await fill(pilot, charts="36x1")
            assert "There is room for" in str(pilot.app.screen.query_one("#mistake", Static).content)
            await press(pilot, "escape", "z", "tab")
            pane_of(pilot).look(ChartState(grid=(12, 3)))
            await settle(pilot)
            await pilot.resize_terminal(80, 24)
            await settle(pilot)
            assert all(chart.size.height >= 4 for chart in pilot.app.screen.query(Chart))


class TestPins:
    async def test_a_single_chart(self, opened: Opened) -> None:
        async with opened() as pilot:
            before = pane_of(pilot)._metrics
            await press(pilot, "w", "n", "n", "P")
            assert state_of(pilot).pinned == (before[2],)
            assert pane_of(pilot).metrics_shown == (before[2],)
            assert "pinned" in titles(pilot)[0]
            await press(pilot, "w")
            assert pane_of(pilot)._metrics == (before[2], *before[:2], *before[3:])
            await press(pilot, "w", "P", "w")
            assert pane_of(pilot)._metrics == before

    async def test_one_of_several_is_named(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "P")
            assert isinstance(pilot.app.screen, PickScreen)
            await press(pilot, *"grad", "enter")
            assert pane_of(pilot).metrics_shown[0] == "grad_norm"
            await press(pilot, "P", *"epoch", "enter")
            assert pane_of(pilot).metrics_shown[:2] == ("grad_norm", "epoch")


class TestHostileMetrics:
    @pytest.mark.parametrize(("metric", "shown"), [("a\x1b[2Jloss", "a␛[2Jloss"), (" loss ", "loss"), ("", "")])
    async def test_in_the_form(self, opened: Opened, metric: str, shown: str) -> None:
        async with opened() as pilot:
            asked = LimitsAsked(ChartState(), metric, (metric, "other"), "number", (0.0, 9.0), (3, 4))
            taken: list[ChartState | None] = []
            pilot.app.push_screen(ChartForm(asked, NOW), taken.append)
            await settle(pilot)
            field = pilot.app.screen.query_one("#metric", Input)
            assert field.value == shown
            assert "\x1b" not in text_of(pilot)
            await fill(pilot, y_to="3")
            assert taken == [ChartState(y_limits=((metric, (-math.inf, 3.0)),))]


class TestBandValues:
    @pytest.mark.parametrize(("presses", "spread"), [(1, Spread.RANGE), (2, Spread.DEVIATION)])
    async def test_at_the_cursor(self, opened: Opened, presses: int, spread: Spread) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "space", *["b"] * presses, "comma", *["less_than_sign"] * 4)
            pane, cursor = pane_of(pilot), state_of(pilot).cursor
            metric = pane.metrics_shown[0]
            members = [pane._curves.series(SeriesKey(*run, metric), XAxis.STEP, "", Smoothing()) for run in pane._runs]
            whole = band_of(members, spread, 10**6)
            middle, low, high = (np.interp(cursor, whole.x, values) for values in whole[1:4])
            found = [float(text) for text in re.findall(r"\d\.\d+", titles(pilot)[0])]
            wanted = [middle, low, high] if spread is Spread.RANGE else [middle, middle - low]
            assert found == pytest.approx(wanted, rel=0.05)
            shown = re.search(r"\d\.\d+ [±(].*?(?=  )", titles(pilot)[0])
            await press(pilot, "w")
            legend = next(line for line in text_of(pilot).splitlines() if "of 2 runs" in line and "━━" in line)
            assert shown
            assert shown[0].rstrip() in legend


class TestLiveEdge:
    """A store that grows while somebody looks."""

    async def grow(self, pilot: Pilot[int], points: int) -> None:
        """Add points to every curve on the screen, each a step and a second after the one before."""
        workspace, pane = pilot.app.workspace, pane_of(pilot)
        (run,) = pane._runs
        for metric in pane.metrics_shown:
            held = workspace.histories._held[SeriesKey(*run, metric)]
            last = points_of(pilot, run, metric)[-1]
            more = pl.select(pl.int_range(1, points + 1).alias("n")).with_columns(
                pl.lit(run.run_id).alias("run_id"),
                pl.lit(metric).alias("key"),
                (last["step"].item() + pl.col("n")).alias("step"),
                (pl.lit(last["time"].item()) + pl.duration(seconds=pl.col("n"))).alias("time"),
                pl.lit(last["value"].item()).alias("value"),
            )
            key = (run.run_id, metric)
            request = HistoryRequest(run.source, (run.run_id,), (metric,), {key: held.cursor})
            history = History(conform(more.drop("n"), HISTORY), {key: held.cursor + points}, True)
            workspace.apply_history(request, history)
        pilot.app.screen_stack[0].update_soon("below")
        await settle(pilot)

    @pytest.mark.parametrize("x", [XAxis.STEP, XAxis.RELATIVE])
    async def test_the_whole_grows(self, opened: Opened, x: XAxis) -> None:
        async with opened() as pilot:
            pane_of(pilot).look(ChartState(x=x))
            await settle(pilot)
            high = pane_of(pilot)._whole[1]
            await self.grow(pilot, 500)
            assert pane_of(pilot)._whole[1] == pytest.approx(high + 500, abs=1)
            assert max(area.x.high for area in areas(pilot)) == pane_of(pilot)._whole[1]

    @pytest.mark.parametrize("x", [XAxis.STEP, XAxis.RELATIVE])
    async def test_a_zoom_at_the_end_goes_along_and_another_holds_still(self, opened: Opened, x: XAxis) -> None:
        async with opened() as pilot:
            first = pane_of(pilot).metrics_shown[0]
            pane_of(pilot).look(ChartState(x=x, y_limits=((first, (0.0, 3.0)),)))
            await press(pilot, "u", *["right_parenthesis"] * 5)
            zoom = state_of(pilot).zoom
            assert zoom.at_end
            await self.grow(pilot, 500)
            for area in areas(pilot):
                assert (area.x.low, area.x.high) == pytest.approx((zoom.low + 500, zoom.high + 500), abs=1)
            assert (areas(pilot)[0].y.low, areas(pilot)[0].y.high) == (0, 3)
            await press(pilot, "left_parenthesis")
            held = state_of(pilot).zoom
            assert not held.at_end
            await self.grow(pilot, 500)
            assert {(area.x.low, area.x.high) for area in areas(pilot)} == {held[:2]}
            assert (areas(pilot)[0].y.low, areas(pilot)[0].y.high) == (0, 3)

    async def test_a_limit_below_goes_on_to_the_end(self, opened: Opened) -> None:
        async with opened() as pilot:
            low, high = pane_of(pilot)._whole
            await press(pilot, "L")
            await fill(pilot, x_from=str(round((low + high) / 2)))
            await self.grow(pilot, 700)
            assert {(area.x.low, area.x.high) for area in areas(pilot)} == {(round((low + high) / 2), high + 700)}
