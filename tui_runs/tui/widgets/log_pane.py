"""What a run printed: the end of its log first, earlier parts when one goes up, and it follows while one is at its end.

A log is read in parts, one question at a time; the answers come from the app's thread for details.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from tui_runs.analysis.log_text import pattern_of
from tui_runs.capabilities import LogFile, LogPart, WithLogs
from tui_runs.display import file_size, printable
from tui_runs.errors import TuiRunsError
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.log_window import CHUNK, Hit, LogWindow, Stretch, search
from tui_runs.tui.widgets.log_view import LogView

_POLL_SECONDS: Final = 1.0
_POLLS_WITHOUT_LOG: Final = 5
"""A run that has no log yet is asked for one at every fifth poll only: that may mean listing directories."""
_LATER: Final = 64 << 10
"""Bytes of what was appended that are read at once: they are made into lines on the screen's own thread."""
_Answer = TypeVar("_Answer")


class LogPane(Vertical):
    """Shows the logs of one run; what it needs it asks for by messages."""

    DEFAULT_CSS = """
    LogPane { height: 1fr; }
    LogPane Input { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
    LogPane.-typing Input { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", id="log.search", tooltip="Search the log, from here up"),
        Binding("n", "again(True)", "further up", id="log.again", tooltip="The same text further up"),
        Binding("N", "again(False)", "further down", id="log.back", tooltip="The same text further down"),
        Binding("w", "wrap", "wrap", id="log.wrap", tooltip="Wrap long lines, or cut them"),
        Binding("right_square_bracket", "other(1)", "next log", id="log.next", tooltip="The run's next log"),
        Binding("left_square_bracket", "other(-1)", "log before", id="log.previous", tooltip="The one before"),
        Binding("escape", "stop", "stop", id="log.stop", tooltip="End the search"),
    ]

    class Wanted(Message):
        """Something is to be read of a run's logs.

        Args:
            run: whose.
            question: number of the question, which comes back with the answer.
            read: reads it, in a thread.
        """

        def __init__(self, run: RunKey, question: int, read: Callable[[WithLogs], object]) -> None:
            super().__init__()
            self.run = run
            self.question = question
            self.read = read

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.view = LogView()
        self._run: RunKey | None = None
        self._logs: Sequence[LogFile] = ()
        self._chosen = 0
        self._window: LogWindow | None = None
        self._question = 0
        self._take: Callable[[Any], None] | None = None
        self._polls = 0
        self._following = True
        self._searching = self._moved_meanwhile = False
        self._said = self._error = ""

    def compose(self) -> ComposeResult:
        """The lines, and a field to search them."""
        yield self.view
        yield Input(placeholder="search the log upwards; a capital makes it exact", id="log-search")

    def on_mount(self) -> None:
        """Look for more once in a while."""
        self.set_interval(_POLL_SECONDS, self._poll)

    # --- what is shown --------------------------------------------------------------------------------------------

    def show(self, run: RunKey | None) -> None:
        """Show the logs of a run; those of the same run as before stay as they are."""
        if run == self._run:
            return
        self._run, self._logs, self._chosen = run, (), 0
        self._clear("No run under the cursor." if run is None else "Looking for logs …")
        if run is not None:
            run_id = run.run_id
            self._ask(lambda source: source.logs(run_id), self._take_logs)

    def follow(self, on: bool) -> None:
        """Look for more once in a while, or hold still."""
        self._following = on
        self._show_title()

    def say(self, sentence: str) -> None:
        """Say a sentence where a log would be."""
        self._clear(sentence)

    def _clear(self, sentence: str) -> None:
        self._window, self._take, self._searching = None, None, False
        self._said = self._error = ""
        self.view.empty_message = sentence
        self.view.show_lines(())
        self._show_title()

    def _show_lines(self) -> None:
        if self._window is not None:
            self.view.empty_message = "The log is empty."
            self.view.show_lines(self._window.lines)
        self._show_title()

    def _show_title(self) -> None:
        if not self._logs:
            self.view.show_title("")
            return
        parts = [printable(self._logs[self._chosen].name)]
        if len(self._logs) > 1:
            parts.append(f"log {self._chosen + 1} of {len(self._logs)}, [ ] for others")
        if self._window is not None:
            parts.append(file_size(self._window.size))
            following = self._following and self.view.at_end and self._window.whole
            parts.append("at its end, following" if following else "holding still")
        self.view.show_title(" · ".join([*parts, *filter(None, (self._said, self._error))]))

    # --- questions and answers ------------------------------------------------------------------------------------

    def _ask(self, read: Callable[[WithLogs], _Answer], take: Callable[[_Answer], None]) -> None:
        """Have something read; what was asked before and is not answered yet is not wanted any more."""
        if self._run is not None:
            self._question += 1
            self._take = take
            self.post_message(self.Wanted(self._run, self._question, read))

    def take_answer(self, question: int, answer: object) -> None:
        """Take in what was read, or why it could not be."""
        take = self._take
        if question != self._question or take is None:
            return
        self._take = None
        if not isinstance(answer, TuiRunsError):
            if self._error:
                self._error = ""
                self._show_title()
            take(answer)
        elif self._window is None:
            self.say(f"{answer.message} {answer.remedy}")
        else:
            self._searching, self._said, self._error = False, "", answer.message
            self._show_title()
        if self._moved_meanwhile and self._take is None:
            self._fetch_around()

    def _read(self, start: int, limit: int) -> Callable[[WithLogs], LogPart]:
        run_id, name = self._run.run_id if self._run else "", self._logs[self._chosen].name
        return lambda source: source.read_log(run_id, name, start, limit)

    def _take_logs(self, logs: Sequence[LogFile]) -> None:
        self._logs, self._chosen = tuple(logs), min(self._chosen, max(len(logs) - 1, 0))
        if logs:
            self._open(-CHUNK)
        else:
            self.say("This run has no console log.")

    def _open(self, start: int, row: tuple[int, int] | None = None) -> None:
        """Read a stretch and show it in place of what is held.

        Args:
            start: its first byte; a negative one counts from the end.
            row: the row to go to; None for the last one, or the first of a log's beginning.
        """
        read = self._read(start, CHUNK)

        def take(stretch: Stretch) -> None:
            self._window = LogWindow(stretch)
            self._show_lines()
            if row is None:
                self.view.move_cursor(row=self.view.frame.height if start < 0 else 0)
            else:
                self.view.move_cursor(key=row)
            self._show_title()

        self._ask(lambda source: Stretch.of(read(source)), take)

    def _ask_earlier(self, begin: int) -> None:
        read = self._read(max(0, begin - CHUNK), min(begin, CHUNK))
        self._ask(lambda source: Stretch.of(read(source)), self._take_earlier)

    def _take_earlier(self, stretch: Stretch) -> None:
        if self._window is not None and stretch.end == self._window.begin:
            self._window.prepend(stretch)
            self._show_lines()

    def _ask_later(self) -> None:
        if self._window is not None:
            self._ask(self._read(self._window.end, _LATER), self._take_later)

    def _take_later(self, part: LogPart) -> None:
        window = self._window
        if window is None:
            return
        if part.size < window.end:  # the log was written anew
            self._open(-CHUNK)
        elif part.data:
            following = self.view.at_end
            window.append(part)
            self._show_lines()
            if following and not window.whole:
                self._ask_later()
        elif part.size != window.size:
            window.size = part.size
            self._show_title()

    def _poll(self) -> None:
        if not self._following or self._run is None or self._take is not None or not self.is_on_screen:
            return
        if self._window is None:
            self._polls += 1
            if self._polls % _POLLS_WITHOUT_LOG == 0:
                run_id = self._run.run_id
                self._ask(lambda source: source.logs(run_id), self._take_logs)
        elif self.view.at_end:
            self._ask_later()

    @on(LogView.Moved)
    def _moved(self, event: LogView.Moved) -> None:
        event.stop()
        self._fetch_around()

    def _fetch_around(self) -> None:
        """Have that read which will soon be seen; after the answer that is waited for, if one is."""
        window = self._window
        self._moved_meanwhile = self._take is not None
        if window is None or self._moved_meanwhile:
            return
        at_end = self.view.at_end
        # At the end, lines are given up at the top for those that come: to ask for more there would never end.
        if self.view.near_top and window.begin > 0 and not (at_end and window.full):
            self._ask_earlier(window.begin)
        elif at_end and not window.whole:
            self._ask_later()
        self._show_title()

    @on(LogView.EndWanted)
    def _go_to_end(self, event: LogView.EndWanted) -> None:
        event.stop()
        window = self._window
        if window is None:
            return
        self._searching, self._take = False, None
        if event.first and window.begin > 0:
            self._open(0)
        elif not event.first and not window.whole:
            self._open(-CHUNK)
        else:
            self.view.move_cursor(row=0 if event.first else self.view.frame.height)

    # --- searching ------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Type what to search for."""
        self.add_class("-typing")
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _search(self, event: Input.Submitted) -> None:
        event.stop()
        self._end_typing()
        self._look_for(event.value)
        self._find(up=True, here=True)

    def _look_for(self, needle: str) -> None:
        self.view.needle = needle
        self.view.refresh_rows()

    def _end_typing(self) -> None:
        self.remove_class("-typing")
        self.view.focus()

    def action_again(self, up: bool) -> None:
        """Search on."""
        if self.view.needle:
            self._find(up=up, here=False)
        else:
            self.action_search()

    def action_stop(self) -> None:
        """Close the field, or end the search, or forget what was searched for."""
        if self.has_class("-typing"):
            self._end_typing()
        elif self._searching:
            self._searching, self._take, self._said = False, None, "search ended"
        else:
            self._said = ""
            self._look_for("")
        self._show_title()

    def _find(self, *, up: bool, here: bool) -> None:
        """Go to the next line that has the text: first among those held, then in what is not."""
        window, key = self._window, self.view.cursor_key
        if window is None or key is None or not self.view.needle:
            return
        self._said, pattern = "", pattern_of(self.view.needle)
        at = int(str(key[0]))
        lines = window.lines
        for line in reversed(lines) if up else lines:
            passed = (line.start < at if up else line.start > at) or (here and line.start == at)
            if passed and pattern.search(line.text):
                self.view.move_cursor(key=(line.start, 0))
                self._show_title()
                return
        self._search_on(Hit(None, (window.begin or None) if up else None if window.whole else window.end, 0), up=up)

    def _search_on(self, hit: Hit, *, up: bool) -> None:
        """Search what is not held, piece by piece."""
        needle, self._searching = self.view.needle, False
        if hit.place is not None:
            self._said = ""
            self._open(max(0, hit.place - CHUNK // 2), (hit.place, 0))
        elif hit.reached is None or self._run is None:
            self._said = f"{printable(needle)!r} is not {'further up' if up else 'further down'}"
        else:
            self._searching, reached = True, hit.reached
            self._said = f"searching {printable(needle)!r}, {file_size(reached)} · esc ends it"
            run_id, name = self._run.run_id, self._logs[self._chosen].name
            self._ask(
                lambda source: search(source, run_id, name, needle, reached, up=up),
                lambda found: self._search_on(found, up=up),
            )
        self._show_title()

    # --- other actions --------------------------------------------------------------------------------------------

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.view.wrapped = not self.view.wrapped
        self.view.rewrap()

    def action_other(self, by: int) -> None:
        """Another log of the same run."""
        if len(self._logs) > 1:
            self._chosen = (self._chosen + by) % len(self._logs)
            self._clear("Reading …")
            self._open(-CHUNK)
