"""The figure of all runs in view: keys, mouse, parts of axes that become conditions, and what it looks like."""

from __future__ import annotations

import polars as pl
import pytest
from textual.pilot import Pilot

from tests.tui.conftest import Opened, settle, text_of
from tests.tui.test_charts import drag, press
from tests.tui.test_snapshots import Compare, app, pressing  # noqa: F401  a fixture
from tui_runs.tui.actions import figures as figures_actions
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.figures.state import FigureKind, FigureState
from tui_runs.tui.screens.main import MainScreen
from tui_runs.tui.view_state import capture, restore
from tui_runs.tui.widgets import figure_view
from tui_runs.tui.widgets.figure_view import FigureView
from tui_runs.tui.widgets.figures_pane import FiguresPane

SIZES = pytest.mark.parametrize("size", [(160, 45), (120, 32), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")


def main_of(pilot: Pilot[int]) -> MainScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def pane_of(pilot: Pilot[int]) -> FiguresPane:
    return main_of(pilot).below.figures


def title_of(pilot: Pilot[int]) -> str:
    return pane_of(pilot).render_line(0).text


def frame_of(pilot: Pilot[int], *columns: str) -> pl.DataFrame:
    """Every run that has all of these columns."""
    frame = pilot.app.workspace.catalog.wide(["name", *columns])
    numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in columns]
    return frame.with_columns(numbers).filter(pl.all_horizontal(pl.col(name).is_finite() for name in columns))


class TestKinds:
    async def test_one_after_the_other(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            for kind in (*FigureKind, FigureKind.SCATTER):
                assert pane_of(pilot).state.kind is kind
                assert pane_of(pilot).drawn.lines
                assert "val/loss" in title_of(pilot)
                await press(pilot, "7")

    async def test_a_scatter_is_of_all_runs_that_the_filter_leaves(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            await press(pilot, "X", *"params.lr", "enter")
            runs = frame_of(pilot, "metrics.val/loss", "params.lr")
            assert f"against lr · 1 missing · 1 NaN · {runs.height} runs · log x" in title_of(pilot)
            await press(pilot, "slash", *"cifar", "enter")
            left = frame_of(pilot, "metrics.val/loss", "params.lr", "params.model.depth")
            left = left.filter(pl.col("params.model.depth") >= 18)
            assert f"{left.height} runs" in title_of(pilot)
            assert left.height < runs.height

    async def test_of_the_metric_under_the_column_cursor_or_a_chosen_one(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            main_of(pilot).table.move_cursor(column="metrics.val/acc")
            main_of(pilot).update_soon("below")
            await settle(pilot)
            assert title_of(pilot).startswith("val/acc")
            await press(pilot, "m", *"grad", "enter")
            assert title_of(pilot).startswith("grad_norm")
            await press(pilot, "0")
            assert title_of(pilot).startswith("val/acc")

    async def test_other_params(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            choices = list(pane_of(pilot).drawn.choices)
            seen = [pane_of(pilot).against]
            for key in ("n", "right_square_bracket", "N", "N", "N"):
                await press(pilot, key)
                seen.append(pane_of(pilot).against)
            assert seen == [choices[at] for at in (0, 1, 2, 1, 0, -1)]

    async def test_log_scales(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            await press(pilot, "X", *"params.lr", "enter")
            assert title_of(pilot).split("  ")[1].endswith("log x")
            await press(pilot, "Y", "y")
            assert title_of(pilot).split("  ")[1].endswith("log y")
            assert "log x" not in title_of(pilot)

    async def test_boxes_of_more_numbers_than_there_is_room_for_are_refused_with_a_reason(self, opened: Opened) -> None:
        async with opened(size=(80, 24)) as pilot:
            await press(pilot, "7", "7", "7")
            assert pane_of(pilot).state.kind is FigureKind.BOX
            await press(pilot, "X", *"max_steps", "enter")
            assert "different numbers; there is room for" in text_of(pilot)
            await press(pilot, "n")
            assert "different numbers" not in text_of(pilot)

    async def test_a_key_for_an_axis_that_a_figure_has_not_changes_nothing(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            for kind, key in ((FigureKind.PARALLEL, "Y"), (FigureKind.BOX, "Y"), (FigureKind.HISTOGRAM, "y")):
                while pane_of(pilot).state.kind is not kind:
                    await press(pilot, "7")
                before = pane_of(pilot).state
                await press(pilot, key)
                assert pane_of(pilot).state == before

    async def test_of_other_panes_the_keys_are_the_charts_own(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "y", "K")
            assert pane_of(pilot).state == FigureState()
            assert main_of(pilot).charts.state.y.value == "log y"


class TestRuns:
    async def test_from_run_to_run_as_their_values_grow(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            await press(pilot, "X", *"params.max_steps", "enter")
            runs = frame_of(pilot, "metrics.val/loss", "params.max_steps").sort("params.max_steps", "metrics.val/loss")
            ids = runs["run_id"].to_list()
            at = ids.index(main_of(pilot).cursor_run.run_id)
            for key, by in (("full_stop", 1), ("full_stop", 1), ("comma", -1), ("greater_than_sign", 10)):
                await press(pilot, key)
                at = min(at + by, len(ids) - 1)
                assert main_of(pilot).cursor_run.run_id == ids[at]
                assert f"◆ {runs['name'][at]}" in title_of(pilot)

    async def test_a_click_puts_the_cursor_on_a_run(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            await press(pilot, "X", *"params.lr", "enter")
            drawn = pane_of(pilot).drawn
            places = [tuple(spot) for spot in drawn.spots.tolist()]
            lone = next(at for at, spot in enumerate(places) if places.count(spot) == 1)
            column, line = places[lone]
            assert await pilot.click(FiguresPane, offset=(column, line + 1))
            await settle(pilot)
            assert main_of(pilot).cursor_run == drawn.order[lone]
            sign = pane_of(pilot).render_line(line + 1).text[column]
            assert sign == "◆"

    async def test_marked_runs_have_their_colours(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7", "space", "space", "down")
            colours = {look.colour for look in main_of(pilot).marks.looks().values()}
            for _ in FigureKind:
                drawn = {
                    part.style.color.name for line in pane_of(pilot).drawn.lines for part in line if part.style.color
                }
                assert colours <= drawn, pane_of(pilot).state.kind
                await press(pilot, "7")

    async def test_of_many_marked_runs_the_first_stand_out(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(figures_actions, "MOST_CURVES", 3)
        async with opened() as pilot:
            await press(pilot, "7", *["space"] * 6)
            marked = main_of(pilot).marks.runs
            assert len(marked) == 6
            assert list(pane_of(pilot).drawn.request.marks) == marked[:3]


class TestParts:
    async def start(self, pilot: Pilot[int]) -> FiguresPane:
        await press(pilot, "7", "7")
        await press(pilot, "X", *"params.lr", "enter")
        await press(pilot, "tab")
        pane = pane_of(pilot)
        assert pane.has_focus
        assert pane.axes[0].column == "params.lr"
        return pane

    async def test_a_part_of_an_axis_becomes_a_condition(self, opened: Opened) -> None:
        async with opened() as pilot:
            pane = await self.start(pilot)
            before = frame_of(pilot, "metrics.val/loss").height
            axes = [axis.column for axis in pane.axes]
            await press(pilot, *["up"] * 3, "space", *["up"] * 30)
            shown = pane.render_line(pane.size.height - 1).text
            assert "params.lr between" in shown
            await press(pilot, "enter")
            where = main_of(pilot).view.where
            assert where in shown
            low, high = (float(word) for word in where.split()[2::2])
            runs = frame_of(pilot, "params.lr")
            inside = runs.filter(pl.col("params.lr").is_between(low, high))
            assert 0 < inside.height < before
            assert main_of(pilot).table.frame.height == inside.height
            assert f"{inside.height} runs" in title_of(pilot)
            # The others stay as context, on the same axes.
            assert [axis.column for axis in pane.axes] == axes
            assert pane.axes[0].high == runs["params.lr"].max()
            assert pane.axes[0].low == runs["params.lr"].min()

    async def test_two_parts_and_back(self, opened: Opened) -> None:
        async with opened() as pilot:
            main_of(pilot).show_filter("cifar or gpt")
            await settle(pilot)
            pane = await self.start(pilot)
            await press(pilot, "space", *["up"] * 30, "enter")
            first = main_of(pilot).view.where
            assert first.startswith("(cifar or gpt) and params.lr between ")
            await press(pilot, *["right"] * (len(pane.axes) - 1), "space", *["down"] * 30, "enter")
            assert main_of(pilot).view.where.startswith(f"{first} and metrics.`val/loss` between ")
            assert main_of(pilot).table.frame.height > 0
            await press(pilot, "backspace")
            assert main_of(pilot).view.where == first
            await press(pilot, "backspace", "backspace")
            assert main_of(pilot).view.where == "cifar or gpt"

    async def test_words(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7", "7")
            await press(pilot, "X", *"params.optimizer", "enter")
            await press(pilot, "tab")
            words = pane_of(pilot).axes[0].words
            await press(pilot, *["down"] * 5, "enter")
            assert main_of(pilot).view.where == f"params.optimizer = '{words[0]}'"
            frame = pilot.app.workspace.catalog.wide(["params.optimizer"])
            assert main_of(pilot).table.frame.height == (frame["params.optimizer"] == words[0]).sum()

    async def hold(self, pilot: Pilot[int]) -> tuple[int, int]:
        """Drag along the first axis with the mouse, the button still down; where that began."""
        pane = await self.start(pilot)
        column, top = pane.drawn.area.columns[0], pane.drawn.area.top + 1
        await pilot.mouse_down(FiguresPane, offset=(column + 1, top))
        await drag(pilot, pane, (column + 1, top + 5))
        return column, top

    async def test_with_the_mouse(self, opened: Opened) -> None:
        async with opened() as pilot:
            column, top = await self.hold(pilot)
            await pilot.mouse_up(FiguresPane, offset=(column + 1, top + 5))
            await settle(pilot)
            assert main_of(pilot).view.where.startswith("params.lr between ")

    async def test_a_button_that_was_let_go_outside_of_the_terminal(self, opened: Opened) -> None:
        async with opened() as pilot:
            column, top = await self.hold(pilot)
            await pilot.hover(FiguresPane, offset=(column + 1, top + 9))
            await settle(pilot)
            assert pilot.app.mouse_captured is None
            where = main_of(pilot).view.where
            assert where.startswith("params.lr between ")
            await pilot.hover(FiguresPane, offset=(column + 1, top + 2))
            await settle(pilot)
            assert main_of(pilot).view.where == where

    async def test_the_pointer_goes_with_its_axis(self, opened: Opened) -> None:
        async with opened() as pilot:
            pane = await self.start(pilot)
            await press(pilot, *["right"] * (len(pane.axes) - 1))
            last = pane._pointer.axis
            await pilot.resize_terminal(90, 45)
            await settle(pilot)
            assert len(pane.axes) <= last
            assert pane.drawn.request.size[0] < 90
            assert pane._pointer is None
            await press(pilot, "up", "up", "right", "space")
            assert pane._pointer.axis == 1
            assert pilot.app.screen is main_of(pilot)

    async def test_other_axes(self, opened: Opened) -> None:
        async with opened(size=(100, 40)) as pilot:
            pane = await self.start(pilot)
            first = [axis.column for axis in pane.axes]
            await press(pilot, "n")
            second = [axis.column for axis in pane.axes]
            assert (first[0], first[-1]) == (second[0], second[-1])
            assert second[1:-2] == first[2:-1]
            await press(pilot, "X", *"params.lr", "enter")
            assert pane.axes[0].column != "params.lr"


class TestLive:
    async def test_drawn_anew_as_runs_come_and_not_while_it_is_not_shown(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7")
            before = pane_of(pilot).drawn
            run = main_of(pilot).cursor_run
            pilot.app.workspace.catalog.remove(run.source, [run.run_id])
            main_of(pilot).update_soon("table")
            await settle(pilot)
            after = pane_of(pilot).drawn
            assert len(after.order) == len(before.order) - 1
            await press(pilot, "2")
            main_of(pilot).update_soon("table")
            await settle(pilot)
            assert pane_of(pilot).drawn is after

    async def test_params_are_cut_out_a_few_at_a_time(self, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(figure_view, "_CUT_SECONDS", 0.0)  # one a turn
        turns = []
        cut_on = FigureView._cut_on

        def noted(self: FigureView) -> None:
            turns.append(self)
            cut_on(self)

        monkeypatch.setattr(FigureView, "_cut_on", noted)
        async with opened() as pilot:
            await press(pilot, "7")
            assert pane_of(pilot).drawn.choices
            assert len(turns) >= len(pane_of(pilot).drawn.choices) - 1

    async def test_no_runs_with_a_metric(self, opened: Opened) -> None:
        async with opened() as pilot:
            await press(pilot, "7", "slash", *"nothing-has-this", "enter")
            assert "No run in view has a value of val/loss." in text_of(pilot)

    async def test_a_run_in_a_closed_group_is_said(self, opened: Opened) -> None:
        async with opened() as pilot:
            main_of(pilot).group_by(["experiment"])
            await press(pilot, "7")
            await press(pilot, "full_stop")
            assert [note.message for note in pilot.app._notifications] == ["That run is in a group that is closed."]


async def test_saved_with_the_view(opened: Opened) -> None:
    async with opened() as pilot:
        await press(pilot, "7", "7")
        await press(pilot, "X", *"params.lr", "enter")
        await press(pilot, "y", "m", *"val/acc", "enter")
        state = pane_of(pilot).state
        assert state == FigureState(FigureKind.PARALLEL, "metrics.val/acc", log_y=True, axes=("params.lr",))
        saved = capture(main_of(pilot))
        await press(pilot, "0", "7")
        assert restore(main_of(pilot), saved) == []
        await settle(pilot)
        assert pane_of(pilot).state == state


class TestLooks:
    @SIZES
    @pytest.mark.parametrize("kind", list(FigureKind), ids=lambda kind: kind.value)
    def test_kind(self, snap_compare: Compare, app: TuiRunsApp, kind: FigureKind, size: tuple[int, int]) -> None:  # noqa: F811
        keys = ("space", "space", "7", *["7"] * list(FigureKind).index(kind))
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))

    def test_light(self, snap_compare: Compare, app: TuiRunsApp) -> None:  # noqa: F811
        assert snap_compare(app, terminal_size=(120, 32), run_before=pressing("space", "7", "7", "ctrl+t"))

    def test_part_of_an_axis(self, snap_compare: Compare, app: TuiRunsApp) -> None:  # noqa: F811
        keys = ("7", "7", "X", *"params.lr", "enter", "tab", "space", *["up"] * 4, "enter", "right", "space", "down")
        assert snap_compare(app, terminal_size=(120, 32), run_before=pressing(*keys))
