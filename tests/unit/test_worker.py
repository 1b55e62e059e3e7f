"""The thread that does one thing after the other of what is asked of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from textual.message import Message

from tui_runs.errors import SourceLostError
from tui_runs.tui.messages import ReaderFailed
from tui_runs.tui.worker import Post, Work, Worker

SECONDS = 30


class Hands(Worker):
    """Does what it is given."""

    def __init__(self, post: Post) -> None:
        super().__init__("hands", "working", post)
        self.given: list[Work] = []
        self.patience: float | None = None
        self.bored: queue.Queue[None] = queue.Queue()
        self.ended = threading.Event()

    def give(self, *work: Work) -> None:
        with self._wake:
            self.given += work
            self._wake.notify()

    @property
    def _waits(self) -> bool:
        return bool(self.given)

    def _next(self) -> Work:
        return self.given.pop(0)

    def _patience(self) -> float | None:
        return self.patience

    def _nothing_came(self) -> None:
        self.patience = None
        self.bored.put(None)

    def _end(self) -> None:
        self.ended.set()


@pytest.fixture
def posted() -> queue.Queue[Message]:
    return queue.Queue()


@pytest.fixture
def hands(posted: queue.Queue[Message]) -> Iterator[Hands]:
    worker = Hands(posted.put)
    yield worker
    worker.close()
    if worker.ident is not None:
        worker.join(SECONDS)
        assert not worker.is_alive()
        assert worker.ended.is_set()


def fail_with(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def done(hands: Hands) -> None:
    """Wait until everything that it was given before is done."""
    reached = threading.Event()
    hands.give(reached.set)
    assert reached.wait(SECONDS)


def test_in_the_order_in_which_it_was_given(hands: Hands) -> None:
    seen: list[int] = []
    hands.give(*(lambda number=number: seen.append(number) for number in range(5)))  # type: ignore[misc]
    hands.start()
    done(hands)
    assert seen == list(range(5))


def test_failing_work_does_not_end_it_and_each_failure_is_said_once(hands: Hands, posted: queue.Queue[Message]) -> None:
    hands.start()
    for text in ("odd", "even", "odd", "odd", "even"):
        hands.give(fail_with(ValueError(text)))
    hands.give(fail_with(KeyError("odd")), fail_with(ValueError("odd")))
    done(hands)
    said = [posted.get_nowait() for _ in range(posted.qsize())]
    assert all(isinstance(one, ReaderFailed) and one.what == "working" for one in said)
    assert [one.details.splitlines()[-1] for one in said if isinstance(one, ReaderFailed)] == [
        "ValueError: odd",
        "ValueError: even",
        "KeyError: 'odd'",
    ]
    assert "in fail" in said[0].details  # type: ignore[attr-defined]


def test_of_a_lost_source_its_own_reader_speaks(hands: Hands, posted: queue.Queue[Message]) -> None:
    hands.start()
    hands.give(fail_with(SourceLostError("gone")))
    done(hands)
    assert posted.empty()


def test_idle_when_all_is_done(hands: Hands) -> None:
    assert hands.idle
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(SECONDS)

    hands.give(work)
    assert not hands.idle
    hands.start()
    assert begun.wait(SECONDS)
    assert not hands.given
    assert not hands.idle
    go_on.set()
    done(hands)
    hands.close()
    hands.join(SECONDS)
    assert hands.idle


def test_idle_after_a_failure(hands: Hands, posted: queue.Queue[Message]) -> None:
    hands.give(fail_with(ValueError()))
    hands.start()
    posted.get(timeout=SECONDS)
    done(hands)
    hands.patience = 0.0
    hands.give(lambda: None)
    hands.bored.get(timeout=SECONDS)  # it waits again
    hands.close()
    hands.join(SECONDS)
    assert hands.idle


def test_close_ends_it_while_it_waits(hands: Hands) -> None:
    hands.start()
    done(hands)
    hands.close()
    hands.join(SECONDS)
    assert not hands.is_alive()


def test_close_ends_it_after_what_it_is_doing(hands: Hands, posted: queue.Queue[Message]) -> None:
    begun, go_on, after = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(SECONDS)
        raise ValueError("what nobody wants to know any more")

    hands.give(work, after.set)
    hands.start()
    assert begun.wait(SECONDS)
    hands.close()
    go_on.set()
    hands.join(SECONDS)
    assert not hands.is_alive()
    assert not after.is_set()
    assert posted.empty()


def test_closed_before_it_begins(hands: Hands) -> None:
    after = threading.Event()
    hands.give(after.set)
    hands.close()
    hands.start()
    hands.join(SECONDS)
    assert not after.is_set()
    assert hands.ended.is_set()


def test_what_is_due_when_nothing_came(hands: Hands, posted: queue.Queue[Message]) -> None:
    hands.start()
    done(hands)
    assert hands.bored.empty()
    hands.patience = 0.001
    hands.give(lambda: None)
    hands.bored.get(timeout=SECONDS)
    done(hands)
    assert hands.bored.empty()
    assert posted.empty()
