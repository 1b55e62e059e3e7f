"""The errors that a user may see: each has a title, a message, and a remedy.

A raw exception of a library never reaches the user. Where a location cannot be opened at all the command ends with
exit code 2; everything smaller is a `tui_runs.adapter.Problem` and loses nothing else.
"""

from __future__ import annotations


class TuiRunsError(Exception):
    """What went wrong, said to a person.

    Args:
        message: what and where, one sentence.
        remedy: what the user can do about it, one sentence; may be empty.
    """

    title = "Something went wrong"
    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(TuiRunsError):
    """The command line asks for something that does not exist."""

    title = "Wrong usage"
    exit_code = 2


class LocationError(TuiRunsError):
    """A location cannot be opened: nothing is there, nothing can read it, or access is denied."""

    title = "Cannot open"
    exit_code = 2


class AdapterError(TuiRunsError):
    """An adapter is not installed, or broken."""

    title = "Adapter not usable"
    exit_code = 2


class UnknownRunError(UsageError):
    """A run was named that does not exist, or that fits several."""

    title = "No such run"


class QueryError(UsageError):
    """A filter that cannot be read, or that asks for what cannot be told.

    Args:
        reason: what is wrong there, one sentence.
        remedy: what could be written instead; may be empty.
        position: where in the filter's text, characters from its start; its length where the text ends too early.
        expected: what could stand there, in words; empty where that is not the trouble.
    """

    title = "Filter not understood"

    def __init__(self, reason: str, remedy: str = "", *, position: int, expected: tuple[str, ...] = ()) -> None:
        super().__init__(f"Column {position + 1} of the filter: {reason}", remedy)
        self.reason = reason
        self.position = position
        self.expected = expected


class ViewError(UsageError):
    """A saved view cannot be read or written."""

    title = "View not usable"


class SourceLostError(TuiRunsError):
    """A source that was open cannot be read any more; it may come back."""

    title = "Source lost"


class ArtifactError(TuiRunsError):
    """A file of a run cannot be shown: it is gone, unreadable, or not in the run's own directory."""

    title = "Artifact not shown"
