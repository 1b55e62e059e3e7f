"""Asks where the axes begin and end, and how many charts a page has."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Static

from tui_runs.display import printable
from tui_runs.tui.charts.limits import FieldError, LimitsAsked, LimitsForm, read, written
from tui_runs.tui.charts.state import ChartState

_KEYS: Final = "tab next field · enter takes it · 0 in the charts takes limits away · esc closes"
_CURVES: Final = "as far as the curves go"
_FIELDS: Final = {
    "metric": ("chart of", "all charts"),
    "y_from": ("y from", _CURVES),
    "y_to": ("y to", _CURVES),
    "x_from": ("x from, in all charts", _CURVES),
    "x_to": ("x to, in all charts", _CURVES),
    "charts": ("charts on a page", "as many as fit; or 12, or 3x4"),
}


class ChartForm(ModalScreen[ChartState | None]):
    """Gives the charts as they are to be; None when the user left it. What makes no sense is said, and nothing lost.

    Args:
        asked: the charts as they are.
        now: for "-2h".
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    ChartForm {
        .dialog { width: 72; }
        .dialog Horizontal { height: 1; }
        .dialog Label { max-width: 24; color: $foreground-muted; }
        .dialog Input { width: 1fr; background: $panel; }
        .dialog Input:focus { background: $foreground 8%; }
        .gap { margin: 0 0 1 0; }
        #mistake { color: $warning; padding: 1 0 0 0; display: none; }
        #mistake.-said { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close", id="limits.close", tooltip="Close and change nothing"),
        Binding("down", "app.focus_next", "down", show=False, id="limits.down", tooltip="The next field"),
        Binding("up", "app.focus_previous", "up", show=False, id="limits.up", tooltip="The field before"),
    ]

    def __init__(self, asked: LimitsAsked, now: datetime) -> None:
        super().__init__()
        self._asked, self._now = asked, now
        self._begun = written(asked, asked.metric)
        self._keys = {**{printable(metric).strip(): metric for metric in asked.metrics}, "": ""}
        """The metrics by what stands in the field for them."""

    def compose(self) -> ComposeResult:
        """Title, fields, what is wrong, keys."""
        begun = {**asdict(self._begun), "metric": printable(self._begun.metric).strip()}
        metrics = SuggestFromList([shown for shown in self._keys if shown], case_sensitive=False)
        with Vertical(classes="dialog"):
            yield Static("Limits", classes="dialog-title", markup=False)
            for name, (label, hint) in _FIELDS.items():
                with Horizontal(classes="gap" if name in ("y_to", "x_to") else ""):
                    yield Label(label, markup=False)
                    suggester = metrics if name == "metric" else None
                    yield Input(begun[name], hint, id=name, compact=True, suggester=suggester)
            yield Static("", id="mistake", markup=False)
            yield Static(_KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """The keys go to where y begins."""
        self._field("y_from").focus()

    def _field(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    @on(Input.Changed, "#metric")
    def _show_limits_of(self, event: Input.Changed) -> None:
        """The limits of another chart, unless some were typed already."""
        event.stop()
        metric = self._keys.get(event.value.strip())
        shown = self._field("y_from").value, self._field("y_to").value
        if metric is None or shown != (self._begun.y_from, self._begun.y_to):
            return
        self._begun = written(self._asked, metric)
        self._field("y_from").value, self._field("y_to").value = self._begun.y_from, self._begun.y_to

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        fields = {name: self._field(name).value for name in _FIELDS}
        metric = fields["metric"].strip()
        form = LimitsForm(**{**fields, "metric": self._keys.get(metric, metric)})
        try:
            self.dismiss(read(form, self._asked, self._now))
        except FieldError as mistake:
            said = self.query_one("#mistake", Static)
            said.update(printable(f"{mistake.message} {mistake.remedy}".strip()))
            said.add_class("-said")
            self._field(mistake.field).focus()
