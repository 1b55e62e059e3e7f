"""Where everything about the health of runs meets in the UI thread: the thread that watches, the board, the alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.message import Message

from tui_runs.analysis.direction import Direction
from tui_runs.config import Config
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.health.alerts import Alerts
from tui_runs.tui.health.board import HealthBoard
from tui_runs.tui.health.reader import HealthReader
from tui_runs.tui.messages import AlertFailed, BatchRead, HealthRead, SourceChanged, SourceLost, SourceScanned


class HealthDesk:
    """Passes on what the readers say, and takes in what comes of it.

    Args:
        workspace: with its sources open.
        config: rules and alerts.
        post: where messages go; must be safe to call from a thread.
        write: sends text to the terminal as it is.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        post: Callable[[Message], object],
        write: Callable[[str], object],
    ) -> None:
        self.board = HealthBoard()
        self._workspace = workspace
        self._better: Mapping[str, Direction | None] = {}
        self._alerts = Alerts(config.alerts, write, lambda problem: post(AlertFailed(problem)))
        rules = {
            name: (opened.source, config.rules_for(name, opened.source.uri))
            for name, opened in workspace.sources.items()
        }
        self._reader = HealthReader(rules, workspace.now, post)

    @property
    def idle(self) -> bool:
        """Whether everything that is known has been looked at."""
        return self._reader.idle

    def start(self) -> None:
        """Begin to watch."""
        self._reader.start()

    def close(self) -> None:
        """Watch no more."""
        self._reader.close()
        self._alerts.close()

    def follow(self, on: bool) -> None:
        """Changes come in, or are held back."""
        self._reader.tell(lambda watch: watch.follow(on))

    def hear(self, message: BatchRead | SourceChanged | SourceScanned | SourceLost) -> None:
        """Something was said of a source."""
        source = message.source
        if isinstance(message, BatchRead):
            batch = message.batch
            self._reader.tell(lambda watch: watch.take(source, batch))
        elif isinstance(message, SourceChanged):
            change = message.change
            self.board.forget(source, change.removed)
            self._reader.tell(lambda watch: watch.take_change(source, change))
        elif isinstance(message, SourceScanned):
            self._reader.tell(lambda watch: watch.scanned(source))
        else:
            self._reader.tell(lambda watch: watch.lost(source))

    def judge_by(self, better: Mapping[str, Direction | None]) -> None:
        """Which way metrics are better, where the user says so."""
        if better != self._better:
            self._better = better
            self._reader.tell(lambda watch: watch.judge_by(better))

    def take(self, message: HealthRead) -> None:
        """Take in what was found, and tell of it where it is news."""
        now, catalog = self._workspace.now(), self._workspace.catalog
        for findings in message.findings:
            if findings.run.run_id and findings.run not in catalog:
                continue  # it was removed while it was read, and nothing would ever say that this is over
            for event in self.board.take(findings, now):
                name = catalog.names([findings.run]).get(findings.run, "") if event.run_id else ""
                self._alerts.tell(event, name)
