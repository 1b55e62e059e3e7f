"""A thread that does one thing after the other of what is asked of it, whatever becomes of each."""

from __future__ import annotations

import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable

from textual.message import Message

from tui_runs.errors import SourceLostError
from tui_runs.tui.messages import ReaderFailed

Post = Callable[[Message], object]
Work = Callable[[], object]


class Worker(threading.Thread, ABC):
    """Does what is asked of it; what fails is said to the user, once, and the next thing is done.

    What a subclass keeps of that is guarded by `_wake`, which is to be notified when there is more of it.

    Args:
        name: of the thread, among those of this program.
        doing: what the user is told that it was doing when it failed: "reading points".
        post: where messages go; must be safe to call from a thread.
    """

    def __init__(self, name: str, doing: str, post: Post) -> None:
        super().__init__(name=f"tui-runs-{name}", daemon=True)
        self._doing, self._post = doing, post
        self._wake = threading.Condition()
        self._closed = threading.Event()
        self._busy = False
        self._failures: set[str] = set()

    # --- what a subclass says -------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def _waits(self) -> bool:
        """Whether something waits to be done. Called with the lock held."""

    @abstractmethod
    def _next(self) -> Work:
        """Take what is to be done next. Called with the lock held, where something waits."""

    def _patience(self) -> float | None:
        """Seconds after which `_nothing_came` is called; None never does. Called with the lock held."""
        return None

    def _nothing_came(self) -> None:
        """Do what is due when nothing was asked for so long."""

    def _end(self) -> None:
        """Let go of what was held, at the end of the thread."""

    # --- what everybody may call ----------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for has been done, and what came of it posted."""
        with self._wake:
            return not self._busy and not self._waits

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._closed.set()
        with self._wake:
            self._wake.notify()

    # --- the thread -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Wait for something to do, and do it."""
        try:
            while (work := self._wait()) is not None:
                self._try(work)
        finally:
            self._end()

    def _try(self, work: Work) -> None:
        """Do something that may fail in any way, as adapters do: the user is told, and all else goes on."""
        try:
            work()
        except SourceLostError:
            pass  # the source's own reader says it
        except Exception as error:
            self._fail(error)

    def _wait(self) -> Work | None:
        """What is to be done next, as soon as there is something; None at the end."""
        with self._wake:
            self._busy = False
            came = self._wake.wait_for(lambda: self._waits or self._closed.is_set(), self._patience())
            if self._closed.is_set():
                return None
            self._busy = True
            return self._next() if came else self._nothing_came

    def _fail(self, error: Exception) -> None:
        # Most failures come again with every try, and the dialog would.
        said = f"{type(error).__name__}: {error}"
        if said not in self._failures:
            self._failures.add(said)
            self._send(ReaderFailed(self._doing, "".join(traceback.format_exception(error))))

    def _send(self, message: Message) -> None:
        """Post something, unless nobody listens any more."""
        if not self._closed.is_set():
            self._post(message)
