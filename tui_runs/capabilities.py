"""What some sources can do beyond the contract. Asked for with isinstance, never with a flag.

Like the contract itself this imports no polars, and everything that crosses is plain data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tui_runs.adapter import Problem, RunBatch
from tui_runs.conditions import Wanted

if TYPE_CHECKING:
    import polars as pl


@runtime_checkable
class Selective(Protocol):
    """A source that finds the runs somebody asks for without sending all of them: a database, a server."""

    def select(self, wanted: Wanted) -> Iterator[RunBatch] | None:
        """Read the runs that are wanted, each whole, as `scan` would.

        More runs than wanted may come, for whoever asked filters, sorts and cuts once more; but none that is wanted
        may be missing. So a condition that cannot be expressed may be left out only where no limit is given, and an
        order only with it.

        Returns:
            None where the source cannot narrow this down: `scan` it.

        Raises:
            SourceLostError: the store is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Details:
    """What a store knows of runs beyond params, tags and metrics.

    Args:
        frame: schema DETAILS.
        problems: what could not be read on the way.
    """

    frame: pl.DataFrame
    problems: Sequence[Problem] = ()


@runtime_checkable
class Detailed(Protocol):
    """A source that knows more of a run: the datasets it read, the models it made, its experiment's own tags."""

    def details(self, run_ids: Sequence[str]) -> Details:
        """Read what there is of these runs; an id that is unknown or gone yields nothing.

        Raises:
            SourceLostError: the store is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The files and directories in one directory of a run.

    Args:
        frame: schema ARTIFACTS, sorted by path, directories first.
        problems: why something is not listed: an address that leads out of the store, say.
        complete: False where there are more entries than are listed.
    """

    frame: pl.DataFrame
    problems: Sequence[Problem] = ()
    complete: bool = True


@runtime_checkable
class WithArtifacts(Protocol):
    """A source whose runs have files. Nothing outside of a run's own directory is ever listed or opened."""

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        """List one directory of a run's artifacts; "" is the topmost.

        Args:
            run_id: whose; an unknown run has none.
            directory: a path from an earlier listing.
        """
        ...

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """The first bytes of a file.

        Args:
            run_id: whose.
            path: as listed.
            limit: bytes at most.

        Raises:
            ArtifactError: it is not there, not a file of this run, or cannot be read.
        """
        ...


@runtime_checkable
class LocalArtifacts(Protocol):
    """A source whose runs' files lie on this machine."""

    def artifact_path(self, run_id: str, path: str) -> str:
        """Where a file or directory is, for a program that is to read it: an absolute path.

        At the time of asking it lies in the run's own directory, and no link leads to it.

        Args:
            run_id: whose.
            path: as listed.

        Raises:
            ArtifactError: it is not there, or not of this run.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogFile:
    """A text that a run's program printed or wrote.

    Args:
        name: tells it apart from the run's other logs: "output.log", "logs/train.log".
        size: bytes, where that is known without reading it.
    """

    name: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class LogPart:
    """A stretch of a log.

    Args:
        data: the bytes as they were written, escape sequences and carriage returns included.
        start: where they begin in the log.
        size: of the whole log at the time of reading; less than before means that it was written anew.
    """

    data: bytes
    start: int
    size: int


@runtime_checkable
class WithLogs(Protocol):
    """A source that has what a run's program printed. Any stretch of a log is read without what is before it."""

    def logs(self, run_id: str) -> Sequence[LogFile]:
        """The logs of a run, the one of most interest first; an unknown run has none."""
        ...

    def read_log(self, run_id: str, name: str, start: int, limit: int) -> LogPart:
        """Read a stretch of a log.

        Args:
            run_id: whose.
            name: as listed.
            start: the first byte; a negative one counts from the end.
            limit: bytes at most.

        Raises:
            ArtifactError: it is not there, not a file of this run, or cannot be read.
        """
        ...
