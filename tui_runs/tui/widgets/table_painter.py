"""Draws the lines of a `FrameView`, each once: its look is a value, and equal looks share a strip."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.tui.widgets.columns import GUTTER, Align, Cell, Layout, Piece, TableColumn, clean, cut, fit

MARK: Final = "●"
FRESH: Final = "+"
LEFT_SIGN: Final = "\u2039"
RIGHT_SIGN: Final = "\u203a"
_ASCENDING: Final = " ▲"
_DESCENDING: Final = " ▼"

COMPONENT_CLASSES: Final = frozenset(
    f"frame-table--{part}"
    for part in (
        "header", "header-sorted", "header-cursor", "sign", "cursor", "cursor-blurred",
        "muted", "good", "bad", "warn", "strong", "accent", "best", "faint", "fresh", "glow-3", "glow-2", "glow-1",
    )
)  # fmt: skip

CSS: Final = """
FrameView {
    width: 1fr;
    height: 1fr;
    overflow-x: hidden;
    overflow-y: auto;
    background: $background;
    color: $foreground;
    scrollbar-size-vertical: 1;
    scrollbar-background: $background;
    scrollbar-background-hover: $background;
    scrollbar-background-active: $background;
    scrollbar-color: $foreground 20%;
    scrollbar-color-hover: $foreground 35%;
    scrollbar-color-active: $primary;

    .frame-table--header { background: $foreground 5%; color: $foreground-muted; }
    .frame-table--header-sorted { color: $text-primary; text-style: bold; }
    .frame-table--header-cursor { background: $primary 30%; color: $foreground; }
    .frame-table--sign { color: $text-primary; text-style: bold; }
    .frame-table--cursor { background: $primary 24%; }
    .frame-table--cursor-blurred { background: $foreground 8%; }
    .frame-table--muted { color: $foreground-muted; }
    .frame-table--good { color: $text-success; }
    .frame-table--bad { color: $text-error; }
    .frame-table--warn { color: $text-warning; }
    .frame-table--strong { text-style: bold; }
    .frame-table--accent { color: $text-primary; }
    .frame-table--best { color: $text-success; text-style: bold; }
    .frame-table--faint { color: $foreground 20%; }
    .frame-table--fresh { color: $text-success; text-style: bold; }
    .frame-table--glow-3 { background: $warning 28%; }
    .frame-table--glow-2 { background: $warning 18%; }
    .frame-table--glow-1 { background: $warning 9%; }
}
"""

_KEPT_STRIPS: Final = 2_000
"""Drawn lines that are kept; a screen has about 50."""

Ground: TypeAlias = Literal["", "cursor", "cursor-blurred", "header", "header-cursor", "glow-1", "glow-2", "glow-3"]
"""What a line, a title in the header, or a cell stands on: the component class of its background."""
_GLOWS: Final[tuple[Ground, ...]] = ("", "glow-1", "glow-2", "glow-3")
"""By how bright a cell is that changed, see `tui_runs.tui.widgets.glow`."""


Sorting: TypeAlias = tuple[tuple[str, bool], ...]
"""Columns that a frame is sorted by, and whether each descends; the first decides."""


def arrow(sort: Sorting, place: int) -> str:
    """What stands behind the title of a column that the frame is sorted by; of several, with its place among them."""
    return (_DESCENDING if sort[place][1] else _ASCENDING) + (str(place + 1) if len(sort) > 1 else "")


class RowLook(NamedTuple):
    """All that decides how the line of a row looks."""

    cells: tuple[Cell, ...]
    mark: str | None
    ground: Ground
    fresh: bool = False
    lit: tuple[tuple[int, int], ...] = ()
    """Which of the cells glow, and how bright."""


class HeaderLook(NamedTuple):
    """The same of the header: the sorted columns, and the cursor's column."""

    sort: Sorting
    cursor: int | None


class MessageLook(NamedTuple):
    """The same of a line of the message that stands where there are no rows."""

    text: str
    style: str


Look: TypeAlias = RowLook | HeaderLook | MessageLook | None
"""None is a blank line."""


class TablePainter:
    """Turns looks into strips of exactly the width of the table."""

    def __init__(self, table: Widget) -> None:
        """Draw in the colours of a widget, which has the component classes above."""
        self._table = table
        self._columns: Sequence[TableColumn] = ()
        self._layout = Layout(0, (), None, None)
        self._aligns: list[Align] = []
        self._width = 0
        self._strips: dict[Look, Strip] = {}
        self._colours_read: list[object] = []
        self._styles: dict[tuple[str, Ground, bool], Style] = {}

    def use(self, columns: Sequence[TableColumn], layout: Layout, width: int) -> None:
        """Draw other columns from now on, or the same in other places.

        Args:
            columns: all columns, in order.
            layout: which of them are on the screen, and where.
            width: cells of a line; the layout may leave some at the right to a scrollbar.
        """
        self._columns = columns
        self._layout = layout
        self._aligns = [columns[slot.column].align for slot in layout.slots]
        self._width = width
        self._strips.clear()

    def read_theme(self) -> None:
        """Drop what has been drawn when its colours are no longer those of the theme."""
        colours: list[object] = [self._table.background_colors[1], self._table.colors[3]]
        for name in sorted(COMPONENT_CLASSES):
            styles = self._table.get_component_styles(name)
            colours += [styles.background, styles.color, styles.text_style]
        if colours != self._colours_read:
            self._colours_read = colours
            self._styles.clear()
            self._strips.clear()

    def strip(self, look: Look) -> Strip:
        """The line that looks like this."""
        strip = self._strips.get(look)
        if strip is None:
            if len(self._strips) >= _KEPT_STRIPS:
                self._strips.clear()
            strip = self._strips[look] = self._draw(look)
        return strip

    def _draw(self, look: Look) -> Strip:
        match look:
            case RowLook():
                return self._draw_row(look)
            case HeaderLook():
                return self._draw_header(look)
            case MessageLook(text, style):
                width = self._layout.total
                pieces: Sequence[Piece] = [(" " * ((width - cell_len(text)) // 2), ""), (text, style)]
                pieces = cut(pieces, width) if cell_len(text) > width else pieces
                length = sum(cell_len(text) for text, _ in pieces)
                return self._line([(text, self._style(style, "")) for text, style in pieces], length, "")
        return self._line([], 0, "")

    def _draw_row(self, look: RowLook) -> Strip:
        mark, ground = look.mark, look.ground
        plain = self._style("", ground)
        pieces = [(MARK, self._style(mark, ground)) if mark else (" ", plain)]
        pieces.append((FRESH, self._style("fresh", ground)) if look.fresh else (" ", plain))
        x = GUTTER
        lit = dict(look.lit)
        for place, (slot, align, cell) in enumerate(zip(self._layout.slots, self._aligns, look.cells, strict=True)):
            if place in lit:
                pieces.append((" " * (slot.x - x), plain))
                on = _GLOWS[lit[place]]
                pieces += [(text, self._style(style, on)) for text, style in fit(cell, slot.width, align)]
                x = slot.x + slot.width
                continue
            width = slot.width
            pieces.append((" " * (slot.x - x), plain))
            x = slot.x + width
            names = slot.column == 0 and (mark is not None or ground != "")
            if not (names or cell.style or cell.more) and cell.text.isascii() and len(cell.text) <= width:
                pieces.append((cell.text.rjust(width) if align == "right" else cell.text.ljust(width), plain))
                continue
            for text, style in fit(cell, width, align):
                colour = mark if names and mark else style
                pieces.append((text, self._style(colour, ground, names) if colour or names else plain))
        return self._line(pieces, x, ground)

    def _draw_header(self, look: HeaderLook) -> Strip:
        layout = self._layout
        plain, sign_style = self._style("", "header"), self._style("sign", "header")
        places = {name: place for place, (name, _) in enumerate(look.sort)}
        pieces = [(" " * GUTTER, plain)]
        x = GUTTER
        for slot in layout.slots:
            column = self._columns[slot.column]
            pieces.append((" " * (slot.x - x), plain))
            ground: Ground = "header-cursor" if slot.column == look.cursor else "header"
            title, style = clean(column.title), column.look
            if column.name in places:
                sign = arrow(look.sort, places[column.name])
                title, style = _short(title, slot.width - len(sign)) + sign, "header-sorted"
            fitted = fit(Cell(title), slot.width, column.align)
            pieces.extend((text, self._style(style, ground, bool(column.look))) for text, _ in fitted)
            x = slot.x + slot.width
        strip = self._line(pieces, x, "header")
        for at, text in ((layout.left_sign, LEFT_SIGN), (layout.right_sign, RIGHT_SIGN)):
            if at is not None and 0 <= at < layout.total:
                before, after = strip.crop(0, at), strip.crop(at + 1, self._width)
                strip = Strip([*before, Segment(text, sign_style), *after], self._width)
        return strip

    def _line(self, pieces: list[tuple[str, Style]], length: int, ground: Ground) -> Strip:
        """A line of exactly the table's width, of pieces that are `length` cells wide.

        Neighbours in one style become one segment, as every segment costs on its way to the terminal.
        """
        plain = self._style("", ground)
        segments: list[Segment] = []
        texts: list[str] = []
        last = plain
        for text, style in [*pieces, (" " * (self._width - length), plain)]:
            if not text:
                continue
            if style is not last and texts:
                segments.append(Segment("".join(texts), last))
                texts = []
            last = style
            texts.append(text)
        if texts:
            segments.append(Segment("".join(texts), last))
        return Strip(segments, max(length, self._width)).crop(0, self._width)

    def _style(self, name: str, ground: Ground, bold: bool = False) -> Style:
        """The style of a piece of text on a ground.

        Args:
            name: the last part of a component class, or a colour; what is neither is plain.
            ground: what the text stands on.
            bold: make it bold as well.
        """
        known = self._styles.get((name, ground, bold))
        if known is not None:
            return known
        background, colour = self._table.background_colors[1], self._table.colors[3]
        text_style = Style(bold=True) if bold else Style()
        parts = ["header", ground, name] if ground == "header-cursor" else [ground, name]
        for part in filter(None, parts):
            if f"frame-table--{part}" in COMPONENT_CLASSES:
                styles = self._table.get_component_styles(f"frame-table--{part}")
                if styles.has_rule("background"):
                    background += styles.background
                if styles.has_rule("color"):
                    colour = styles.color
                text_style += styles.text_style
            else:
                with suppress(ColorParseError):
                    colour = Color.parse(part)
        style = Style.from_color((background + colour).rich_color, background.rich_color) + text_style
        self._styles[name, ground, bold] = style
        return style


def _short(text: str, width: int) -> str:
    return text if cell_len(text) <= width else "".join(piece for piece, _ in cut([(text, "")], width))
