"""One chart: a title line, and the curves of one metric below it."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.display import clip, printable
from tui_runs.tui.widgets.drawings import Drawings, Sketch

if TYPE_CHECKING:
    from tui_runs.drawing import Area, Axes, Curve, Drawing, Ribbon

_PARTS: Final = ("", "title", "note", "grid", "tick", "warning")
_WHEEL: Final = 0.8
"""How much of the width one notch of the wheel leaves."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a chart shows.

    Args:
        metric: its key, the title.
        note: what else the title says: scale, smoothing.
        curves: what is drawn, prepared: it is reduced when the chart is drawn, and not before.
        axes: scales and labels.
        version: two pictures of the same metric, axes, note, cursor and version look the same.
        ribbons: bands over several runs.
        cursor: an x that the user looks at; the title then says the values there.
        waiting: what to say while there are no points.
    """

    metric: str
    note: str
    curves: Sequence[Curve]
    axes: Axes
    version: Hashable
    ribbons: Sequence[Ribbon] = ()
    cursor: float | None = None
    waiting: str = ""

    @property
    def identity(self) -> Hashable:
        """What tells whether a drawing is still right."""
        waiting = "" if self.curves or self.ribbons else self.waiting
        return self.metric, self.note, self.axes, self.version, self.cursor, waiting


class Chart(Widget):
    """Draws a `Picture` in its own size, and again only when the picture, the size or the theme is another.

    Args:
        drawings: what was drawn lately, by any chart.
    """

    class Pointed(Message):
        """The user clicked at an x."""

        def __init__(self, metric: str, x: float) -> None:
            super().__init__()
            self.metric, self.x = metric, x

    class Zoomed(Message):
        """The user turned the wheel over an x: what is shown becomes so many times as wide."""

        def __init__(self, metric: str, factor: float, x: float | None) -> None:
            super().__init__()
            self.metric, self.factor, self.x = metric, factor, x

    class Panned(Message):
        """The user dragged the curves: what is shown moves to the right by a share of its width."""

        def __init__(self, metric: str, share: float) -> None:
            super().__init__()
            self.metric, self.share = metric, share

    class Opened(Message):
        """The user clicked twice."""

        def __init__(self, metric: str) -> None:
            super().__init__()
            self.metric = metric

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title", "chart--note", "chart--grid", "chart--tick", "chart--warning",
    }  # fmt: skip
    DEFAULT_CSS = """
    Chart {
        width: 1fr;
        height: 1fr;
        background: $background;
        .chart--title { text-style: bold; color: $foreground; }
        .chart--note { color: $foreground-muted; }
        .chart--warning { color: $warning; }
        .chart--tick { color: $foreground-muted; }
        .chart--grid { color: $foreground 18%; }
    }
    """

    def __init__(self, drawings: Drawings) -> None:
        super().__init__()
        self._drawings = drawings
        self._picture: Picture | None = None
        self._stale = True
        self._width = 0
        self._strips: Sequence[Strip] = ()
        self._area: Area | None = None
        self._looks: dict[str, Style] = {}
        self._held_at: int | None = None
        self._dragged = False

    @property
    def columns(self) -> int:
        """How many columns the curves have; 1 before anything was drawn."""
        return self._area.columns if self._area is not None else 1

    def show(self, picture: Picture | None) -> None:
        """Show another picture, or nothing."""
        if picture is self._picture:
            return
        old = self._picture.identity if self._picture else None
        self._picture = picture
        if (picture.identity if picture else None) != old:
            self._stale = True
            self.refresh()

    def notify_style_update(self) -> None:
        """Draw anew in the colours of another theme."""
        super().notify_style_update()
        self._stale = True
        self._looks = {}

    def on_resize(self) -> None:
        """Draw anew in another size."""
        self._stale = True

    def render_line(self, y: int) -> Strip:
        """One line; see `textual.widget.Widget.render_line`."""
        if self._stale:
            self._strips, self._area = self._sketch(self._picture)
            self._width = self.size.width
            self._stale = False
        return self._strips[y] if y < len(self._strips) else Strip.blank(self._width, self._look())

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines as Textual wants them. A chart has no border, no padding and no links, which take time to look for."""
        strips = [self.render_line(y) for y in crop.line_range]
        if crop.column_span != (0, self._width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _filtered(self, strips: Sequence[Strip]) -> Sequence[Strip]:
        """Strips in the colours that the terminal can show, made over where there are styles that it cannot."""
        ground = self.background_colors[1]
        styles = {segment.style for strip in strips for segment in strip}
        for line_filter in self.get_line_filters():
            samples = [Segment(" ", style) for style in styles]
            if line_filter.apply(samples, ground) != samples:
                strips = [strip.apply_filter(line_filter, ground) for strip in strips]
                styles = {segment.style for strip in strips for segment in strip}
        return strips

    # --- drawing --------------------------------------------------------------------------------------------------

    def draw_ahead(self, picture: Picture) -> None:
        """Draw what may be shown here next, so that it is there at once then."""
        if self.is_attached:  # the page may have been laid out anew
            self._sketch(picture)

    def _sketch(self, picture: Picture | None) -> Sketch:
        """What the chart looks like with this picture: as it was drawn before, if it was."""
        if picture is None or not self.size:
            return Sketch((), None)
        key = picture.identity, self.size, tuple(map(self._look, _PARTS)), *self.get_line_filters()
        sketch = self._drawings.get(key)
        if sketch is None:
            sketch = self._draw(picture)
            sketch = sketch._replace(strips=self._filtered(sketch.strips))
            self._drawings.keep(key, sketch)
        return sketch

    def _draw(self, picture: Picture) -> Sketch:
        width, height = self.size
        if not picture.curves and not picture.ribbons:
            waiting = self._message(picture.waiting, width, height - 1)
            return Sketch([self._title(picture, width, None), *waiting], None)
        from tui_runs.drawing import draw_chart  # noqa: PLC0415  imports numpy, which the first rows do not need
        from tui_runs.drawing.terminals import glyphs_for  # noqa: PLC0415

        drawing = draw_chart(
            picture.curves,
            width,
            height - 1,
            picture.axes,
            ribbons=picture.ribbons,
            cursor=picture.cursor,
            muted=self._colour("tick"),
            grid=self._colour("grid"),
            background=ground.name if (ground := self._look().bgcolor) else None,
            glyphs=glyphs_for(os.environ),
        )
        title = self._title(picture, width, drawing)
        area = drawing.area
        if area is not None and (area.x is None or area.y is None):
            zoomed = picture.axes.x_limits is not None
            message = "nothing here; 0 shows all" if zoomed else "nothing that can be drawn"
            return Sketch([title, *self._message(message, width, height - 1)], area)
        return Sketch([title, *(Strip(line, width) for line in drawing.lines)], drawing.area)

    def _look(self, component: str = "") -> Style:
        """The style of a component, or the chart's own; Textual takes 0.3 ms to work one out."""
        look = self._looks.get(component)
        if look is None:
            look = self.get_component_rich_style(f"chart--{component}") if component else self.rich_style
            self._looks[component] = look
        return look

    def _colour(self, component: str) -> str:
        colour = self._look(component).color
        return colour.name if colour is not None else "#6b7280"

    def _title(self, picture: Picture, width: int, drawing: Drawing | None) -> Strip:
        title = printable(picture.metric)
        if cell_len(title) > width - 1:
            title = set_cell_size(title, max(width - 2, 0)) + "…"
        segments = [Segment(title, self._look("title"))]
        room = width - cell_len(title)
        pieces = []
        if drawing is not None:
            from tui_runs.drawing import Curve, not_shown  # noqa: PLC0415  imports numpy

            members = [Curve(one, ribbon.colour) for ribbon in picture.ribbons for one in ribbon.members]
            warnings = not_shown([*picture.curves, *members], picture.axes, drawing.outliers)
            pieces.append((warnings, self._look("warning")))
        if picture.cursor is not None and drawing is not None:
            pieces += self._values(picture, picture.cursor)
        pieces.append((picture.note, self._look("note")))
        for text, look in pieces:
            if text and room > 6:
                segments.append(Segment("  " + clip(text, room - 2), look))
                room -= cell_len(segments[-1].text)
        return Strip(segments).adjust_cell_length(width, self._look())

    def _values(self, picture: Picture, cursor: float) -> list[tuple[str, Style]]:
        """The values of the curves and the bands at the cursor, as they are drawn, each in its colour."""
        from tui_runs.drawing.readings import band_text, read_at, texts_apart  # noqa: PLC0415  imports numpy

        shown = [curve for curve in picture.curves if not curve.behind]
        values = [read_at(curve.points, cursor) for curve in shown]
        texts = [(band_text(one.members, one.spread, cursor), one.colour) for one in picture.ribbons]
        texts += [
            (text, curve.colour)
            for curve, text, value in zip(shown, texts_apart(values), values, strict=True)
            if value is not None
        ]
        return [(text, self._look() + Style(color=colour)) for text, colour in texts]

    def _message(self, text: str, width: int, height: int) -> list[Strip]:
        ground = self._look()
        blank = Strip.blank(width, ground)
        text = clip(text, width)
        line = Strip([Segment(text.center(width - cell_len(text) + len(text)), self._look("note"))])
        above = max((height - 1) // 2, 0)
        return [*[blank] * above, line, *[blank] * (height - above - 1)]

    @property
    def _metric(self) -> str:
        return self._picture.metric if self._picture is not None else ""

    # --- mouse ----------------------------------------------------------------------------------------------------

    def _x_at(self, event: events.MouseEvent) -> float | None:
        return self._area.x_at(event.x) if self._area is not None else None

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Closer; with shift or ctrl further to the left."""
        self._wheel(event, _WHEEL, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Further away; with shift or ctrl further to the right."""
        self._wheel(event, 1 / _WHEEL, 1)

    def _wheel(self, event: events.MouseEvent, factor: float, direction: int) -> None:
        event.stop()
        if event.shift or event.ctrl:
            self.post_message(self.Panned(self._metric, direction * (1 - _WHEEL)))
        else:
            self.post_message(self.Zoomed(self._metric, factor, self._x_at(event)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """The curves can be dragged from here."""
        self._held_at, self._dragged = event.screen_x, False
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the curves while the button is down."""
        if not event.button:  # it was let go outside of the terminal
            self._let_go()
        elif self._held_at is not None and event.screen_x != self._held_at:
            share = (self._held_at - event.screen_x) / max(self.columns - 1, 1)
            self.post_message(self.Panned(self._metric, share))
            self._held_at, self._dragged = event.screen_x, True

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let the curves go."""
        self._let_go()

    def on_unmount(self) -> None:
        """A page of fewer charts: who holds the mouse keeps it, gone or not."""
        self._let_go()

    def _let_go(self) -> None:
        self._held_at = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor here; a second click makes this chart large."""
        event.stop()
        if self._dragged or self._picture is None:
            return
        if event.chain == 2:
            self.post_message(self.Opened(self._metric))
        elif (x := self._x_at(event)) is not None:
            self.post_message(self.Pointed(self._metric, x))
