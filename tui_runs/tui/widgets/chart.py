"""One chart: a title line, and the curves of one metric below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.display import printable

if TYPE_CHECKING:
    from tui_runs.drawing import Axes, Curve


@dataclass(frozen=True, slots=True)
class Picture:
    """What a chart shows.

    Args:
        metric: its key, the title.
        note: what else the title says: scale, what is left out.
        curves: makes the curves; called when the chart is drawn, and not before.
        axes: scales and labels.
        version: two pictures of the same metric, axes, note and version look the same.
        waiting: what to say while there are no points.
    """

    metric: str
    note: str
    curves: Callable[[], Sequence[Curve]]
    axes: Axes
    version: object
    waiting: str = ""

    @property
    def identity(self) -> object:
        """What tells whether a drawing is still right."""
        return self.metric, self.note, self.axes, self.version, self.waiting


class Chart(Widget):
    """Draws a `Picture` in its own size, and again only when the picture, the size or the theme is another."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chart--title", "chart--note", "chart--grid", "chart--tick"}
    DEFAULT_CSS = """
    Chart {
        width: 1fr;
        height: 1fr;
        background: $background;
        .chart--title { text-style: bold; color: $foreground; }
        .chart--note { color: $foreground-muted; }
        .chart--tick { color: $foreground-muted; }
        .chart--grid { color: $foreground 18%; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self._drawn_for: object = None
        self._strips: list[Strip] = []

    def show(self, picture: Picture | None) -> None:
        """Show another picture, or nothing."""
        old = self._picture.identity if self._picture else None
        self._picture = picture
        if (picture.identity if picture else None) != old:
            self.refresh()

    def notify_style_update(self) -> None:
        """Draw anew in the colours of another theme."""
        super().notify_style_update()
        self._drawn_for = None

    def render_line(self, y: int) -> Strip:
        """One line; see `textual.widget.Widget.render_line`."""
        key = (self._picture.identity if self._picture else None, self.size)
        if key != self._drawn_for:
            self._strips = self._draw()
            self._drawn_for = key
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        picture = self._picture
        if picture is None or width < 1 or height < 1:
            return []
        title = self._title(picture, width)
        curves = picture.curves()
        if not curves and picture.waiting:
            return [title, *self._message(picture.waiting, width, height - 1)]
        from tui_runs.drawing import draw_chart  # noqa: PLC0415  imports numpy, which the first rows do not need

        lines = draw_chart(
            curves,
            width,
            height - 1,
            picture.axes,
            muted=self._colour("chart--tick"),
            grid=self._colour("chart--grid"),
            background=self.rich_style.bgcolor.name if self.rich_style.bgcolor else None,
        )
        return [title, *(Strip(line, width) for line in lines)]

    def _colour(self, component: str) -> str:
        colour = self.get_component_rich_style(component).color
        return colour.name if colour is not None else "#6b7280"

    def _title(self, picture: Picture, width: int) -> Strip:
        ground = self.rich_style
        title = printable(picture.metric)
        if cell_len(title) > width - 1:
            title = set_cell_size(title, max(width - 2, 0)) + "…"
        segments = [Segment(title, self.get_component_rich_style("chart--title"))]
        room = width - cell_len(title) - 2
        if picture.note and room > 4:
            note = picture.note if len(picture.note) <= room else picture.note[: room - 1] + "…"
            segments.append(Segment("  " + note, self.get_component_rich_style("chart--note")))
        return Strip(segments).adjust_cell_length(width, ground)

    def _message(self, text: str, width: int, height: int) -> list[Strip]:
        ground = self.rich_style
        blank = Strip.blank(width, ground)
        line = Strip([Segment(text.center(width)[:width], self.get_component_rich_style("chart--note"))])
        above = max((height - 1) // 2, 0)
        return [*[blank] * above, line, *[blank] * (height - above - 1)]
