"""TensorBoard's event files: which they are, and the points in those of one directory.

Imported when directories are looked at, and so without numpy and Polars, which are when something is read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui_runs_dirs.files import FileStamp
from tui_runs_dirs.layout import Stamp, Stretch

if TYPE_CHECKING:
    import polars as pl

    from tui_runs_dirs.readers.event_chain import Chain


def is_event_file(name: str) -> bool:
    """Whether TensorBoard takes a file for an event file, by its name; those of the profiler have no points."""
    return "tfevents" in name and not name.endswith(".profile-empty")


def stamp_of_events(directory: str) -> Stamp:
    """The stamps of the event files of a directory; empty where it is gone."""
    try:
        return tuple(stamp for _, stamp in sorted(event_files(directory).items()))
    except OSError:
        return ()


def event_files(directory: str) -> dict[str, FileStamp]:
    """The event files of a directory by name; links are none.

    Raises:
        OSError: it cannot be listed.
    """
    found: dict[str, FileStamp] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if is_event_file(entry.name) and entry.is_file(follow_symlinks=False):
                state = entry.stat(follow_symlinks=False)
                found[entry.name] = FileStamp(state.st_size, state.st_mtime_ns, state.st_ino)
    return found


@dataclass(slots=True)
class EventSeries:
    """The scalars in the event files of a directory.

    Args:
        path: the directory.
        key: what its one metric is called in place of its tag; None leaves the tags as they are.
    """

    path: str
    key: str | None = None
    _chain: Chain | None = field(default=None, compare=False, repr=False)

    def stamp(self) -> Stamp:
        """Of all the files."""
        return stamp_of_events(self.path)

    def read(self, start: int, limit: int) -> Stretch:
        """Read points that follow `start`; see `SeriesFile.read`.

        A restarted training may void points that were given out before: then everything is given out again.
        """
        from tui_runs_dirs.readers.event_chain import Chain  # noqa: PLC0415

        self._chain = self._chain or Chain(self.path)
        return self._chain.read(start, limit, self.key)

    def tail(self, limit: int) -> pl.DataFrame | None:
        """The points at the end of the last file; see `WithTail`."""
        from tui_runs_dirs.readers.event_chain import read_tail  # noqa: PLC0415

        return read_tail(self.path, limit, self.key)
