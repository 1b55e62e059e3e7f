"""The thread that reads what is asked for one thing at a time: details of a run, a directory, the start of a file."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from textual.message import Message

from tui_runs.errors import SourceLostError
from tui_runs.tui.messages import ReaderFailed

Read = Callable[[], Message]
Post = Callable[[Message], object]


class DetailReader(threading.Thread):
    """Answers the latest request of each kind; one that was overtaken before its turn is never read.

    Args:
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, post: Post) -> None:
        super().__init__(name="tui-runs-details", daemon=True)
        self._post = post
        self._asked: dict[str, Read] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._reading = False

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for has been posted."""
        with self._wake:
            return not self._asked and not self._reading

    def ask(self, kind: str, read: Read) -> None:
        """Read this, instead of what was asked for under the same kind and is not read yet.

        Args:
            kind: what for, such as "preview".
            read: called in the thread; gives the message to post.
        """
        with self._wake:
            self._asked.pop(kind, None)
            self._asked[kind] = read
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the read it is in."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    def run(self) -> None:
        """Wait for requests and answer them, the oldest first."""
        while True:
            with self._wake:
                self._reading = False
                while not self._asked and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                read = self._asked.pop(next(iter(self._asked)))
                self._reading = True
            try:
                message = read()
            except SourceLostError:
                continue  # the source's own reader says it
            except Exception:  # an adapter may fail in any way; the app says so and goes on
                message = ReaderFailed("reading details", traceback.format_exc())
            if not self._closed:
                self._post(message)
