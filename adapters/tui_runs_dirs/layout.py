"""What a layout says of a directory: the claims, the files that they name, and how such files are read.

A *layout* knows how one tool leaves its runs behind (`layouts/`, one module a tool). It looks at directories that the
walk gives it and answers with *claims*: this directory is a run of mine, these files tell its params, these its
points. `joining` makes runs out of all claims; the source reads the files. A file that holds several runs (a database,
an archive) is a *collection* instead (`collections/`).

Nothing here is read when a directory is recognised, but the few bytes of a marker (`Directory.head`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from tui_runs.adapter import Problem, RunBatch
from tui_runs_dirs.files import FileStamp

if TYPE_CHECKING:
    import polars as pl

    from tui_runs_dirs.totals import Summed
    from tui_runs_dirs.walk import Directory

Stamp: TypeAlias = tuple[FileStamp, ...]
"""Of every file that something consists of; empty where none of them is there. The newest mtime is its last write."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of a run, points aside; every part may be empty.

    Args:
        params: nested keys joined by dots; values as stored, lists and other structures as JSON.
        tags: as the tool stored them.
        fields: columns of schema RUNS by name: name, experiment, status, started, ended, group, job_type, host, user,
            command, notes, git_commit, parent_id. Times are aware datetimes. A status "running" means: the tool has not
            written that it ended; the source makes "running" or "stale" of it by the age of the last write. A status
            that is absent means that the tool cannot say: "running" or "finished" by that age. Others stay.
            A parent_id is the path of the parent run's directory.
        summary: last values that no series file has. One that a series has as well is left out.
        details: rows of schema DETAILS without the run: (group, item, key, value).
        problems: what could not be understood.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    details: Sequence[tuple[str, str, str, str]] = ()
    problems: Sequence[Problem] = ()


class FactFile(Protocol):
    """A small file, read whole, and again when its stamp changed.

    Two that are equal (`==`) read the same thing in the same way: when a directory is recognised again the known one
    is kept. A dataclass of the path and its settings, whose state has `compare=False`, has that.
    """

    @property
    def path(self) -> str:
        """The file."""
        ...

    def stamp(self) -> Stamp:
        """Changes whenever what `read` says may have changed. A stat or a few; see `files.stamp_of`."""
        ...

    def read(self) -> Facts:
        """Read it; sizes are bounded, and what cannot be understood is a Problem among the facts.

        Raises:
            OSError: it is gone or cannot be read; the source makes a Problem of it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Points of a series file.

    Args:
        frame: key String, step Int64, time Datetime("us", "UTC") (null where the file has none), value Float64; in the
            order of the file. NaN and the infinities are values; what is absent has no row.
        end: where the next call goes on: the reader's own number (bytes, rows), 0 is the start; below 2**48.
        complete: nothing more was there.
        restarted: the file was written anew since `start` was given out: this stretch begins at its start, and what was
            held of it is to be dropped.
        problems: what could not be read on the way; those of lines before `start` need not be said again.
    """

    frame: pl.DataFrame
    end: int
    complete: bool
    restarted: bool = False
    problems: Sequence[Problem] = ()


class SeriesFile(Protocol):
    """A file with points, or a chain of files (a directory's tfevents) that is read as one.

    Called by one thread at a time. It may remember what it needs to know whether a file was rewritten (the header's
    bytes, the inode), and to number rows. Equality as for `FactFile`.
    """

    @property
    def path(self) -> str:
        """The file; of a chain the directory."""
        ...

    def stamp(self) -> Stamp:
        """Changes whenever there may be something new to read; see `files.stamp_of`."""
        ...

    def read(self, start: int, limit: int) -> Stretch:
        """Read points that follow `start`; a record still being written waits for its end.

        Args:
            start: 0, or the `end` of an earlier stretch.
            limit: bytes of the file at most, about.

        Raises:
            OSError: it is gone or cannot be read; the source makes a Problem of it.
        """
        ...


@runtime_checkable
class WithTail(Protocol):
    """A series file whose end can be read without what is before it: the last values of a big one come first."""

    def tail(self, limit: int) -> pl.DataFrame | None:
        """The points in the last `limit` bytes, as in `Stretch.frame`; None where that cannot be told from them."""
        ...


@runtime_checkable
class SummedTogether(Protocol):
    """A series file of which many small ones are summed up faster in one go than one by one."""

    def sum_together(self, others: Sequence[SeriesFile], limit: int) -> Sequence[Summed | OSError]:
        """Sum up this file and others from their start.

        Args:
            others: of the same class as this one.
            limit: bytes of each file at most, about.

        Returns:
            One a file, this one's first; an OSError where one cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """One tool's word on one run.

    Args:
        layout: the `name` of the layout: "lightning".
        directory: of the run. It need not be the one that was recognised: `recognise(<run>/train)` may add to `<run>`.
            Claims of the same directory make one run.
        facts: files that tell params, tags, fields; of two that tell the same the first is believed.
        series: files with points; of two that tell the same key the first is taken.
        rank: of two claims in one run that tell the same key, param or field, the higher one's is taken (ray's
            result.json 30 > trainer_state 20 > a tool's csv 10 > tfevents 0 > plain -10). A file that two claims name
            is left to the higher one.
        fields: what the layout knows from names alone: name, experiment, group; as `Facts.fields`, and believed after
            the facts' own. Without them a run is named after its directory, its experiment after the one above.
        own_run: False: adds to the enclosing run of another layout where there is one, however many such claims there
            are (tfevents below a Hydra run); alone it is a run, too. True: joins an enclosing run of another layout
            only where it is the only one in there; else it is a run with that one as its parent.
            Claims of the same layout are never joined by nesting, only by naming the same `directory`.
        prefix: put before its metric keys ("train/", for Keras' TensorBoard directories).
        reach: how many directory levels below its own this run takes others' claims from.
        covers: paths that belong to the tool though this claim does not read them (a progress.csv beside the better
            result.json): claims of lower rank do not read them either.
        closed: all that lies below the directory is the tool's: the walk does not go there.
        tool: what it is called for a person, where the layout's title is too little to say: "Ray Train".
    """

    layout: str
    directory: str
    facts: Sequence[FactFile] = ()
    series: Sequence[SeriesFile] = ()
    rank: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    own_run: bool = True
    prefix: str = ""
    reach: int = 4
    covers: Sequence[str] = ()
    closed: bool = False
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionReading:
    """All that a collection holds.

    Run ids are unique within the collection; the source puts the collection's path before them, and before the
    parent ids, which are such run ids.

    Args:
        batch: the runs, whole. `uri` may be null: the source fills in the collection's path. A status "running" means:
            nothing says that it ended; the source goes by the age of the last write, `updated`.
        history: schema HISTORY, of all runs, each series in the order in which it was written.
        details: schema DETAILS.
        tells_ends: the tool writes that a run ended, so one that is not written any more is "stale"; else "finished".
    """

    batch: RunBatch
    history: pl.DataFrame
    details: pl.DataFrame
    tells_ends: bool = True


class Collection(Protocol):
    """A file that holds several runs: a database, an archive, a table whose rows are runs. Equality as `FactFile`."""

    @property
    def layout(self) -> str:
        """The `name` of the layout."""
        ...

    @property
    def path(self) -> str:
        """The file."""
        ...

    def stamp(self) -> Stamp:
        """Changes whenever `read` may say something else: that of the file, and of its `-wal`."""
        ...

    def read(self) -> CollectionReading:
        """Read it whole; sizes are bounded, what cannot be understood is a Problem in the batch.

        Raises:
            OSError: it is gone or cannot be read; the source makes a Problem of it.
        """
        ...


class Layout(Protocol):
    """How one tool leaves its runs behind.

    A module in `layouts/` or `collections/` has a module-level `LAYOUT` and is listed in `layouts.MODULES`. Such a
    module, and the modules of the readers that it names, import polars, numpy and yaml inside functions only: they are
    imported to recognise a location, before the first screen is painted.
    """

    @property
    def name(self) -> str:
        """Lower case: "ray"."""
        ...

    @property
    def title(self) -> str:
        """For a person: "Ray Tune"."""
        ...

    def recognise(self, directory: Directory) -> Sequence[Claim | Collection]:
        """Say what is the tool's in a directory, by the names of its entries; most directories have nothing.

        Called for every directory that the walk enters, parents before their children, so the first test has to cost
        next to nothing: `if "trainer_state.json" not in directory.files`. To look for suffixes ask
        `directory.named(".db")`, which all layouts share: a loop over all names of a tree is 0.1 to 0.3 s of a search
        through 200,000 files. Must not raise for any content.
        """
        ...
