"""The runs of a directory tree as a Source."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.display import encodable
from tui_runs.errors import LocationError
from tui_runs_dirs.files import unreadable
from tui_runs_dirs.git import Repositories
from tui_runs_dirs.histories import HistoryReader
from tui_runs_dirs.known_run import KnownRun, sum_first
from tui_runs_dirs.known_tree import KnownTree, Said
from tui_runs_dirs.layouts import built_in
from tui_runs_dirs.recognise import first_tool
from tui_runs_dirs.run_batches import RunView, Viewpoint, make_batch
from tui_runs_dirs.user_layouts import FILE_NAME, BadLayoutError, load_layouts

if TYPE_CHECKING:
    from tui_runs.capabilities import Artifacts, Details, LogFile, LogPart
    from tui_runs.local_files import LocalFiles
    from tui_runs_dirs.changes import RunFollower

_FIRST_BATCH: Final = 24
_LARGEST_BATCH: Final = 128
"""Runs a batch; the first is small so that the table has rows at once."""
_LOGS: Final = (".log", ".out", ".err")
_LISTED_LOGS: Final = 100
_REMEDY: Final = "Give a directory in which a training left its results, or a directory above several."


class DirStore:
    """The runs in a tree of directories.

    Args:
        uri: the location in full.
        tree: what lies there.

    Attributes:
        kind: what it is, and once it was scanned the tools that were found.
    """

    def __init__(self, uri: str, tree: KnownTree) -> None:
        self.uri = uri
        self._tree = tree
        self._viewpoint = Viewpoint(os.path.realpath(tree.base), tree.stale_after, tree.titles, Repositories())
        self._closed = threading.Event()
        self._histories = HistoryReader(tree, self._closed)
        self._follower: RunFollower | None = None
        self.kind = "experiment directories"

    def _name_tools(self) -> None:
        tools = self._tree.tools
        self.kind = f"experiment directories ({tools})" if tools else "experiment directories"

    # --- scan ---------------------------------------------------------------------------------------------------------

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, those written last first. See `tui_runs.adapter.Source`."""
        shown: set[str] = set()
        large: list[KnownRun] = []
        runs: list[KnownRun] = []
        for runs, complete in self._tree.list_again():
            if self._closed.is_set():
                return
            if not complete and runs:
                views = self._views(_newest_first(runs)[:_FIRST_BATCH], large)
                shown |= {view.run_id for view in views}
                yield make_batch(views)
        self._name_tools()
        collections = list(self._tree.collections.values())
        total = None if collections else len(runs)
        waiting = _newest_first([run for run in runs if run.run_id not in shown])
        problems = self._tree.problems
        size = _FIRST_BATCH if not shown else _LARGEST_BATCH
        if not waiting:
            yield make_batch([], total, problems)
            problems = ()
        while waiting and not self._closed.is_set():
            part, waiting = waiting[:size], waiting[size:]
            views = self._views(part, large)
            size = _LARGEST_BATCH
            if views:
                yield make_batch(views, total, problems)
            problems = ()
        for collection in collections:
            if self._closed.is_set():
                return
            collection.refresh()
            batch = collection.batch
            yield RunBatch(batch.runs, batch.params, batch.tags, batch.metrics, collection.problems)
            self._tree.said_of_collections[collection.collection.path] = (batch, tuple(collection.problems))
        for run in large:
            view = self._whole_view(run)
            if view is not None:
                yield make_batch([view], total)

    def _views(self, runs: Sequence[KnownRun], large: list[KnownRun]) -> list[RunView]:
        """The runs as far as they can be told at once; of those with large files the rest is left for later."""
        sum_first([run for run in runs if not run.whole])
        views = []
        for run in runs:
            if self._closed.is_set():
                break
            if run.is_large:
                large.append(run)
                views.append(self._viewpoint.view(run, by_tails=True))
            elif (view := self._whole_view(run)) is not None:
                views.append(view)
        return views

    def _whole_view(self, run: KnownRun) -> RunView | None:
        """The run by all of its files; None once this source is closed."""
        while run.advance():
            if self._closed.is_set():
                return None
        view = self._viewpoint.view(run)
        self._tree.said[run.run_id] = Said.of(view)
        return view

    # --- the rest -----------------------------------------------------------------------------------------------------

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        """Read points after the cursor, about half a million at most. See `tui_runs.adapter.Source`."""
        return self._histories.read(run_ids, metrics, cursor)

    def details(self, run_ids: Sequence[str]) -> Details:
        """What the tools' files say besides. See `tui_runs.capabilities.Detailed`."""
        from tui_runs.capabilities import Details  # noqa: PLC0415  the first rows do not wait for it

        runs = self._tree.find(run_ids)
        for run in runs:
            run.refresh_facts()
        frames = [self._viewpoint.details(runs)]
        for run_id in dict.fromkeys(run_ids):
            if (collection := self._tree.collection_of(run_id)) is not None:
                frames.append(collection.details.filter(pl.col("run_id") == run_id))
        return Details(pl.concat(frames))

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        """List the files of a run's directory. See `tui_runs.capabilities.WithArtifacts`."""
        return self._files_of(run_id).list_directory(directory)

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """Read the beginning of one of them. See `tui_runs.capabilities.WithArtifacts`."""
        return self._files_of(run_id).read_file(path, limit)

    def artifact_path(self, run_id: str, path: str) -> str:
        """Where one of them is. See `tui_runs.capabilities.LocalArtifacts`."""
        return self._files_of(run_id).local_path(path)

    def logs(self, run_id: str) -> Sequence[LogFile]:
        """Texts in a run's directory, those written last first. See `tui_runs.capabilities.WithLogs`."""
        from tui_runs.capabilities import LogFile  # noqa: PLC0415

        files = self._files_of(run_id)
        tables = {one.file.path for run in self._tree.find([run_id]) for one in run.series}
        found = []
        for directory in ("", "logs"):
            for path, is_directory, size, modified in files.list_directory(directory).frame.iter_rows():
                if not is_directory and path.endswith(_LOGS) and os.path.join(files.start or "", path) not in tables:
                    found.append((modified, LogFile(path, size)))
        found.sort(key=lambda one: (one[0] is not None, one[0]), reverse=True)
        return [log for _, log in found[:_LISTED_LOGS]]

    def read_log(self, run_id: str, name: str, start: int, limit: int) -> LogPart:
        """Read a stretch of one of them. See `tui_runs.capabilities.WithLogs`."""
        return self._files_of(run_id).read_range(name, start, limit)

    def _files_of(self, run_id: str) -> LocalFiles:
        from tui_runs.local_files import LocalFiles  # noqa: PLC0415  the first rows do not wait for it

        found = self._tree.find([run_id])
        return LocalFiles(found[0].found.directory if found else None)

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Watch running and looked-at runs closely, the others now and then. See `tui_runs.adapter.Source`."""
        from tui_runs_dirs.changes import RunFollower  # noqa: PLC0415  the first rows do not wait for it

        follower = RunFollower(self._tree, self._viewpoint)
        self._follower = follower
        if self._closed.is_set():
            follower.close()
        yield from follower.changes(focus)

    def close(self) -> None:
        """End every generator. See `tui_runs.adapter.Source`."""
        self._closed.set()
        if self._follower is not None:
            self._follower.close()


def _newest_first(runs: Sequence[KnownRun]) -> list[KnownRun]:
    return sorted(runs, key=lambda run: run.written, reverse=True)


def open_tree(path: str, stale_after: float, depth: int, entries: int) -> DirStore:
    """Open a directory, or one file of a known format.

    Args:
        path: absolute.
        stale_after: seconds without a write after which a run does not run any more.
        depth: levels below it that are searched.
        entries: names that are listed, at most.

    Raises:
        LocationError: it is not there, cannot be read, or is a file of no known format.
    """
    try:
        real = os.path.realpath(path)
        if os.path.isdir(real):
            os.scandir(real).close()
        else:
            os.stat(real)
            if first_tool(real) is None:
                raise LocationError(f"{encodable(path)} is a file of no known format.", _REMEDY)
        layouts = [*load_layouts(real), *built_in()]
    except BadLayoutError as error:
        what = f"The {FILE_NAME} that holds for {encodable(path)} cannot be followed: {error}."
        raise LocationError(encodable(what), "Mend that file; the README shows an example.") from None
    except FileNotFoundError:
        raise LocationError(
            f"{encodable(path)} does not exist.", "Check the path, and the working directory."
        ) from None
    except (OSError, ValueError) as error:
        why = unreadable(path, error if isinstance(error, OSError) else OSError(str(error)))
        raise LocationError(f"{why.uri}: {why.what}", why.remedy) from None
    return DirStore(path, KnownTree(real, layouts, depth, entries, stale_after))
