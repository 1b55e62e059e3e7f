"""The thread that reads what is asked for one thing at a time: details of a run, a directory, the start of a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.message import Message

from tui_runs.tui.worker import Post, Work, Worker

Read = Callable[[], Message]


class DetailReader(Worker):
    """Answers the latest request of each kind; one that was overtaken before its turn is never read.

    Args:
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, post: Post) -> None:
        super().__init__("details", "reading details", post)
        self._asked: dict[str, Read] = {}

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

    @property
    def _waits(self) -> bool:
        return bool(self._asked)

    def _next(self) -> Work:
        """The oldest."""
        return partial(self._answer, self._asked.pop(next(iter(self._asked))))

    def _answer(self, read: Read) -> None:
        self._send(read())
