"""Sources that are lost and come back: said once, tried again, and nothing that was said is left out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.errors import LocationError, SourceLostError, TuiRunsError
from tui_runs.frames.following import RETRY_SECONDS, again_when_lost


class Closed(threading.Event):
    """Notes the pauses, and takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return self.is_set()


class Source:
    """Says so many things at each try and is then lost; after the last try it has said everything."""

    def __init__(self, tries: Sequence[int]) -> None:
        self._tries = list(tries)
        self._said = iter(range(1000))

    def follow(self) -> Iterator[int]:
        count = self._tries.pop(0)
        for _ in range(count):
            yield next(self._said)
        if self._tries:
            raise SourceLostError(f"lost after {count}")


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_everything_comes_and_each_loss_is_told_once(tries: list[int]) -> None:
    closed, told = Closed(), list[TuiRunsError]()
    assert list(again_when_lost(Source(tries).follow, closed, told.append)) == list(range(sum(tries)))
    lost = tries[:-1]
    # Told at first, and then only where something was said since.
    assert [str(error) for error in told] == [
        f"lost after {count}" for at, count in enumerate(lost) if count or at == 0
    ]
    assert len(closed.pauses) == len(lost)


def test_pauses_grow_until_the_source_is_back() -> None:
    closed = Closed()
    list(again_when_lost(Source([1, 0, 0, 0, 0, 0, 1, 0, 0]).follow, closed, lambda error: None))
    last = RETRY_SECONDS[-1]
    assert closed.pauses == [*RETRY_SECONDS, last, last, *RETRY_SECONDS[:2]]


def test_any_error_that_a_user_may_see_is_a_loss() -> None:
    answers = iter([LocationError("no access"), None])

    def follow() -> Iterator[int]:
        error = next(answers)
        if error is not None:
            raise error
        yield 1

    told = list[TuiRunsError]()
    assert list(again_when_lost(follow, Closed(), told.append)) == [1]
    assert [error.message for error in told] == ["no access"]


def test_an_error_that_nobody_expected_is_raised() -> None:
    def follow() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    said = again_when_lost(follow, Closed(), lambda error: None)
    assert next(said) == 1
    with pytest.raises(ZeroDivisionError):
        next(said)


def test_a_closed_source_is_not_lost() -> None:
    closed, told = Closed(), list[TuiRunsError]()
    said = again_when_lost(Source([1, 1]).follow, closed, told.append)
    assert next(said) == 0
    closed.set()
    assert list(said) == []
    assert told == []
    assert closed.pauses == []


def test_closed_while_it_waits_for_the_source() -> None:
    closed, told = threading.Event(), list[TuiRunsError]()

    def lost(error: TuiRunsError) -> None:
        told.append(error)
        closed.set()

    assert list(again_when_lost(Source([0, 1]).follow, closed, lost)) == []
    assert len(told) == 1
