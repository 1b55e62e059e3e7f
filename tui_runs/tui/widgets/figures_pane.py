"""A figure of all runs in view, with the keys and the mouse that point at runs and choose parts of axes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui_runs.display import printable
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.widgets.figure_view import FigureView

if TYPE_CHECKING:
    from tui_runs.drawing.parallel import Pointer

_NEAR: Final = 4
"""Columns from a run within which a click means it."""
_POINTING: Final = "← → axis · ↑ ↓ place · space begins a part · enter filters · backspace takes it back"


class FiguresPane(FigureView, can_focus=True):
    """Takes the keys while parts of axes are chosen.

    Args:
        workspace: where the runs are.
    """

    class RunWanted(Message):
        """The user pointed at a run."""

        def __init__(self, run: RunKey) -> None:
            super().__init__()
            self.run = run

    class FilterWanted(Message):
        """The user chose a part of an axis: only the runs in it are to be shown too.

        Args:
            where: a condition; "" takes the last one back.
        """

        def __init__(self, where: str) -> None:
            super().__init__()
            self.where = where

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "axis(-1)", "axis left", show=False, id="figure.left", tooltip="The axis to the left"),
        Binding("right", "axis(1)", "axis right", show=False, id="figure.right", tooltip="The axis to the right"),
        Binding("up", "place(1)", "up", show=False, id="figure.up", tooltip="Further up on the axis"),
        Binding("down", "place(-1)", "down", show=False, id="figure.down", tooltip="Further down on the axis"),
        Binding(
            "space", "part", "begin a part", show=False, id="figure.part", tooltip="A part of the axis begins here"
        ),
        Binding(
            "enter", "brush", "filter", show=False, id="figure.brush", tooltip="Only runs in this part of the axis"
        ),
        Binding("escape", "unpoint", "leave", show=False, id="figure.leave", tooltip="Choose no part of an axis"),
        Binding(
            "backspace", "unbrush", "take back", show=False, id="figure.back", tooltip="Take the last part chosen back"
        ),
    ]

    def __init__(self, workspace: Workspace, *, id: str | None = None) -> None:
        super().__init__(workspace, id=id)
        self._held = False

    # --- a part of an axis ----------------------------------------------------------------------------------------

    def on_focus(self) -> None:
        """Show where on the axes the keys point."""
        self._point(self._pointer)

    def on_blur(self) -> None:
        """Show it no longer."""
        self._ask()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of axes are those of parallel coordinates alone."""
        return bool(self.axes) or action not in ("axis", "place", "part", "brush", "unpoint")

    def _point(self, pointer: Pointer | None) -> None:
        if self.axes:
            self._pointer = pointer or self._middle(0)
        self._ask()
        self.refresh()

    def _middle(self, axis: int) -> Pointer:
        """A place about the middle of an axis; of words, the one there."""
        from tui_runs.drawing.parallel import Pointer  # noqa: PLC0415  imports numpy

        last = len(self.axes[axis].words) - 1
        return Pointer(axis, last // 2 / last if last > 0 else 0.5)

    def _pace(self) -> float:
        """How far one step goes on the axis that is pointed at: a line, or a word."""
        area = self.drawn.area if self.drawn is not None else None
        words = self.axes[self._pointer.axis].words if self._pointer is not None else ()
        return 1 / max((len(words) if words or area is None else area.rows) - 1, 1)

    def action_axis(self, by: int) -> None:
        """The next axis."""
        at = 0 if self._pointer is None else max(0, min(self._pointer.axis + by, len(self.axes) - 1))
        if self._pointer is None or at != self._pointer.axis:
            self._point(self._middle(at))

    def action_place(self, by: int) -> None:
        """Another place on the axis."""
        if self._pointer is None:
            self._point(None)
            return
        pace = self._pace()
        steps = max(0, min(round(self._pointer.place / pace) + by, round(1 / pace)))
        self._point(replace(self._pointer, place=steps * pace))

    def action_part(self) -> None:
        """A part of the axis begins here; again: none does."""
        if self._pointer is not None:
            anchor = self._pointer.place if self._pointer.anchor is None else None
            self._point(replace(self._pointer, anchor=anchor))

    def action_unpoint(self) -> None:
        """No part is chosen."""
        if self._pointer is not None:
            self._point(replace(self._pointer, anchor=None))

    def action_brush(self) -> None:
        """Only the runs in the part that is chosen, or in the line that is pointed at."""
        condition = self._condition()
        if condition is None:
            self.notify("There is no run to filter by, or the filter knows no such column.", severity="warning")
        else:
            self.post_message(self.FilterWanted(condition))
            self.action_unpoint()

    def action_unbrush(self) -> None:
        """As it was before the last part was chosen."""
        self.post_message(self.FilterWanted(""))

    def _condition(self) -> str | None:
        if self._pointer is None or self._pointer.axis >= len(self.axes):
            return None
        ends = (self._pointer.place, self._pointer.place if self._pointer.anchor is None else self._pointer.anchor)
        half = self._pace() / 2
        return self.axes[self._pointer.axis].condition(min(ends) - half, max(ends) + half)

    def hint(self) -> str:
        """The keys of axes, and what enter would do."""
        if not self.has_focus or self._pointer is None or not self.axes:
            return super().hint()
        condition = self._condition()
        return (f"{printable(condition)} · " if condition else "") + _POINTING

    # --- mouse ----------------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A part of the axis here begins, in parallel coordinates."""
        if self.axes and self.drawn is not None and self.drawn.area is not None:
            from tui_runs.drawing.parallel import Pointer  # noqa: PLC0415  imports numpy

            place = self.drawn.area.place_of(event.y - 1)
            self._held = True
            self.capture_mouse()
            self._point(Pointer(self.drawn.area.axis_near(event.x), place, place))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """It reaches to here."""
        if self._held and not event.button:  # it was let go outside of the terminal
            self.on_mouse_up(event)
        elif self._held and self._pointer is not None and self.drawn is not None and self.drawn.area is not None:
            self._point(replace(self._pointer, place=self.drawn.area.place_of(event.y - 1)))

    def on_mouse_up(self, event: events.MouseEvent) -> None:
        """It is chosen, if it is one."""
        if not self._held:
            return
        self._held = False
        self.release_mouse()
        if self._pointer is not None and self._pointer.anchor != self._pointer.place:
            self.action_brush()
        else:
            self.action_unpoint()

    def on_click(self, event: events.Click) -> None:
        """The run here, in a scatter."""
        if self.drawn is None or not len(self.drawn.spots):
            return
        import numpy as np  # noqa: PLC0415  not needed for the first screen

        # A line is about as high as two columns are wide.
        apart = np.abs(self.drawn.spots - [event.x, event.y - 1]) @ [1, 2]
        nearest = int(apart.argmin())
        if apart[nearest] <= _NEAR:
            self.post_message(self.RunWanted(self.drawn.order[nearest]))
