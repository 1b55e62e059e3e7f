"""The runs table: what it draws, where its cursors go, what it posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import MouseScrollDown
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from tui_runs.tui.widgets.columns import Align, Cell, FrameWindow, TableColumn, clean, cut, fit
from tui_runs.tui.widgets.frame_table import FrameTable
from tui_runs.tui.widgets.frame_view import FrameView
from tui_runs.tui.widgets.table_painter import LEFT_SIGN, MARK, RIGHT_SIGN


@pytest.fixture(autouse=True)
def _no_animations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


class TableApp(App[None]):
    """One table and a log of what it posts."""

    def __init__(self, frame: pl.DataFrame, columns: Sequence[TableColumn], **options: object) -> None:
        super().__init__()
        self.table = FrameTable(id="runs", **options)  # type: ignore[arg-type]
        self.posted: list[Message] = []
        self._given = (frame, columns)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.show(*self._given)
        self.table.focus()

    @on(FrameTable.RowHighlighted)
    @on(FrameTable.RowSelected)
    @on(FrameTable.Marked)
    @on(FrameTable.HeaderSelected)
    @on(FrameTable.SortRequested)
    def note(self, message: Message) -> None:
        self.posted.append(message)

    def of(self, kind: type[Message]) -> list[object]:
        """The keys or the columns of the messages of one kind."""
        return [getattr(m, "key", getattr(m, "column", None)) for m in self.posted if type(m) is kind]


def text_column(name: str, align: Align = "left", **limits: int) -> TableColumn:
    def cells(window: pl.DataFrame) -> list[Cell]:
        return [Cell(str(value)) for value in window[name].to_list()]

    return TableColumn(name, name, cells, align, **limits)


def runs(count: int, columns: int = 0) -> pl.DataFrame:
    numbers = pl.int_range(count, eager=True)
    return pl.DataFrame(
        {
            "source": pl.select(pl.repeat("s", count)).to_series(),
            "run_id": numbers.cast(pl.String),
            "name": "run-" + numbers.cast(pl.String),
            "loss": (numbers * 7919 % 1000) / 1000,
        }
        | {f"c{c}": numbers * 100 + c for c in range(columns)}
    )


def key(number: int) -> tuple[str, str]:
    return ("s", str(number))


PLAIN = (text_column("name"), text_column("loss", "right"))
WIDE = (text_column("name", width=8), *(text_column(f"c{c}", "right", width=10) for c in range(12)))


def lines(table: FrameView) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


def names(table: FrameView) -> list[str]:
    """The names on the screen, from top to bottom."""
    return [line[2:].split()[0] for line in lines(table)[1:] if line.strip()]


def cursor_line(table: FrameView) -> int:
    """The line of the screen that is drawn as the cursor."""
    grounds = {y: {s.style.bgcolor for s in table.render_line(y) if s.style} for y in range(1, table.size.height)}
    odd = [y for y, ground in grounds.items() if list(grounds.values()).count(ground) == 1]
    assert len(odd) == 1
    return odd[0]


def true_length(strip: Strip) -> int:
    """Counted anew, as a strip believes what it is told."""
    return sum(cell_len(segment.text) for segment in strip)


async def shown(pilot: Pilot[None], table: FrameTable, frame: pl.DataFrame) -> None:
    table.show(frame)
    await pilot.pause()


class TestCursorStaysWithItsRun:
    async def test_over_a_new_order_on_the_same_line(self) -> None:
        frame = runs(200)
        app = TableApp(frame, PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.move_cursor(row=100)
            app.table.move_cursor(row=97)
            await pilot.pause()
            line = cursor_line(app.table)
            await shown(pilot, app.table, frame.reverse())
            assert app.table.cursor_key == key(97)
            assert app.table.cursor_row == 102
            assert cursor_line(app.table) == line

    async def test_over_a_filter_and_back(self) -> None:
        frame = runs(200)
        app = TableApp(frame, PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.move_cursor(key=key(150))
            await shown(pilot, app.table, frame.filter(pl.col("run_id").cast(pl.Int64) % 50 == 0))
            assert (app.table.cursor_key, app.table.cursor_row) == (key(150), 3)
            await shown(pilot, app.table, frame)
            assert (app.table.cursor_key, app.table.cursor_row) == (key(150), 150)

    async def test_else_at_its_row_number(self) -> None:
        frame = runs(20)
        app = TableApp(frame, PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.move_cursor(row=5)
            await shown(pilot, app.table, frame.filter(pl.col("run_id") != "5"))
            assert (app.table.cursor_key, app.table.cursor_row) == (key(6), 5)
            await shown(pilot, app.table, frame.head(3))
            assert (app.table.cursor_key, app.table.cursor_row) == (key(2), 2)

    async def test_over_a_moment_without_rows(self) -> None:
        frame = runs(20)
        app = TableApp(frame, PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.move_cursor(row=5)
            await shown(pilot, app.table, frame.head(0))
            assert app.table.cursor_key is None
            assert app.table.cursor_row is None
            await shown(pilot, app.table, frame.reverse())
            assert app.table.cursor_key == key(5)

    async def test_rows_in_view_stay_when_the_cursor_is_out_of_view(self) -> None:
        frame = runs(200)
        app = TableApp(frame.tail(190), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.move_cursor(row=1)
            app.table.scroll_to(y=50, animate=False)
            await pilot.pause()
            before = names(app.table)
            await shown(pilot, app.table, frame)
            assert names(app.table) == before

    async def test_but_at_the_top_before_anything_was_touched(self) -> None:
        frame = runs(200)
        app = TableApp(frame.tail(5), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await shown(pilot, app.table, frame)
            assert app.table.cursor_row == 0
            assert names(app.table)[0] == "run-0"

    async def test_when_the_end_of_the_frame_is_cut_off(self) -> None:
        app = TableApp(runs(500), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("end")
            await shown(pilot, app.table, runs(30))
            assert app.table.cursor_row == 29
            assert names(app.table)[-1] == "run-29"

    async def test_a_null_in_the_key(self) -> None:
        frame = runs(20).with_columns(source=pl.lit(None, pl.String))
        app = TableApp(frame, PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.move_cursor(row=5)
            await shown(pilot, app.table, frame.reverse())
            assert app.table.cursor_key == (None, "5")


class TestKeys:
    @pytest.mark.parametrize(
        ("keys", "row"),
        [
            (["down", "j", "down"], 3),
            (["down", "down", "up", "k", "k"], 0),
            (["pagedown"], 11),
            (["pagedown", "pagedown", "pageup"], 11),
            (["end"], 99),
            (["G", "down"], 99),
            (["end", "home"], 0),
            (["G", "g"], 0),
            (["ctrl+end"], 99),
            (["ctrl+end", "ctrl+home"], 0),
        ],
    )
    async def test_rows(self, keys: list[str], row: int) -> None:
        app = TableApp(runs(100), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press(*keys)
            assert app.table.cursor_row == row
            assert f"run-{row}" in names(app.table)
            assert app.of(FrameTable.RowHighlighted)[-1] == key(row)

    async def test_page_down_keeps_the_cursor_on_its_line(self) -> None:
        app = TableApp(runs(100), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("down", "down", "pagedown")
            assert cursor_line(app.table) == 3
            assert names(app.table)[0] == "run-11"

    async def test_a_burst_of_moves_posts_the_last_row(self) -> None:
        app = TableApp(runs(100), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.posted.clear()
            for _ in range(30):
                app.table.action_move(1)
            await pilot.pause()
            assert app.of(FrameTable.RowHighlighted)[-1] == key(30)
            assert len(app.posted) < 30
            app.posted.clear()
            app.table.show(runs(100))
            await pilot.press("end", "down")
            assert app.of(FrameTable.RowHighlighted) == [key(99)]

    async def test_marking_posts_and_goes_down(self) -> None:
        app = TableApp(runs(3), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("space", "space", "space", "space")
            assert app.of(FrameTable.Marked) == [key(0), key(1), key(2), key(2)]
            assert app.table.marks == {}

    async def test_opening_and_sorting(self) -> None:
        app = TableApp(runs(3), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("down", "enter", "s", "right", "s")
            assert app.of(FrameTable.RowSelected) == [key(1)]
            assert app.of(FrameTable.SortRequested) == ["name", "loss"]
            message = app.posted[-1]
            assert isinstance(message, FrameTable.SortRequested)
            assert message.control is app.table

    def test_bindings_are_data(self) -> None:
        bindings = [binding for binding in FrameTable.BINDINGS if isinstance(binding, Binding)]
        ids = [binding.id for binding in bindings]
        assert len(ids) == len(set(ids)) == len(FrameTable.BINDINGS)
        assert all(i and i.startswith("table.") for i in ids)
        assert all(binding.tooltip for binding in bindings)
        assert {binding.id for binding in bindings if binding.show} == {"table.mark", "table.sort"}

    async def test_a_users_own_keys(self) -> None:
        app = TableApp(runs(9), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.set_keymap({"table.down": "n"})
            await pilot.press("n", "n", "j")
            assert app.table.cursor_row == 2


class TestColumns:
    async def test_scrolling_follows_the_cursor_and_the_fixed_column_stays(self) -> None:
        app = TableApp(runs(9, 12), WIDE)
        async with app.run_test(size=(60, 12)) as pilot:
            header = lines(app.table)[0]
            assert RIGHT_SIGN in header
            assert LEFT_SIGN not in header
            await pilot.press(*["right"] * 7)
            header, first = lines(app.table)[:2]
            assert app.table.cursor_column == "c6"
            assert header.startswith("  name")
            assert {LEFT_SIGN, RIGHT_SIGN} <= set(header)
            assert first.split() == ["run-0", "3", "4", "5", "6"]
            await pilot.press("ctrl+right")
            assert RIGHT_SIGN not in lines(app.table)[0]
            assert lines(app.table)[1].split() == ["run-0", "8", "9", "10", "11"]
            await pilot.press(*["left"] * 4)
            assert app.table.cursor_column == "c7"
            assert lines(app.table)[1].split()[1] == "7"
            await pilot.press("ctrl+left")
            assert app.table.cursor_column == "name"

    async def test_titles_stand_as_their_cells(self) -> None:
        app = TableApp(runs(9, 12), WIDE)
        async with app.run_test(size=(60, 12)):
            header, first = lines(app.table)[:2]
            assert header.index("name") == first.index("run-0")
            assert header.index("c1 ") + 1 == first.index(" 1 ") + 1

    async def test_widths_grow_and_do_not_shrink(self) -> None:
        frame = runs(200).with_columns(name=pl.when(pl.col("run_id") == "50").then(pl.lit("x" * 20)).otherwise("name"))
        app = TableApp(frame, (text_column("name"), text_column("run_id")))
        async with app.run_test(size=(60, 12)) as pilot:
            narrow = lines(app.table)[0].index("run_id")
            app.table.move_cursor(row=50)
            await pilot.pause()
            assert lines(app.table)[0].index("run_id") == 24
            await pilot.press("home")
            assert lines(app.table)[0].index("run_id") == 24
            app.table.show(frame, PLAIN)
            app.table.show(frame, (text_column("name"), text_column("run_id")))
            await pilot.pause()
            assert lines(app.table)[0].index("run_id") == narrow

    async def test_the_sorted_column_has_an_arrow(self) -> None:
        app = TableApp(runs(9), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.sort = (("loss", False),)
            assert "loss ▲" in lines(app.table)[0]
            app.table.sort = (("loss", True),)
            await pilot.pause()
            assert "loss ▼" in lines(app.table)[0]
            app.table.sort = ()
            assert "▼" not in lines(app.table)[0]

    async def test_a_cut_number_is_not_shown_but_cut_text_is(self) -> None:
        columns = (text_column("name"), text_column("a"), text_column("b", "right"))
        frame = runs(1).with_columns(a=pl.lit("a" * 20), b=pl.lit("123456789012"))
        app = TableApp(frame, columns)
        async with app.run_test(size=(40, 5)) as pilot:
            header, row = lines(app.table)[:2]
            assert "123" not in row
            assert RIGHT_SIGN in header
            await pilot.resize_terminal(24, 5)
            header, row = lines(app.table)[:2]
            assert "a…" in row
            assert RIGHT_SIGN in header

    async def test_only_the_window_is_formatted(self) -> None:
        seen: list[int] = []

        def cells(window: pl.DataFrame) -> list[Cell]:
            seen.append(window.height)
            return [Cell(name) for name in window["name"]]

        app = TableApp(runs(100_000), [TableColumn("name", "name", cells)])
        async with app.run_test(size=(60, 12)) as pilot:
            assert sum(seen) <= 22
            seen.clear()
            await pilot.press("end")
            assert names(app.table)[-1] == "run-99999"
            assert len(names(app.table)) == 11
            assert sum(seen) == 11
            seen.clear()
            await pilot.press("up", "up")
            assert seen == []


class TestMouse:
    async def test_a_click_on_a_scrolled_header(self) -> None:
        app = TableApp(runs(9, 12), WIDE)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("ctrl+right")
            at = lines(app.table)[0].index("c9")
            await pilot.click("#runs", offset=(at, 0))
            assert app.of(FrameTable.HeaderSelected) == ["c9"]
            assert app.table.cursor_column == "c9"
            assert app.table.cursor_row == 0

    async def test_clicks_on_the_signs_scroll(self) -> None:
        app = TableApp(runs(9, 12), WIDE)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.click("#runs", offset=(lines(app.table)[0].index(RIGHT_SIGN), 0))
            assert lines(app.table)[1].split()[1] == "1"
            await pilot.click("#runs", offset=(lines(app.table)[0].index(LEFT_SIGN), 0))
            assert lines(app.table)[1].split()[1] == "0"
            assert app.of(FrameTable.HeaderSelected) == []

    async def test_rows_gutter_and_double_click(self) -> None:
        app = TableApp(runs(9), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.click("#runs", offset=(4, 4))
            assert app.table.cursor_row == 3
            assert app.of(FrameTable.RowSelected) == []
            await pilot.click("#runs", offset=(0, 6))
            assert app.of(FrameTable.Marked) == [key(5)]
            await pilot.click("#runs", offset=(4, 3), times=2)
            assert app.of(FrameTable.RowSelected) == [key(2)]
            await pilot.click("#runs", offset=(4, 11))
            assert app.table.cursor_row == 2

    async def test_the_wheel_leaves_the_cursor(self) -> None:
        app = TableApp(runs(100, 12), WIDE)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.post_message(wheel_down(app.table))
            await pilot.pause()
            assert app.table.cursor_row == 0
            assert names(app.table)[0] != "run-0"
            app.table.post_message(wheel_down(app.table, shift=True))
            await pilot.pause()
            assert lines(app.table)[0].split()[1] == LEFT_SIGN
            assert app.table.cursor_column == "name"


def wheel_down(table: FrameTable, shift: bool = False) -> MouseScrollDown:
    return MouseScrollDown(table, 5, 5, 0, 1, 0, shift, meta=False, ctrl=False)


class TestLooks:
    async def test_marks(self) -> None:
        app = TableApp(runs(9), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.marks = {key(2): "#ff8800"}
            await pilot.pause()
            strip = app.table.render_line(3)
            mark, name = (next(s for s in strip if part in s.text) for part in (MARK, "run-2"))
            assert mark.style is not None
            assert mark.style.color is not None
            assert mark.style.color.name == "#ff8800"
            assert name.style is not None
            assert name.style.bold
            assert name.style.color == mark.style.color
            assert MARK not in app.table.render_line(2).text
            await shown(pilot, app.table, runs(9).reverse())
            assert [y for y, line in enumerate(lines(app.table)) if MARK in line] == [7]
            app.table.marks = {}
            assert not any(MARK in line for line in lines(app.table))

    async def test_cell_styles_and_pieces(self) -> None:
        pieces = [
            Cell("bad", "bad"),
            Cell("▶ ", "good", (("62%", "muted"),)),
            Cell("x", "#123456"),
            Cell("y", "no such style"),
        ]
        column = TableColumn("c", "c", lambda window: pieces)
        app = TableApp(runs(4), [text_column("name"), column])
        async with app.run_test(size=(60, 12)):
            colours = {
                part: next(s.style.color for s in app.table.render_line(y) if part in s.text and s.style)
                for y, part in ((1, "bad"), (2, "▶"), (2, "62%"), (3, "x"), (4, "y"))
            }
            assert len(set(colours.values())) == 5
            assert "▶ 62%" in lines(app.table)[2]
            assert str(getattr(colours["x"], "name", "")) == "#123456"

    async def test_a_theme_change_and_a_loss_of_focus_repaint(self) -> None:
        app = TableApp(runs(9), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            dark = [list(app.table.render_line(y)) for y in range(12)]
            app.theme = "textual-light"
            await pilot.pause()
            light = [list(app.table.render_line(y)) for y in range(12)]
            assert all(a != b for a, b in zip(dark, light, strict=True))
            app.table.blur()
            await pilot.pause()
            blurred = [list(app.table.render_line(y)) for y in range(12)]
            assert [y for y in range(12) if blurred[y] != light[y]] == [0, 1]

    @pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
    async def test_no_text_is_of_its_own_ground(self, theme: str) -> None:
        styles = ["", "muted", "good", "bad", "warn", "strong", "accent"]
        columns = [TableColumn(s, s, lambda window, s=s: [Cell("x", s)] * window.height) for s in styles]  # type: ignore[misc]
        app = TableApp(runs(3), columns)
        app.theme = theme
        async with app.run_test(size=(80, 5)) as pilot:
            app.table.sort = (("", True),)
            for _ in range(2):
                await pilot.pause()
                for y in range(4):
                    for text, style, _control in app.table.render_line(y):
                        if text.strip():
                            assert style is not None
                            assert style.color is not None
                            assert style.color.is_default or style.color != style.bgcolor
                app.table.blur()

    async def test_no_rows(self) -> None:
        app = TableApp(runs(0), PLAIN, empty_message=["nothing here", "[b]esc[/b] clears"])
        async with app.run_test(size=(60, 12)) as pilot:
            screen = lines(app.table)
            assert screen[0].split() == ["name", "loss"]
            assert screen[5] == "nothing here".center(60)
            assert screen[6].strip() == "[b]esc[/b] clears"
            await pilot.press("down", "up", "end", "pagedown", "space", "enter", "right")
            assert app.posted == []
            app.table.empty_message = "one line"
            assert any("one line" in line for line in lines(app.table))
            app.table.show(runs(1))
            assert not any("one line" in line for line in lines(app.table))

    async def test_no_columns(self) -> None:
        app = TableApp(runs(3), ())
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("right", "left", "s", "ctrl+right", "down")
            assert app.table.cursor_column is None
            assert app.table.cursor_row == 1
            await pilot.click("#runs", offset=(10, 0))
            assert app.of(FrameTable.HeaderSelected) == []

    async def test_an_empty_frame_without_columns(self) -> None:
        app = TableApp(pl.DataFrame(), ())
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.press("down", "right", "space")
            assert not any(line.strip() for line in lines(app.table))

    @pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 3), (3, 2), (8, 4), (300, 3)])
    async def test_any_size(self, size: tuple[int, int]) -> None:
        app = TableApp(runs(50, 12), WIDE)
        async with app.run_test(size=size) as pilot:
            await pilot.press("down", "right", "right", "end", "pageup", "space", "ctrl+right", "left")
            for y in range(app.table.size.height):
                assert true_length(app.table.render_line(y)) == size[0]
            await pilot.resize_terminal(80, 24)
            assert f"run-{app.table.cursor_row}" in names(app.table)


class TestLive:
    async def test_refresh_formats_the_window_again_and_repaints_what_differs(self) -> None:
        tick = 0

        def ages(window: pl.DataFrame) -> list[Cell]:
            return [Cell(f"{tick}s" if name == "run-4" else "-") for name in window["name"]]

        app = TableApp(runs(1000), [text_column("name"), TableColumn("age", "age", ages, "right")])
        async with app.run_test(size=(60, 12)) as pilot:
            drawn = _painted(app.table)
            tick = 5
            app.table.refresh_rows()
            await pilot.pause()
            assert lines(app.table)[5].split() == ["run-4", "5s"]
            assert _painted(app.table)[:5] == drawn[:5]
            assert [strip.text for strip in _painted(app.table)] == lines(app.table)

    async def test_a_frame_of_equal_rows_draws_nothing(self) -> None:
        app = TableApp(runs(1000), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            await pilot.pause()
            calls = _count_refreshes(app.table)
            app.table.show(runs(1000))
            app.table.refresh_rows()
            app.table.marks = {key(500): "#ffffff"}
            assert calls == []
            await pilot.press("down")
            assert calls == [2]

    async def test_what_is_painted_is_what_is_there(self) -> None:
        """After any change the screen holds what a drawing from scratch would."""
        app = TableApp(runs(100, 12), WIDE)
        async with app.run_test(size=(60, 12)) as pilot:
            steps: list[Callable[[], object]] = [
                lambda: app.table.show(runs(100, 12).reverse()),
                lambda: app.table.move_cursor(row=60, column="c9"),
                lambda: app.table.show(runs(5, 12)),
                lambda: setattr(app.table, "sort", (("c3", True),)),
                lambda: app.table.show(runs(50, 12), WIDE[:6]),
                lambda: setattr(app.table, "marks", {key(1): "red", key(45): "blue"}),
                lambda: app.table.action_page(1),
                lambda: app.table.show(runs(0, 12)),
                lambda: app.table.show(runs(100, 12), WIDE[3:]),
                lambda: app.table.scroll_to(y=40, animate=False),
                lambda: app.table.show(runs(99, 12)),
            ]
            for step in steps:
                step()
                await pilot.pause()
                on_screen = ["".join(s.text for s in strip) for strip in app.screen._compositor.render_strips()]
                width = app.table._width
                assert [line[:width] for line in on_screen] == [line[:width] for line in lines(app.table)]
                assert len(app.table.visible_keys) == min(11, app.table.frame.height)

    async def test_padding_and_opacity_are_textuals(self) -> None:
        app = TableApp(runs(100), PLAIN)
        async with app.run_test(size=(60, 12)) as pilot:
            app.table.styles.padding = (1, 2)
            await pilot.pause()
            on_screen = ["".join(s.text for s in strip) for strip in app.screen._compositor.render_strips()]
            assert on_screen[0].strip() == ""
            assert on_screen[1].startswith("    name")
            await pilot.click("#runs", offset=(5, 4))
            assert app.table.cursor_row == 2

    async def test_shown_before_it_is_mounted(self) -> None:
        table = FrameTable()
        table.show(runs(10), PLAIN)
        table.move_cursor(row=7)
        assert table.cursor_key == key(7)

        class Late(App[None]):
            keys: list[object] = []  # noqa: RUF012

            def compose(self) -> ComposeResult:
                yield table

            def on_frame_table_row_highlighted(self, message: FrameTable.RowHighlighted) -> None:
                self.keys.append(message.key)

        app = Late()
        async with app.run_test(size=(40, 6)) as pilot:
            await pilot.pause()
            assert app.keys == [key(7)]
            assert "run-7" in names(table)


def _painted(table: FrameTable) -> list[Strip]:
    return [table._painter.strip(table._painted[y]) for y in range(table.size.height)]


def _count_refreshes(table: FrameTable) -> list[int]:
    """A list that grows by the number of lines of each repaint; 0 is the whole table."""
    calls: list[int] = []
    refresh = table.refresh

    def counting(*regions: object, **options: object) -> object:
        calls.append(len(regions))
        return refresh(*regions, **options)  # type: ignore[arg-type]

    table.refresh = counting  # type: ignore[method-assign, assignment]
    return calls


HOSTILE = [
    "[red]x[/]",
    "[@click=app.quit]quit[/]",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\nb\tc\rd",
    "\u202eevil",
    "面倒な実験",
    "🚀🚀🚀 to the moon",
    "e\u0301" * 20,
    "👨\u200d👩\u200d👧\u200d👦 family",
    "❤\ufe0f❤\ufe0f❤\ufe0f",
    "\ud800",
    "\U000e0041tag",
    "x" * 1_000_000,
    "",
]


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
    async def test_renders_as_text_of_the_right_width(self, text: str) -> None:
        columns = [
            TableColumn("name", text or "?", lambda window: [Cell(text)] * window.height, max_width=16),
            TableColumn("b", "b", lambda window: [Cell("|", more=((text, "bad"),))] * window.height, "right"),
        ]
        app = TableApp(runs(2), columns, empty_message=text)
        async with app.run_test(size=(40, 6)) as pilot:
            app.table.sort = (("name", True),)
            app.table.marks = {key(0): "#ff0000"}
            await pilot.pause()
            _check(app.table, 40)
            app.table.show(runs(0))
            _check(app.table, 40)

    async def test_markup_is_shown_and_a_click_does_nothing(self) -> None:
        text = "[@click=app.quit]quit[/]"
        app = TableApp(runs(2), [TableColumn("name", text, lambda window: [Cell(text)] * window.height)])
        async with app.run_test(size=(40, 6)) as pilot:
            assert text in lines(app.table)[0]
            assert text in lines(app.table)[1]
            await pilot.click("#runs", offset=(6, 1))
            assert app.is_running

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(st.text(max_size=30), st.text(max_size=10)), min_size=1, max_size=6),
        st.integers(0, 60),
        st.integers(1, 4),
    )
    def test_any_text_fits_exactly(self, texts: list[tuple[str, str]], total: int, fixed: int) -> None:
        def cells(which: int) -> Callable[[pl.DataFrame], list[Cell]]:
            more = ((texts[which][1], "bad"),)
            return lambda window: [Cell(texts[which][0], "", more)] * window.height

        columns = [
            TableColumn(str(i), texts[i][0], cells(i), "right" if i % 2 else "left", max_width=3 + 7 * i)
            for i in range(len(texts))
        ]
        window = FrameWindow(("source", "run_id"), fixed, 1)
        window.replace(runs(1), columns)
        window.rows = range(1)
        layout = window.place(fixed, total)
        end = 0
        for slot, cell in zip(layout.slots, window.line(layout, 0), strict=True):
            assert slot.x >= end
            end = slot.x + slot.width
            pieces = fit(cell, slot.width, columns[slot.column].align)
            assert sum(cell_len(text) for text, _ in pieces) == slot.width
            assert all(_is_harmless(text) for text, _ in pieces)
        if fixed < len(texts):
            assert end <= max(total, 2 * (fixed + 1))

    @settings(deadline=None)
    @given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(0, 60), st.integers(1, 5))
    def test_columns_that_are_too_wide_share_the_room(self, widths: list[int], total: int, fixed: int) -> None:
        def placed(more: int) -> list[tuple[int, int]]:
            """The fixed columns, where those that are wider than the line are wider still."""
            window = FrameWindow(("source", "run_id"), fixed, 1)
            made = [width + more * (width > total) for width in widths]
            window.replace(runs(1), [text_column(str(at), width=width) for at, width in enumerate(made)])
            layout = window.place(fixed, total)
            return [(slot.x, slot.width) for slot in layout.slots if slot.column < window.fixed]

        assert sum(width for _, width in placed(0)) <= max(total, fixed)
        assert placed(10**15) == placed(0)

    @settings(max_examples=200, deadline=None)
    @given(st.text(), st.integers(0, 20))
    def test_cutting(self, text: str, width: int) -> None:
        text = clean(text)
        if cell_len(text) > width:
            pieces = cut([(text, "")], width)
            assert sum(cell_len(piece) for piece, _ in pieces) == width
            assert width == 0 or pieces[-1][0].endswith("…")

    async def test_every_strip_has_the_tables_width(self, unicode_texts: list[str]) -> None:
        frame = runs(len(unicode_texts)).with_columns(name=pl.Series(unicode_texts))
        app = TableApp(frame, (text_column("name", max_width=14), text_column("loss", "right"), text_column("run_id")))
        async with app.run_test(size=(31, 40)) as pilot:
            for _ in range(0, len(unicode_texts), 39):
                _check(app.table, 31)
                await pilot.press("pagedown")


@pytest.fixture(scope="module")
def unicode_texts() -> list[str]:
    """Every 97th character of Unicode: alone, in a row, and beside its neighbour."""
    return [
        f"{chr(code)}a{chr(code) * 9}{chr(code + 1)}" for code in (*range(1, 0xD700, 97), *range(0xE000, 0x30000, 97))
    ]


def _is_harmless(text: str) -> bool:
    return not any(c < " " or "\x7f" <= c <= "\x9f" or c in "\u202e\u2066\u200f" for c in text)


def _check(table: FrameTable, width: int) -> None:
    for y in range(table.size.height):
        strip = table.render_line(y)
        assert strip.cell_length == width
        assert true_length(strip) == width
        assert _is_harmless(strip.text)
        assert not any(segment.control for segment in strip)
        assert not any(segment.style and (segment.style.meta or segment.style.link) for segment in strip)
