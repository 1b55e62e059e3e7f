"""What worker threads post to the app. Each carries immutable data; none is posted by a widget."""

from __future__ import annotations

from collections.abc import Mapping

from textual.message import Message

from tui_runs.adapter import Change, History, RunBatch
from tui_runs.analysis.diff import Facts
from tui_runs.capabilities import Artifacts, Details
from tui_runs.errors import ArtifactError, TuiRunsError
from tui_runs.frames.catalog import RunKey
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


class RunMessage(Message):
    """Something that was read of one run.

    Args:
        run: which.
    """

    def __init__(self, run: RunKey) -> None:
        super().__init__()
        self.run = run


class DetailsRead(RunMessage):
    """What a store knows of a run beyond params, tags and metrics."""

    def __init__(self, run: RunKey, details: Details) -> None:
        super().__init__(run)
        self.details = details


class ComparedRead(Message):
    """What stores know of the runs that are compared beyond params, metrics and tags.

    Args:
        details: values by key, by kind, by run; runs that have none are left out.
    """

    def __init__(self, details: Mapping[RunKey, Facts]) -> None:
        super().__init__()
        self.details = details


class ArtifactsListed(RunMessage):
    """A directory of a run was listed.

    Args:
        run: whose.
        directory: its path, "" for the topmost.
        artifacts: what is in it.
    """

    def __init__(self, run: RunKey, directory: str, artifacts: Artifacts) -> None:
        super().__init__(run)
        self.directory = directory
        self.artifacts = artifacts


class ArtifactRead(RunMessage):
    """The beginning of a file of a run was read, or why it was not.

    Args:
        run: whose.
        path: which file.
        content: its first bytes, or the error.
    """

    def __init__(self, run: RunKey, path: str, content: bytes | ArtifactError) -> None:
        super().__init__(run)
        self.path = path
        self.content = content


class LogAnswered(Message):
    """A question of the log pane was answered.

    Args:
        question: its number.
        answer: what was read, or why it was not.
    """

    def __init__(self, question: int, answer: object) -> None:
        super().__init__()
        self.question = question
        self.answer = answer


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
