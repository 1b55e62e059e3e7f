"""The threads that read: one a source for its runs and changes, one for points. They post messages, nothing else."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Sequence
from functools import partial

from tui_runs.adapter import Focus, Source
from tui_runs.errors import SourceLostError, TuiRunsError
from tui_runs.frames.following import again_when_lost
from tui_runs.frames.histories import HistoryRequest
from tui_runs.frames.workspace import OpenSource
from tui_runs.tui.messages import BatchRead, HistoryRead, ReaderFailed, SourceChanged, SourceLost, SourceScanned
from tui_runs.tui.worker import Post, Work, Worker


class SourceReader(threading.Thread):
    """Reads a source whole, then follows it until it is closed.

    Args:
        opened: what to read.
        focus: which runs are looked at; shared with the screen.
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, opened: OpenSource, focus: Focus, post: Post) -> None:
        super().__init__(name=f"tui-runs-{opened.name}", daemon=True)
        self._opened, self._source_name, self._source = opened, opened.name, opened.source
        self._focus, self._post = focus, post
        self._closed = threading.Event()
        self._followed = threading.Event()
        self._followed.set()

    def follow(self, on: bool) -> None:
        """Pass changes on, or hold them back: the thread then keeps the one it has and asks for no more."""
        if on:
            self._followed.set()
        else:
            self._followed.clear()

    def close(self) -> None:
        """End the thread soon, and close the source."""
        self._closed.set()
        self._followed.set()
        self._source.close()

    def run(self) -> None:
        """Scan, follow, and begin again when the source was lost."""
        try:
            self._scan()
            self._pass_on_changes()
        except Exception as error:  # an adapter may fail in any way; the app says so and goes on
            if not self._closed.is_set():
                what = f"Its adapter failed: {type(error).__name__}."
                self._lost(SourceLostError(what, "Open the store again; its last state is shown."))
                self._post(ReaderFailed(f"reading {self._source_name}", traceback.format_exc()))

    def _scan(self) -> None:
        for batch in again_when_lost(self._opened.batches, self._closed, self._lost):
            if self._closed.is_set():
                return
            self._post(BatchRead(self._source_name, batch))
        if not self._closed.is_set():
            self._post(SourceScanned(self._source_name))

    def _pass_on_changes(self) -> None:
        """Post what happens; a source that cannot be followed ends by itself."""
        for change in again_when_lost(partial(self._source.follow, self._focus), self._closed, self._lost):
            self._followed.wait()
            if self._closed.is_set():
                return
            self._post(SourceChanged(self._source_name, change))

    def _lost(self, error: TuiRunsError) -> None:
        self._post(SourceLost(self._source_name, error))


class HistoryReader(Worker):
    """Fetches points, always the latest that were asked for; when there is nothing else to do, those for later.

    Args:
        sources: by name.
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, sources: dict[str, Source], post: Post) -> None:
        super().__init__("histories", "reading points", post)
        self._sources = sources
        self._asked: list[HistoryRequest] = []
        self._later: list[HistoryRequest] = []

    def ask(self, requests: Sequence[HistoryRequest]) -> None:
        """Fetch these, instead of what was asked for before and is not fetched yet."""
        with self._wake:
            self._asked = list(requests)
            self._wake.notify()

    def ask_for_later(self, requests: Sequence[HistoryRequest]) -> None:
        """Fetch these when nothing else is to be, instead of others that were for later."""
        with self._wake:
            self._later = list(requests)
            self._wake.notify()

    @property
    def _waits(self) -> bool:
        return bool(self._asked or self._later)

    def _next(self) -> Work:
        if self._asked:
            return partial(self._fetch, self._asked.pop(0))
        return partial(self._fetch_some, self._later.pop(0), self._later)

    def _fetch(self, request: HistoryRequest) -> None:
        """Answer a request whole; what is asked for meanwhile waits for its turn."""
        rest: HistoryRequest | None = request
        while rest is not None and not self._closed.is_set():
            rest = self._read(rest)

    def _fetch_some(self, request: HistoryRequest, later: list[HistoryRequest]) -> None:
        """Answer a request for later as far as one read goes, and put the rest back: others may be in a hurry."""
        rest = self._read(request)
        if rest is not None:
            with self._wake:
                later.insert(0, rest)  # in vain where others have taken the place of that list

    def _read(self, request: HistoryRequest) -> HistoryRequest | None:
        """Post a budget's worth of points; returns what remains to be asked for."""
        history = self._sources[request.source].history(request.run_ids, request.metrics, request.cursor)
        self._send(HistoryRead(request, history))
        return None if history.complete else request._replace(cursor=history.cursor)
