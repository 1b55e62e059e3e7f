"""The contract between tui-runs and what reads a kind of store.

An adapter is a class registered under the entry-point group `tui_runs.adapters`. It is made without arguments, says
which locations it can read, and opens one as a `Source`. Everything that crosses this line is plain data that Arrow
can carry (frames of `tui_runs.schema`, strings, numbers), so that a source may one day sit at the far end of a pipe.

Importing this module imports neither polars nor textual: an adapter's own module should do the same and import its
readers inside `open`, because every start of the program imports every adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import polars as pl

OptionValue: TypeAlias = bool | int | float | str | None
SeriesId: TypeAlias = tuple[str, str]
"""One curve of a source: (run_id, metric key)."""

Cursor: TypeAlias = Mapping[SeriesId, int]
"""How far each series has been read. The numbers are the source's own (a byte offset, a row id); 0 is the start."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of an adapter, said once: rendered as a flag of the command line and in the help.

    Args:
        name: lower case, words joined by hyphens; the flag is `--<adapter>-<name>`.
        help: one sentence.
        default: its type is the type of the option; False makes a switch.
        shared: the flag is `--<name>`, one for all adapters that have such an option.
    """

    name: str
    help: str
    default: OptionValue
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """An adapter's claim that it can read a location.

    Args:
        reason: what was seen there, to be shown to a person: "2 experiments with a meta.yaml".
        certainty: 1.0 for a format that cannot be mistaken, less for a guess; the highest claim wins.
        locations: what is to be opened in its place, where that is another place or several: a directory of
            artifacts may lie beside the database that has the runs. Empty means the location itself.
    """

    reason: str
    certainty: float = 1.0
    locations: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a store that could not be read; it never loses another run.

    Args:
        uri: the file or address; problems of one source are told apart by it.
        what: what is wrong with it, one sentence.
        remedy: what the user can do, one sentence.
    """

    uri: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class RunBatch:
    """Some runs, whole; and some metrics, perhaps of runs sent earlier.

    A run in `runs` replaces all that was known of it: `params`, `tags` and `metrics` then hold everything of that
    run. A metric of a run that is not in `runs` replaces the metric of that name only.

    Args:
        runs: schema RUNS; the `source` column is filled in by the receiver and may be null.
        params: schema PARAMS.
        tags: schema TAGS.
        metrics: schema METRICS.
        problems: what could not be read on the way.
        total: how many runs the source expects to have in all, when it knows.
    """

    runs: pl.DataFrame
    params: pl.DataFrame
    tags: pl.DataFrame
    metrics: pl.DataFrame
    problems: Sequence[Problem] = ()
    total: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Points of some series, after a cursor.

    Args:
        frame: schema HISTORY, in the order in which each series was written.
        cursor: where the next call goes on, for every series asked for.
        complete: nothing more was there at the time of reading.
        restarted: series that were rewritten and are read from their start again: drop what was held of them.
    """

    frame: pl.DataFrame
    cursor: Cursor
    complete: bool
    restarted: frozenset[SeriesId] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What happened in a store since the last look.

    Args:
        batch: runs that are new or changed, metrics that grew, problems that appeared.
        removed: run ids that are gone.
        mended: uris of problems that no longer exist.
        polling: why files are only looked at now and then from here on, a few words ("nfs4"); empty: they no longer
            are; None: as before.
    """

    batch: RunBatch | None = None
    removed: Sequence[str] = ()
    mended: Sequence[str] = ()
    polling: str | None = None


@dataclass(slots=True)
class Focus:
    """Which runs a person is looking at, so that only those are watched closely.

    Written by one thread, read by the source's: each field is replaced whole, never changed in place.

    Args:
        run_ids: the runs on the screen, without those that are running anyway.
        poll_seconds: look at files this often instead of waiting for events; None leaves it to the source.
    """

    run_ids: frozenset[str] = frozenset()
    poll_seconds: float | None = None


@runtime_checkable
class Source(Protocol):
    """One open store. Reads only; never writes, locks or moves anything in it.

    `scan` and `history` are called from worker threads, `follow` from a thread of its own, `close` from any.
    """

    uri: str
    """The location in full, as it can be opened again."""
    kind: str
    """What it is, for a person: "MLflow file store"."""

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, newest first, in batches; the first within 50 ms of work.

        Raises:
            SourceLostError: the store is gone.
        """
        ...

    def history(
        self,
        run_ids: Sequence[str],
        metrics: Sequence[str] | None = None,
        cursor: Cursor | None = None,
    ) -> History:
        """Read points, at most a budget's worth, so that no call takes long.

        Args:
            run_ids: whose points; an id that is unknown or gone yields none.
            metrics: which metrics; None means all of those runs.
            cursor: what an earlier call returned; None starts at the beginning.

        Raises:
            SourceLostError: the store is gone.
        """
        ...

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Block until something changes, yield it, and go on until closed.

        What changed since `scan` began comes first: nothing falls between the two. When all of that is said and the
        watching has begun an empty change is yielded, which tells that the source is as it is shown.

        Raises:
            SourceLostError: the store is gone.
        """
        ...

    def close(self) -> None:
        """End every generator of this source, soon. May be called twice, and from any thread."""
        ...


@runtime_checkable
class Adapter(Protocol):
    """Reads one kind of store. Made without arguments by the entry point."""

    name: str
    options: Sequence[Option]

    def match(self, location: str) -> Match | None:
        """Say whether this location can be read; cheap (a few directory entries), and never raises."""
        ...

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        """Open a location.

        Args:
            location: a path or a URL.
            options: values by option name; those not given have their defaults.

        Raises:
            LocationError: nothing can be read there.
        """
        ...


@runtime_checkable
class FromEnvironment(Protocol):
    """An adapter that knows where to look when nobody names a location, as its tracker's own tools would."""

    def from_environment(self) -> Sequence[tuple[str, str]]:
        """Locations that the environment names, each with what names it: ("http://…", "MLFLOW_TRACKING_URI")."""
        ...


def option_values(options: Sequence[Option], given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """The value of every option: as given, else its default. Names that are not options are left out."""
    return {option.name: given.get(option.name, option.default) for option in options}


__all__ = [
    "Adapter", "Change", "Cursor", "Focus", "FromEnvironment", "History", "Match", "Option", "OptionValue", "Problem",
    "RunBatch", "SeriesId", "Source", "option_values",
]  # fmt: skip
