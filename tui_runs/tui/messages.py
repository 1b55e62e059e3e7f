"""What worker threads post to the app. Each carries immutable data; none is posted by a widget."""

from __future__ import annotations

from textual.message import Message

from tui_runs.adapter import Change, History, RunBatch
from tui_runs.errors import TuiRunsError
from tui_runs.frames.histories import HistoryRequest


class SourceMessage(Message):
    """Something about one source.

    Args:
        source: its name in the workspace.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source


class BatchRead(SourceMessage):
    """Some runs were read."""

    def __init__(self, source: str, batch: RunBatch) -> None:
        super().__init__(source)
        self.batch = batch


class SourceScanned(SourceMessage):
    """All runs of a source were read."""


class SourceChanged(SourceMessage):
    """Something happened in a source that is followed."""

    def __init__(self, source: str, change: Change) -> None:
        super().__init__(source)
        self.change = change


class SourceLost(SourceMessage):
    """A source cannot be read any more; it is tried again."""

    def __init__(self, source: str, error: TuiRunsError) -> None:
        super().__init__(source)
        self.error = error


class HistoryRead(Message):
    """Points were read."""

    def __init__(self, request: HistoryRequest, history: History) -> None:
        super().__init__()
        self.request = request
        self.history = history


class ReaderFailed(Message):
    """A reader met an error that nobody expected; it has ended.

    Args:
        what: what it was doing.
        details: the traceback.
    """

    def __init__(self, what: str, details: str) -> None:
        super().__init__()
        self.what = what
        self.details = details
