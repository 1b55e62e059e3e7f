"""The Textual app: wires the workspace, the readers and the screen together, and does nothing else."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType

from tui_runs.adapter import Change, Focus, Problem
from tui_runs.capabilities import Detailed, WithArtifacts, WithLogs
from tui_runs.config import Config
from tui_runs.display import printable
from tui_runs.errors import TuiRunsError
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.comparison import read_details
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import SourceState, Workspace
from tui_runs.tui.detail_reader import DetailReader
from tui_runs.tui.health.desk import HealthDesk
from tui_runs.tui.keymap import remap
from tui_runs.tui.messages import (
    AlertFailed,
    BatchRead,
    ComparedRead,
    DetailsRead,
    FilesAnswered,
    HealthRead,
    HistoryRead,
    LogAnswered,
    MachineRead,
    ReaderFailed,
    SourceChanged,
    SourceLost,
    SourceScanned,
)
from tui_runs.tui.palette import Commands
from tui_runs.tui.readers import HistoryReader, SourceReader
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.saved_views import SavedView, ViewStore
from tui_runs.tui.screens.main import MainScreen
from tui_runs.tui.themes import DARK, LIGHT
from tui_runs.tui.view_state import named_here, restore

if TYPE_CHECKING:
    from tui_runs.machine.owners import RunClaim
    from tui_runs.tui.machine.sampler import MachineSampler

_UNFORESEEN: Final = "This cannot be read: an error that nobody foresaw."


class TuiRunsApp(App[int]):
    """Shows a workspace and keeps it current.

    Args:
        workspace: with its sources open; the app reads, follows and closes them.
        view: filter, sort and columns to begin with.
        saved: what else to show, marked runs and the like, as soon as everything is read.
        poll: look at files every so many seconds instead of waiting for events.
        notices: sentences to be shown at the start.
        config: the user's rules, alerts and keys.
        problems: what is wrong with the config file.
    """

    TITLE = "tui-runs"
    # Textual reads the sheets of pushed screens, but not that of the first one.
    CSS_PATH = "screens/main.tcss"
    COMMANDS: ClassVar = {Commands}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "quit", "quit", id="app.quit", tooltip="Leave"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True, id="app.interrupt", tooltip="Leave"),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, priority=True, id="app.suspend"),
        Binding("ctrl+p", "command_palette", "commands", show=False, priority=True, id="app.palette"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        view: RunsView | None = None,
        poll: float | None = None,
        notices: Sequence[str] = (),
        saved: SavedView | None = None,
        config: Config | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__()
        config = config or Config()
        self._notices = tuple(notices)
        self.workspace = workspace
        self.following = True
        self._view = view or RunsView()
        self._saved = saved
        self._has_looked = False
        self._focus = {name: Focus(poll_seconds=poll) for name in workspace.sources}
        self._readers: list[SourceReader] = []
        self._histories: HistoryReader | None = None
        self._details: DetailReader | None = None
        self._sampler: MachineSampler | None = None
        self.health = HealthDesk(workspace, config, self.post_message, self._write)
        self.main_keys, self._own_keys, mistakes = remap(config.keys, str(config.path))
        self.problems = [*problems, *mistakes]
        """What is wrong with anything but the stores: the config file, the user's command for alerts."""
        self._failures = 0
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name

    def get_default_screen(self) -> MainScreen:
        """The main screen is the first one."""
        return MainScreen(self._view)

    def on_mount(self) -> None:
        """Start reading."""
        # What was imported stays: from here on the collector need not look at it again.
        gc.freeze()
        gc.enable()
        sources = {name: opened.source for name, opened in self.workspace.sources.items()}
        self._readers = [
            SourceReader(opened, self._focus[name], self.post_message)
            for name, opened in self.workspace.sources.items()
        ]
        self._histories = HistoryReader(sources, self.post_message)
        self._details = DetailReader(self.post_message)
        for reader in (*self._readers, self._histories, self._details):
            reader.start()
        self.health.start()
        # Back from the shell, or from another program, the terminal shows nothing of ours.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        if self._own_keys:
            self.set_keymap(self._own_keys)
        if self.problems:
            more = f" And {len(self.problems) - 1} more: p shows them." if len(self.problems) > 1 else ""
            what = printable(self.problems[0].what)
            self.notify(f"{what}{more}", title="Config file", severity="warning", markup=False)
        for notice in self._notices:
            self.notify(printable(notice), markup=False)

    def on_unmount(self) -> None:
        """Stop reading."""
        for reader in self._readers:
            reader.close()
        for fetcher in (self._histories, self._details, self._sampler, self.health):
            if fetcher is not None:
                fetcher.close()

    @property
    def main(self) -> MainScreen | None:
        """The main screen, whatever lies above it."""
        return next((screen for screen in self.screen_stack if isinstance(screen, MainScreen)), None)

    @property
    def view_store(self) -> ViewStore:
        """Where the views of the open stores are kept."""
        return ViewStore([opened.source.uri for opened in self.workspace.sources.values()])

    @property
    def reading(self) -> bool:
        """Whether a source has not been read whole yet."""
        return any(opened.state is SourceState.READING for opened in self.workspace.sources.values())

    @property
    def settled(self) -> bool:
        """Whether everything has been read and painted that is to be, as far as is known now."""
        fetchers = (self._histories, self._details, self.health)
        read = not self.reading and all(fetcher is None or fetcher.idle for fetcher in fetchers)
        return read and self.main is not None and self.main.settled

    def _update(self, *parts: str) -> None:
        if self.main is not None:
            self.main.keep_current(*parts)

    # --- what the readers say -------------------------------------------------------------------------------------

    def on_batch_read(self, message: BatchRead) -> None:
        """More runs."""
        self.workspace.apply_batch(message.source, message.batch)
        self.health.hear(message)
        self._update("table", "status")

    def on_source_scanned(self, message: SourceScanned) -> None:
        """All runs."""
        self.workspace.scanned(message.source)
        self.health.hear(message)
        self._show_what_was_asked_for()
        self._update("table", "status")

    def _show_what_was_asked_for(self) -> None:
        """As soon as it is known what there is; what is not here is told."""
        if not self.reading and self.main is not None and not self._has_looked:
            self._has_looked = True
            for missing in self._look(self.main):
                self.notify(printable(missing), severity="warning", markup=False)

    def _look(self, main: MainScreen) -> list[str]:
        if self._saved is not None:
            return restore(main, replace(self._saved, view=main.view))
        if not len(self.workspace.catalog):
            return []
        view, missing = named_here(main.view, self.workspace.catalog)
        if view != main.view:
            main.look(view)
        return missing

    def on_source_changed(self, message: SourceChanged) -> None:
        """Something happened in a store, or it is known to be as it is shown."""
        new = self.workspace.apply_change(message.source, message.change)
        self.health.hear(message)
        if self.main is not None:
            self.main.arrivals.add(new, self.workspace.now())
        self._update(*(("status",) if message.change == Change() else ("table", "changes")))

    def on_source_lost(self, message: SourceLost) -> None:
        """A store is gone; what is known of it stays."""
        self.workspace.lost(message.source, message.error)
        self.health.hear(message)
        self._show_what_was_asked_for()
        self._update("table", "status")

    def on_history_read(self, message: HistoryRead) -> None:
        """Points."""
        self.workspace.apply_history(message.request, message.history)
        self._update("trends", "below")

    def on_details_read(self, message: DetailsRead) -> None:
        """More about a run."""
        if self.main is not None:
            self.main.below.take_details(message.run, message.details)
        self._update("below")

    def on_compared_read(self, message: ComparedRead) -> None:
        """More about runs that are compared."""
        if self.main is not None:
            self.main.below.comparing.details = message.details
        self._update("below")

    def on_files_answered(self, message: FilesAnswered) -> None:
        """What the pane asked about a run's files."""
        if self.main is not None:
            self.main.below.files.take_answer(message.what_for, message.question, message.answer)

    def on_log_answered(self, message: LogAnswered) -> None:
        """Part of a run's console log, or what else the pane asked about it."""
        if self.main is not None:
            self.main.below.log_pane.take_answer(message.question, message.answer)

    def on_machine_read(self, message: MachineRead) -> None:
        """The machine's readings."""
        if self.main is not None:
            self.main.below.system.take(message.snapshot)

    def on_health_read(self, message: HealthRead) -> None:
        """Something is wrong with a run, or is no more."""
        self.health.take(message)
        if self.main is not None:
            self._update("signs", "below" if self.main.below.pane == "run" else "status")

    def on_alert_failed(self, message: AlertFailed) -> None:
        """The user's command for alerts failed; said once for each way in which it does."""
        if message.problem not in self.problems:
            self.problems.append(message.problem)
            self.notify(printable(message.problem.what), title="Alert", severity="warning", markup=False)
        self._update("status")

    def on_reader_failed(self, message: ReaderFailed) -> None:
        """An adapter failed in a way that nobody foresaw."""
        self._show_failure(message.what, message.details)

    # --- what the screen asks for ---------------------------------------------------------------------------------

    def fetch(self, series: Sequence[SeriesKey], focus: Iterable[RunKey]) -> None:
        """Have the points of these curves read, and these runs watched closely."""
        requests = self.workspace.histories.wanted(series)
        if requests and self._histories is not None:
            self._histories.ask(requests)
        runs = list(focus)
        for name, watched in self._focus.items():
            watched.run_ids = frozenset(run.run_id for run in runs if run.source == name)

    def fetch_for_later(self, series: Sequence[SeriesKey]) -> None:
        """Have the points of these curves read when nothing else is to be read."""
        if self._histories is not None:
            self._histories.ask_for_later(self.workspace.histories.wanted(series, later=True))

    def fetch_details(self, run: RunKey, what_for: str = "details") -> bool:
        """Have more about a run read; False where its source knows no more.

        Args:
            run: which.
            what_for: a request for the same that was not read yet is forgotten.
        """
        source = self.workspace.sources[run.source].source
        if self._details is None or not isinstance(source, Detailed):
            return False
        self._details.ask(what_for, lambda: DetailsRead(run, source.details([run.run_id])))
        return True

    def fetch_compared(self, runs: Sequence[RunKey]) -> None:
        """Have more about runs read that are compared: environment, code, datasets."""
        if self._details is not None:
            sources = {name: opened.source for name, opened in self.workspace.sources.items()}
            self._details.ask("comparison", lambda: ComparedRead(read_details(sources, runs)[0]))

    def ask_files(self, run: RunKey, what_for: str, question: int, ask: Callable[[WithArtifacts], object]) -> bool:
        """Have something about a run's files read; False where its source has none."""
        source = self.workspace.sources[run.source].source
        if self._details is None or not isinstance(source, WithArtifacts):
            return False

        def read() -> FilesAnswered:
            try:
                return FilesAnswered(what_for, question, ask(source))
            except TuiRunsError as error:
                return FilesAnswered(what_for, question, error)
            except Exception:  # who asked is to hear of it, too
                self.post_message(FilesAnswered(what_for, question, TuiRunsError(_UNFORESEEN)))
                raise

        self._details.ask(f"files: {what_for}", read)
        return True

    def ask_log(self, run: RunKey, question: int, ask: Callable[[WithLogs], object]) -> bool:
        """Have something about a run's console logs read; False where its source keeps none."""
        source = self.workspace.sources[run.source].source
        if self._details is None or not isinstance(source, WithLogs):
            return False

        def read() -> LogAnswered:
            try:
                return LogAnswered(question, ask(source))
            except TuiRunsError as error:
                return LogAnswered(question, error)
            except Exception:  # as above
                self.post_message(LogAnswered(question, TuiRunsError(_UNFORESEEN)))
                raise

        self._details.ask("log", read)
        return True

    def read_machine(self, paths: Sequence[str], runs: Sequence[RunClaim]) -> None:
        """Have the machine read.

        Args:
            paths: what lies on the file systems that are of interest.
            runs: those that a process may be of.
        """
        if self._sampler is None:
            from tui_runs.tui.machine.sampler import MachineSampler  # noqa: PLC0415  not needed for the first screen

            self._sampler = MachineSampler(self.post_message)
            self._sampler.start()
        self._sampler.ask(paths, runs)

    def follow(self, on: bool) -> None:
        """Follow the stores, or hold still."""
        self.following = on
        self.health.follow(on)
        for reader in self._readers:
            reader.follow(on)
        if self.main is not None:
            self.main.below.log_pane.follow(on)

    def switch_theme(self) -> None:
        """From dark to light, and back."""
        is_dark = self.theme == LIGHT.name
        self.theme = DARK.name if is_dark else LIGHT.name
        if self.main is not None:
            self.main.draw_on("dark" if is_dark else "light")

    def _write(self, sequence: str) -> None:
        """Send a sequence to the terminal, between two paints and never in the middle of one."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    # --- errors ---------------------------------------------------------------------------------------------------

    def _show_failure(self, what: str, details: str) -> None:
        """Open the dialog for an error; not a second one above the first, as one error often brings others."""
        from tui_runs.tui.screens.failure import FailureScreen  # noqa: PLC0415  hardly ever needed

        if not any(isinstance(screen, FailureScreen) for screen in self.screen_stack):
            self.push_screen(FailureScreen(what, details))

    def _handle_exception(self, error: Exception) -> None:
        """An exception in a handler opens a dialog; only a second one, which may be the dialog's, ends the app."""
        self._failures += 1
        if self.is_headless or self._failures > 1 or not self.is_running:
            super()._handle_exception(error)
            return
        details = "".join(traceback.format_exception(error))
        self.call_later(self._show_failure, "updating the screen", details)
