"""The charts, steered by keys and mouse, over the demo's store."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from textual.events import MouseMove
from textual.pilot import Pilot
from textual.widget import Widget

from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tests.tui.test_snapshots import SIZES, Compare, app, pressing  # noqa: F401  a fixture
from tui_runs.analysis.chart_choices import XAxis
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import DETAILS
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.charts.state import ChartSize, ChartState, Zoom
from tui_runs.tui.screens.main import MainScreen
from tui_runs.tui.screens.pick import PickScreen
from tui_runs.tui.themes import DARK, LIGHT
from tui_runs.tui.widgets import charts_pane, legend
from tui_runs.tui.widgets.chart import Chart
from tui_runs.tui.widgets.charts_pane import ChartsPane
from tui_runs.tui.widgets.legend import Legend, LegendEntry


def pane_of(pilot: Pilot[int]) -> ChartsPane:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen.charts


def state_of(pilot: Pilot[int]) -> ChartState:
    return pane_of(pilot).state


async def press(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def titles(pilot: Pilot[int]) -> list[str]:
    """The title lines of the charts on the screen."""
    return [chart.render_line(0).text.strip() for chart in pilot.app.screen.query(Chart)]


def drawn_colours(pilot: Pilot[int]) -> set[str]:
    return {
        segment.style.color.name
        for chart in pilot.app.screen.query(Chart)
        for y in range(1, chart.size.height)
        for segment in chart.render_line(y)
        if segment.style and segment.style.color and any("\u2801" <= sign <= "\u28ff" for sign in segment.text)
    }


def points_of(pilot: Pilot[int], run: RunKey, metric: str) -> pl.DataFrame:
    return pilot.app.workspace.histories.points(SeriesKey(*run, metric))


async def drag(pilot: Pilot[int], widget: Widget, offset: tuple[int, int]) -> None:
    """Move the mouse with its button down; `Pilot.hover` has it up."""
    await pilot._post_mouse_events([MouseMove], widget, offset, button=1)


class TestSmoothing:
    async def test_is_said_in_the_titles_and_leaves_the_raw_curve_behind(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "space")
            before = drawn_colours(pilot)
            await press(pilot, "e")
            assert all("EMA 0.9" in title for title in titles(pilot))
            assert before < drawn_colours(pilot)
            assert len(drawn_colours(pilot)) == 2 * len(before)
            for label in ("time-weighted EMA 0.9", "mean of 51", "Gaussian σ 5", ""):
                await press(pilot, "e")
                assert all(label in title for title in titles(pilot))
            assert drawn_colours(pilot) == before

    async def test_strength_on_keys(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "plus", "plus")
            assert "EMA 0.5" in titles(pilot)[0]
            await press(pilot, "minus", "minus")
            assert "EMA" not in titles(pilot)[0]


class TestAxes:
    async def test_over_a_metric(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "X")
            assert isinstance(pilot.app.screen, PickScreen)
            await press(pilot, *"epoch", "enter")
            assert (state_of(pilot).x, state_of(pilot).x_metric) == (XAxis.METRIC, "epoch")
            assert all("epoch" in title for title in titles(pilot))
            run = pane_of(pilot)._runs[0]
            epochs = points_of(pilot, run, "epoch")["value"]
            assert pane_of(pilot)._whole == pytest.approx((epochs.min(), epochs.max()), abs=0.1 * epochs.max())
            await press(pilot, "x")
            assert state_of(pilot).x is XAxis.STEP

    async def test_leaving_the_picker_changes_nothing(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "X", *"epo", "escape")
            assert state_of(pilot) == ChartState()

    async def test_a_metric_with_an_x_of_its_own_is_drawn_over_it(self, opened: Opened) -> None:
        async with opened() as pilot:
            run = pane_of(pilot)._runs[0]
            rows = {"run_id": run.run_id, "group": "metric", "item": "val/loss", "key": "step_metric", "value": "epoch"}
            pane_of(pilot).take_details(run, pl.DataFrame([rows], schema=DETAILS))
            pilot.app.screen_stack[0].update_soon("below")
            await settle(pilot)
            loss = next(title for title in titles(pilot) if title.startswith("val/loss"))
            assert "epoch" in loss
            assert all("step" in title for title in titles(pilot) if not title.startswith("val/loss"))

    async def test_a_zoom_and_a_cursor_are_of_the_x_on_which_they_were_chosen(self, opened: Opened) -> None:
        async with opened() as pilot:
            pane, (run,) = pane_of(pilot), pane_of(pilot)._runs
            own = pane.metrics_shown[-1]
            row = {"run_id": run.run_id, "group": "metric", "item": own, "key": "step_metric", "value": "epoch"}
            pane.take_details(run, pl.DataFrame([row], schema=DETAILS))
            pilot.app.screen_stack[0].update_soon("below")
            await settle(pilot)
            charts = dict(zip(pane.metrics_shown, pilot.app.screen.query(Chart), strict=True))
            whole = {metric: (chart._area.x.low, chart._area.x.high) for metric, chart in charts.items()}
            assert whole[own][1] == points_of(pilot, run, "epoch")["value"].max()
            await press(pilot, "u", "comma")
            first = pane.metrics_shown[0]
            for metric, chart in charts.items():
                expected = state_of(pilot).zoom[:2] if metric != own else whole[own]
                assert (chart._area.x.low, chart._area.x.high) == expected, metric
            steps = state_of(pilot).cursor
            assert f"step {steps:.0f}" in text_of(pilot)
            column = charts[own].size.width // 2
            await pilot.click(charts[own], offset=(column, 4))
            await settle(pilot)
            assert whole[own][0] <= state_of(pilot).cursor <= whole[own][1]
            assert f"epoch {state_of(pilot).cursor:.3g}"[:9] in text_of(pilot)
            assert (charts[first]._area.x.low, charts[first]._area.x.high) == whole[first]
            charts[own].post_message(Chart.Zoomed(own, 0.5, None))
            await settle(pilot)
            assert charts[own]._area.x.high - charts[own]._area.x.low == pytest.approx(whole[own][1] / 2, rel=0.1)
            assert (charts[first]._area.x.low, charts[first]._area.x.high) == whole[first]
            await press(pilot, "0")
            assert [(chart._area.x.low, chart._area.x.high) for chart in charts.values()] == list(whole.values())

    async def test_an_x_from_a_store_cannot_break_the_screen(self, opened: Opened) -> None:
        async with opened() as pilot:
            pane, (run,) = pane_of(pilot), pane_of(pilot)._runs
            rows = [
                {"run_id": run.run_id, "group": "metric", "item": metric, "key": "step_metric", "value": "\x1b[31mé学"}
                for metric in pane.metrics_shown
            ]
            pane.take_details(run, pl.DataFrame(rows, schema=DETAILS))
            pilot.app.screen_stack[0].update_soon("below")
            await settle(pilot)
            assert "no ␛[31mé学 was logged with it" in text_of(pilot)
            assert "\x1b" not in text_of(pilot)
            for chart in pilot.app.screen.query(Chart):
                assert {chart.render_line(y).cell_length for y in range(chart.size.height)} == {chart.size.width}

    async def test_log_scales(self, opened: Opened) -> None:
        async with opened() as pilot:
            for key, says in (("y", "log y"), ("y", "symlog y"), ("Y", "log x")):
                await press(pilot, key)
                assert says in titles(pilot)[0], titles(pilot)

    async def test_outliers_are_left_out_only_when_asked_and_said(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "w")
            while not titles(pilot)[0].startswith("grad_norm"):
                await press(pilot, "n")
            assert "outliers" not in titles(pilot)[0]
            await press(pilot, "r")
            found = re.search(r"([\d,]+) outliers beyond", titles(pilot)[0])
            assert found
            run = pane_of(pilot)._runs[0]
            values = points_of(pilot, run, "grad_norm")["value"]
            top = next(iter(pilot.app.screen.query(Chart)))._area.y.high
            assert int(found[1].replace(",", "")) == (values > top).sum()


class TestCursor:
    async def test_shows_the_values_of_every_run_in_every_chart(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "space", "comma", *["less_than_sign"] * 3)
            cursor = state_of(pilot).cursor
            assert f"step {cursor:.0f}" in text_of(pilot)
            pane = pane_of(pilot)
            for metric, title in zip(pane.metrics_shown, titles(pilot), strict=True):
                for run in pane._runs:
                    points = points_of(pilot, run, metric)
                    if points.is_empty() or points["step"].max() < cursor * 0.99:
                        continue
                    nearest = points.sort((pl.col("step") - cursor).abs(), maintain_order=True)[0, "value"]
                    digits = re.findall(r"-?[\d.]+(?:e[-+]\d+)?", title.removeprefix(metric))
                    assert any(float(text) == pytest.approx(nearest, rel=1e-3) for text in digits), (title, nearest)

    async def test_one_chart_has_a_line_for_each_run_with_raw_and_smoothed_values_and_params(
        self, opened: Opened
    ) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "space", "w", "plus", "comma", "less_than_sign")
            lines = [line for line in text_of(pilot).splitlines() if line.startswith(" ━━")]
            assert len(lines) == 2
            assert all("smoothed" in line and "lr=" in line for line in lines)

    async def test_a_click_puts_it_there_and_0_takes_it_away(self, opened: Opened) -> None:
        async with opened() as pilot:
            chart = next(iter(pilot.app.screen.query(Chart)))
            await pilot.click(chart, offset=(chart.size.width // 2, 4))
            await settle(pilot)
            assert state_of(pilot).cursor == pytest.approx(chart._area.x_at(chart.size.width // 2))
            await press(pilot, "0")
            assert state_of(pilot).cursor is None
            assert "│" not in text_of(pilot)


class TestZoom:
    async def test_is_the_same_in_all_charts(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "u", "u")
            zoom = state_of(pilot).zoom
            assert zoom is not None
            areas = [chart._area for chart in pilot.app.screen.query(Chart)]
            assert {(area.x.low, area.x.high) for area in areas if area is not None} == {(zoom.low, zoom.high)}
            await press(pilot, "right_parenthesis")
            assert state_of(pilot).zoom.low > zoom.low
            await press(pilot, "left_parenthesis")
            assert state_of(pilot).zoom.low == pytest.approx(zoom.low)
            await press(pilot, "U", "U")
            assert state_of(pilot).zoom is None

    async def test_the_wheel_zooms_where_it_is_and_dragging_pans(self, opened: Opened) -> None:
        async with opened() as pilot:
            chart = next(iter(pilot.app.screen.query(Chart)))
            place = chart.size.width // 2
            under = chart._area.x_at(place)
            chart.post_message(Chart.Zoomed(pane_of(pilot).metrics_shown[0], 0.5, under))
            await settle(pilot)
            assert chart._area.x_at(place) == pytest.approx(under, rel=0.05)
            before = state_of(pilot).zoom
            await pilot.mouse_down(chart, offset=(place, 4))
            await drag(pilot, chart, (place - 8, 4))
            await pilot.mouse_up(chart, offset=(place - 8, 4))
            await settle(pilot)
            assert state_of(pilot).zoom.low > before.low
            assert state_of(pilot).cursor is None

    async def test_who_lets_go_outside_of_the_terminal_has_let_go(self, opened: Opened) -> None:
        async with opened() as pilot:
            chart = next(iter(pilot.app.screen.query(Chart)))
            await press(pilot, "u")
            before = state_of(pilot).zoom
            await pilot.mouse_down(chart, offset=(30, 4))
            await pilot.hover(chart, offset=(20, 4))
            await settle(pilot)
            assert pilot.app.mouse_captured is None
            await pilot.hover(chart, offset=(10, 4))
            await settle(pilot)
            assert state_of(pilot).zoom == before

    async def test_a_chart_that_goes_lets_the_mouse_go(self, opened: Opened) -> None:
        async with opened() as pilot:
            chart = list(pilot.app.screen.query(Chart))[-1]
            await pilot.mouse_down(chart, offset=(10, 4))
            assert pilot.app.mouse_captured is chart
            await press(pilot, "w")
            await until(pilot, lambda: not chart.is_attached)
            assert pilot.app.mouse_captured is None

    async def test_a_zoom_between_two_points_and_one_beyond_them(self, opened: Opened) -> None:
        async with opened() as pilot:
            run = pane_of(pilot)._runs[0]
            metric = pane_of(pilot).metrics_shown[0]
            first, second = points_of(pilot, run, metric)["step"][:2]
            apart = second - first
            pane_of(pilot).look(ChartState(zoom=Zoom(first + apart / 4, second - apart / 4)))
            await settle(pilot)
            assert drawn_colours(pilot)
            pane_of(pilot).look(ChartState(zoom=Zoom(1e12, 2e12)))
            await settle(pilot)
            assert "nothing here; 0 shows all" in text_of(pilot)
            await press(pilot, "0")
            assert "nothing here" not in text_of(pilot)


class TestGrid:
    async def test_groups(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "K")
            prefix = state_of(pilot).prefix
            assert prefix
            assert all(metric.startswith(f"{prefix}/") for metric in pane_of(pilot).metrics_shown)
            assert f"{prefix}/: {len(pane_of(pilot)._metrics)} of" in text_of(pilot)
            for _ in range(5):
                if state_of(pilot).prefix:
                    await press(pilot, "K")
            assert state_of(pilot).prefix == ""

    async def test_found_by_name_and_given_back(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "m", *"LOSS", "enter")
            assert pane_of(pilot)._metrics
            assert all("loss" in metric for metric in pane_of(pilot)._metrics)
            await press(pilot, "m", *["backspace"] * 4, "enter")
            assert state_of(pilot).name == ""
            assert len(pane_of(pilot)._metrics) == len(pane_of(pilot).metrics)

    async def test_sizes(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "z", "tab")
            counts = {}
            for size in (ChartSize.NORMAL, ChartSize.SMALL, ChartSize.LARGE):
                assert state_of(pilot).size is size
                counts[size] = pane_of(pilot)._per_page
                await press(pilot, "W")
            assert counts[ChartSize.SMALL] > counts[ChartSize.NORMAL] > counts[ChartSize.LARGE]

    async def test_a_double_click_makes_a_chart_large_and_again_small(self, opened: Opened) -> None:
        async with opened() as pilot:
            chart = list(pilot.app.screen.query(Chart))[1]
            metric = pane_of(pilot).metrics_shown[1]
            await pilot.click(chart, offset=(5, 3), times=2)
            await settle(pilot)
            assert pane_of(pilot).metrics_shown == (metric,)
            await pilot.click(next(iter(pilot.app.screen.query(Chart))), offset=(5, 3), times=2)
            await settle(pilot)
            assert metric in pane_of(pilot).metrics_shown
            assert len(pane_of(pilot).metrics_shown) > 1


class TestBands:
    async def test_runs_as_one(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "space", "space")
            await press(pilot, "b")
            assert "min/max of 2 runs" in titles(pilot)[0]
            await press(pilot, "b")
            assert "mean ± std of 2 runs" in titles(pilot)[0]
            await press(pilot, "b")
            assert "of 2 runs" not in titles(pilot)[0]

    async def test_what_of_the_runs_is_no_number_is_counted(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "slash", *"nan", "enter", "w", "b")
            alone = re.search(r"(\d+) NaN", titles(pilot)[0])
            assert alone
            screen = pilot.app.screen_stack[0]
            nan_run = pane_of(pilot)._runs[0]
            await press(pilot, "slash", *["backspace"] * 3, "enter")
            rows = screen.table.frame.select("source", "run_id").iter_rows()
            others = [run for run in map(RunKey._make, rows) if run != nan_run][:1]
            screen.marks.toggle([nan_run, *others])
            screen.update_soon("table")
            await settle(pilot)
            assert "of 2 runs" in titles(pilot)[0]
            assert alone[0] in titles(pilot)[0]


class TestTheme:
    async def test_a_run_that_is_not_marked_is_drawn_in_the_colour_of_text(self, opened: Opened) -> None:
        async with opened() as pilot:
            assert {colour.lower() for colour in drawn_colours(pilot)} == {DARK.foreground.lower()}
            await press(pilot, "ctrl+t")
            assert {colour.lower() for colour in drawn_colours(pilot)} == {LIGHT.foreground.lower()}


class TestLegend:
    async def test_no_more_of_a_param_is_looked_at_than_is_seen(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened() as pilot:
            await press(pilot, "w")
            shown = pilot.app.screen.query_one(ChartsPane).query_one(Legend)
            entries = [LegendEntry(f"run {n}", "#ffffff", 0, (f"{n}", "lr=" + "x" * 2000)) for n in range(50)]
            shown.show(entries, "", 8)
            await pilot.pause()
            looked_at = []
            monkeypatch.setattr(legend, "printable", lambda text: looked_at.append(len(text)) or text)
            assert shown.render_line(0).text.startswith("━━ run 0   0   lr=xxx")
            assert sum(looked_at) < 10_000


def test_a_param_in_the_legend_is_one_short_line() -> None:
    assert charts_pane._shortened("a\n\x1b[2J") == "a␊␛[2J"
    assert charts_pane._shortened("x" * 100_000) == "x" * 59 + "…"


TWO_RUNS = {
    "bands": ("b", "b", "comma", *["less_than_sign"] * 2),
    "one band": ("b", "w", "comma", *["less_than_sign"] * 2),
    "log": ("y", "Y"),
    "symlog": ("y", "y", "x"),
    "limits": ("L", "0", "tab", *"abc", "enter"),
    "pinned": ("w", "n", "P", "w"),
}


class TestLooks:
    """New states of the screen; those of all charts as they begin are in test_snapshots."""

    @SIZES
    def test_smoothed_with_cursor(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:  # noqa: F811
        keys = ["space", "space", *(["tab"] if size[1] < 30 else []), "plus", "plus", "comma", *["less_than_sign"] * 2]
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))

    @SIZES
    def test_one_chart(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:  # noqa: F811
        keys = ["space", "space", *(["tab"] if size[1] < 30 else []), "w", "e", "comma", *["less_than_sign"] * 2]
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))

    @SIZES
    @pytest.mark.parametrize("keys", TWO_RUNS.values(), ids=TWO_RUNS)
    def test_two_runs(
        self,
        snap_compare: Compare,
        app: TuiRunsApp,  # noqa: F811
        size: tuple[int, int],
        keys: tuple[str, ...],
    ) -> None:
        first = ("space", "space", *(["tab"] if size[1] < 30 else []))
        assert snap_compare(app, terminal_size=size, run_before=pressing(*first, *keys))

    @SIZES
    def test_values_that_are_no_numbers(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:  # noqa: F811
        keys = ("slash", *"nan", "enter", *(["tab"] if size[1] < 30 else []), "w")
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))

    @SIZES
    @pytest.mark.parametrize(("name", "value"), [("TERM", "vt100"), ("NO_COLOR", "1")], ids=["ascii", "no colour"])
    def test_poor_terminals(
        self,
        snap_compare: Compare,
        demo_root: Path,
        monkeypatch: pytest.MonkeyPatch,
        size: tuple[int, int],
        name: str,
        value: str,
    ) -> None:
        monkeypatch.setenv(name, value)
        monkeypatch.chdir(demo_root)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns"]))
        keys = ("space", "space", "down", "space", *(["tab"] if size[1] < 30 else []))
        assert snap_compare(TuiRunsApp(workspace), terminal_size=size, run_before=pressing(*keys))

    def test_rows_and_columns(self, snap_compare: Compare, app: TuiRunsApp) -> None:  # noqa: F811
        keys = ("space", "z", "tab", "L", *["tab"] * 4, *"3x4", "enter", "n")
        assert snap_compare(app, terminal_size=(160, 45), run_before=pressing(*keys))

    def test_bands_zoomed(self, snap_compare: Compare, app: TuiRunsApp) -> None:  # noqa: F811
        keys = ("space", "space", "b", "u", "y")
        assert snap_compare(app, terminal_size=(120, 35), run_before=pressing(*keys))

    def test_choosing_an_x(self, snap_compare: Compare, app: TuiRunsApp) -> None:  # noqa: F811
        assert snap_compare(app, terminal_size=(100, 30), run_before=pressing("X", "e"))
