"""Every key of the main screen, said once: the footer, the help and the user's own keymap come from this table."""

from __future__ import annotations

from typing import Final, NamedTuple

from textual.binding import Binding


class Key(NamedTuple):
    """A key and what it does.

    Args:
        id: stable name, for a user's keymap: "view.sort".
        keys: as Textual spells them, separated by commas.
        action: the screen's action.
        label: one or two words, for the footer and the palette.
        says: one sentence, for the help.
        footer: shown in the footer; the order here is the order there.
        shown: how the key is spelt for people, where Textual's spelling is odd.
    """

    id: str
    keys: str
    action: str
    label: str
    says: str
    footer: bool = False
    shown: str = ""

    @property
    def binding(self) -> Binding:
        """The same as Textual has it."""
        return Binding(
            self.keys, self.action, self.label, show=self.footer, key_display=self.spelt, id=self.id, tooltip=self.says
        )

    @property
    def spelt(self) -> str:
        """The first key as people write it."""
        return self.shown or self.keys.split(",")[0]


MAIN: Final = (
    Key("runs.mark", "space", "mark", "mark", "Mark the run, or unmark it: marked runs are charted together", True),
    Key(
        "runs.filter",
        "slash",
        "filter",
        "filter",
        "Show only the runs that pass a filter: words, or metrics.loss < 0.3 and the like",
        True,
        "/",
    ),
    Key("runs.sort", "s", "sort", "sort", "Sort by the column under the column cursor; again: turn round", True),
    Key(
        "runs.then_by",
        "S",
        "then_by",
        "sort also by",
        "Sort by this column too, where runs are equal; again: turn round",
    ),
    Key("runs.diff", "d", "diff", "diff", "What differs between the marked runs; again: what is the same, too", True),
    Key("runs.unmark", "c", "unmark", "clear marks", "Unmark all runs"),
    Key("runs.newest", "o", "newest", "newest first", "Sort by start again, the newest run first"),
    Key("runs.nest", "v", "nest", "nest", "Runs below the run that made them, or all in one list"),
    Key(
        "runs.leaderboard",
        "l",
        "leaderboard",
        "best first",
        "The best of each run's history in this metric, best run first",
    ),
    Key(
        "runs.group",
        "M",
        "group",
        "groups",
        "Runs that differ in their seed alone, or share what you choose, as one: mean ± std",
    ),
    Key("columns.choose", "C", "columns", "columns", "Choose columns: show, hide, move, pin, widen"),
    Key(
        "columns.aggregate",
        "a",
        "aggregate",
        "last or best",
        "Last value of the metric under the column cursor, best, its step …",
    ),
    Key("columns.better", "B", "better", "which is better", "Say whether lower or higher is better for this metric"),
    Key("columns.hide", "h", "hide_column", "hide column", "Leave the column under the column cursor out"),
    Key("columns.left", "shift+left", "move_column(-1)", "column left", "Move the column to the left"),
    Key("columns.right", "shift+right", "move_column(1)", "column right", "Move the column to the right"),
    Key(
        "columns.lean", "i", "lean", "only what tells", "Leave out columns that say the same of every run, or show them"
    ),
    Key(
        "runs.matters",
        "A",
        "associations",
        "what mattered",
        "How much each param has to do with the metric under the column cursor",
    ),
    Key(
        "runs.export",
        "E",
        "export",
        "export",
        "Write the table or the comparison: csv, json, parquet, markdown, LaTeX, HTML",
    ),
    Key(
        "runs.code",
        "D",
        "code",
        "code",
        "How the code of two marked runs differs: commits, git diff, uncommitted changes",
    ),
    Key("runs.command", "R", "copy_command", "copy command", "Copy the command line that runs this training again"),
    Key("runs.views", "V", "views", "views", "Save what is seen under a name, or show what was saved"),
    Key("view.x", "x", "x_axis", "x axis", "Charts over the step, the time since the start, or the date", True),
    Key("view.log", "y", "log_y", "log y", "Logarithmic y axes, logarithmic to both sides of 0, or linear", True),
    Key("view.next", "n,right_square_bracket", "page(1)", "more charts", "The next page of charts", True),
    Key("view.previous", "N,left_square_bracket", "page(-1)", "charts back", "The page of charts before"),
    Key("view.single", "w", "single", "one chart", "One large chart, or as many as fit"),
    Key("chart.x_metric", "X", "x_metric", "x metric", "Charts over any metric: epoch, tokens seen …"),
    Key("chart.log_x", "Y", "log_x", "log x", "Logarithmic x axes, or linear ones"),
    Key("chart.smooth", "e", "smoothing", "smooth", "Smooth curves: EMA, time-weighted EMA, mean, Gaussian, not"),
    Key("chart.smoother", "plus,equals_sign", "smooth_more(1)", "smoother", "Smooth the curves more"),
    Key("chart.rougher", "minus", "smooth_more(-1)", "rougher", "Smooth the curves less"),
    Key("chart.cursor_right", "full_stop", "chart_cursor(1)", "values right", "The values of all runs further right"),
    Key("chart.cursor_left", "comma", "chart_cursor(-1)", "values left", "The values of all runs further left"),
    Key("chart.leap_right", "greater_than_sign", "chart_cursor(10)", "leap right", "The same, ten columns at once"),
    Key("chart.leap_left", "less_than_sign", "chart_cursor(-10)", "leap left", "The same to the left"),
    Key("chart.zoom_in", "u", "chart_zoom(0.5)", "zoom in", "Half of the x axis, around the values looked at"),
    Key("chart.zoom_out", "U", "chart_zoom(2.0)", "zoom out", "Twice as much of the x axis"),
    Key("chart.pan_right", "right_parenthesis", "chart_pan(0.25)", "pan right", "Further right, where zoomed in"),
    Key("chart.pan_left", "left_parenthesis", "chart_pan(-0.25)", "pan left", "Further left, where zoomed in"),
    Key("chart.reset", "0", "chart_reset", "whole curves", "Whole curves: no zoom, no limits, no values looked at"),
    Key(
        "chart.limits",
        "L",
        "chart_limits",
        "limits",
        "Where the axes begin and end, and how many charts there are on a page: 1 to 36",
    ),
    Key("chart.pin", "P", "chart_pin", "pin chart", "This chart, or one of these, before all others; again: no longer"),
    Key("chart.outliers", "r", "outliers", "ignore outliers", "y axes where most values lie, or all of them"),
    Key("chart.bands", "b", "bands", "bands", "The runs as one: min/max, mean ± std, or each by itself"),
    Key("chart.filter", "m", "find_metric", "find charts", "Only charts with this in their name"),
    Key("chart.group", "K", "chart_group", "next group", "The charts of the next group: train/, val/ …"),
    Key("chart.size", "W", "chart_size", "chart size", "Small, large or usual charts"),
    Key(
        "view.compare", "1", "pane('compare')", "compare", "Show what differs between the marked runs, and their charts"
    ),
    Key("view.charts", "2", "pane('charts')", "charts", "Show the charts alone"),
    Key("view.run", "3,enter", "pane('run')", "run", "Show everything about the run under the cursor"),
    Key("view.files", "4", "pane('files')", "files", "Show the files of the run under the cursor"),
    Key(
        "view.log_pane",
        "5",
        "pane('log')",
        "log",
        "Show what the run under the cursor printed; there / n N search, w wraps, [ ] other logs",
    ),
    Key(
        "view.system",
        "6",
        "pane('system')",
        "system",
        "Show this machine: processors, memory, disks, network, GPUs and whose processes use them; "
        "again: what the runs logged of theirs",
    ),
    Key(
        "view.figures",
        "7",
        "figures",
        "figures",
        "All runs in view: a scatter, parallel coordinates, boxes or a histogram; again: the next kind",
    ),
    Key("view.zoom", "z", "zoom", "zoom", "Give the table, or what is below it, the whole screen, and back", True),
    Key("view.next_pane", "tab", "next_pane", "other pane", "Go to the table, or to what is below it"),
    Key("view.trend", "t", "trend", "trend", "Trend of the metric under the column cursor"),
    Key("live.follow", "f", "follow", "follow", "Follow the store, or hold still", True),
    Key(
        "live.health",
        "H",
        "health",
        "health",
        "What is wrong, and since when: NaN, diverging, crashed, stale, plateau, disk nearly full",
    ),
    Key("store.problems", "p", "problems", "problems", "What could not be read, and what to do about it", True),
    Key("app.theme", "ctrl+t", "theme", "theme", "Dark or light", shown="^t"),
    Key("app.palette", "ctrl+p", "app.command_palette", "commands", "Find a command by its name", True, "^p"),
    Key("app.suspend", "ctrl+z", "app.suspend_process", "suspend", "Back to the shell; fg comes back here", shown="^z"),
    Key("app.help", "question_mark", "help", "help", "All keys", True, "?"),
    Key("app.quit", "q,ctrl+q", "app.quit", "quit", "Leave", True),
)
