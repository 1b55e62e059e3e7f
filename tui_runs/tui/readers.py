"""The threads that read: one a source for its runs and changes, one for points. They post messages, nothing else."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from textual.message import Message

from tui_runs.adapter import Focus, Source
from tui_runs.errors import SourceLostError, TuiRunsError
from tui_runs.frames.histories import HistoryRequest
from tui_runs.frames.workspace import OpenSource
from tui_runs.tui.messages import BatchRead, HistoryRead, ReaderFailed, SourceChanged, SourceLost, SourceScanned

Post = Callable[[Message], object]

_RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
"""Pauses before a lost source is tried again; the last one repeats."""


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
        tries = 0
        scanned = False
        while not self._closed.is_set():
            try:
                if not scanned:
                    self._scan()
                    scanned = True
                for change in self._source.follow(self._focus):
                    tries = 0
                    self._followed.wait()
                    if self._closed.is_set():
                        return
                    self._post(SourceChanged(self._source_name, change))
                if not self._closed.is_set():
                    return  # a source that cannot be followed ends by itself
            except TuiRunsError as error:
                if tries == 0:
                    self._post(SourceLost(self._source_name, error))
                self._closed.wait(_RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)])
                tries += 1
            except Exception:  # an adapter may fail in any way; the app says so and goes on
                if not self._closed.is_set():
                    self._post(ReaderFailed(f"reading {self._source_name}", traceback.format_exc()))
                return

    def _scan(self) -> None:
        for batch in self._opened.batches():
            if self._closed.is_set():
                return
            self._post(BatchRead(self._source_name, batch))
        self._post(SourceScanned(self._source_name))


class HistoryReader(threading.Thread):
    """Fetches points, always the latest that were asked for.

    Args:
        sources: by name.
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, sources: dict[str, Source], post: Post) -> None:
        super().__init__(name="tui-runs-histories", daemon=True)
        self._sources, self._post = sources, post
        self._asked: list[HistoryRequest] = []
        self._wake = threading.Condition()
        self._closed = False
        self._fetching = False

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for has been posted."""
        with self._wake:
            return not self._asked and not self._fetching

    def ask(self, requests: Sequence[HistoryRequest]) -> None:
        """Fetch these, instead of what was asked for before and is not fetched yet."""
        with self._wake:
            self._asked = list(requests)
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the read it is in."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    def run(self) -> None:
        """Wait for requests and answer them one after the other."""
        while True:
            with self._wake:
                while not self._asked and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                request = self._asked.pop(0)
                self._fetching = True
            try:
                self._fetch(request)
            except SourceLostError:
                continue  # the source's own reader says it
            except Exception:  # as above
                if not self._closed:
                    self._post(ReaderFailed("reading points", traceback.format_exc()))
            finally:
                self._fetching = False

    def _fetch(self, request: HistoryRequest) -> None:
        """Answer one request: one message a budget's worth. What is asked for meanwhile waits for its turn."""
        source = self._sources[request.source]
        while not self._closed:
            history = source.history(request.run_ids, request.metrics, request.cursor)
            self._post(HistoryRead(request, history))
            if history.complete:
                return
            request = request._replace(cursor=history.cursor)
