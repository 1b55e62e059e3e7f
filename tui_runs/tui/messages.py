"""What worker threads post to the app. Each carries immutable data; none is posted by a widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from tui_runs.adapter import Change, History, Problem, RunBatch
from tui_runs.analysis.diff import Facts
from tui_runs.capabilities import Details
from tui_runs.errors import TuiRunsError
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import HistoryRequest
from tui_runs.tui.health.watch import Findings

if TYPE_CHECKING:
    from tui_runs.machine.watch import Snapshot


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


class FilesAnswered(Message):
    """A question of the files pane was answered.

    Args:
        what_for: what it was asked for.
        question: its number.
        answer: what was read, or why it was not.
    """

    def __init__(self, what_for: str, question: int, answer: object) -> None:
        super().__init__()
        self.what_for = what_for
        self.question = question
        self.answer = answer


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


class MachineRead(Message):
    """The machine was read.

    Args:
        snapshot: its readings.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class HealthRead(Message):
    """What is wrong with runs, or with sources, was found.

    Args:
        findings: what, or that it is so no more; so many that a screen takes them in at once.
    """

    def __init__(self, findings: Sequence[Findings]) -> None:
        super().__init__()
        self.findings = findings


class AlertFailed(Message):
    """The user's command for alerts failed.

    Args:
        problem: why.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


class ReaderFailed(Message):
    """A reader met an error that nobody expected; it goes on with what comes next, and says no more of it.

    Args:
        what: what it was doing.
        details: the traceback.
    """

    def __init__(self, what: str, details: str) -> None:
        super().__init__()
        self.what = what
        self.details = details
