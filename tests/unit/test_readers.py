"""The threads that read sources: what they post, in which order, and what becomes of them when a source fails."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
import pytest
from textual.message import Message

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.errors import SourceLostError
from tui_runs.frames import following
from tui_runs.frames.histories import HistoryRequest
from tui_runs.frames.workspace import OpenSource
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, TAGS, conform, empty
from tui_runs.tui.detail_reader import DetailReader
from tui_runs.tui.messages import (
    BatchRead,
    HistoryRead,
    ReaderFailed,
    SourceChanged,
    SourceLost,
    SourceScanned,
)
from tui_runs.tui.readers import HistoryReader, SourceReader

SECONDS = 30


def batch(run_id: str) -> RunBatch:
    runs = conform(pl.DataFrame([{"run_id": run_id, "status": "running"}]), RUNS)
    return RunBatch(runs, empty(PARAMS), empty(TAGS), empty(METRICS))


@pytest.fixture
def posted() -> queue.Queue[Message]:
    return queue.Queue()


def take(posted: queue.Queue[Message], count: int) -> list[Message]:
    return [posted.get(timeout=SECONDS) for _ in range(count)]


Answer = RunBatch | Change | Exception


class Told:
    """A source that says what it was told to: a list for each scan, and for each time that it is followed."""

    uri, kind = "/store", "a test's"

    def __init__(self, scans: Sequence[Sequence[Answer]], follows: Sequence[Sequence[Answer]] = ()) -> None:
        self._scans, self._follows = list(scans), list(follows)
        self.closed = threading.Event()

    def scan(self) -> Iterator[Any]:
        return self._say(self._scans.pop(0))

    def follow(self, focus: Focus) -> Iterator[Any]:
        yield from self._say(self._follows.pop(0) if self._follows else ())
        if not self._follows:
            self.closed.wait(SECONDS)

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        raise NotImplementedError

    def close(self) -> None:
        self.closed.set()

    def _say(self, answers: Sequence[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer


@pytest.fixture
def read(posted: queue.Queue[Message], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Told], SourceReader]]:
    monkeypatch.setattr(following, "RETRY_SECONDS", (0.0,))
    begun: list[SourceReader] = []

    def begin(source: Told) -> SourceReader:
        begun.append(SourceReader(OpenSource("s", "told", source), Focus(), posted.put))
        begun[-1].start()
        return begun[-1]

    yield begin
    for reader in begun:
        reader.close()
        reader.join(SECONDS)
        assert not reader.is_alive()


class TestSourceReader:
    def test_scans_and_follows(self, read: Callable[[Told], SourceReader], posted: queue.Queue[Message]) -> None:
        read(Told([[batch("a"), batch("b")]], [[Change(), Change(removed=("a",))]]))
        messages = take(posted, 5)
        assert [type(one) for one in messages] == [BatchRead, BatchRead, SourceScanned, SourceChanged, SourceChanged]

    def test_a_scan_that_is_lost_begins_anew(
        self, read: Callable[[Told], SourceReader], posted: queue.Queue[Message]
    ) -> None:
        gone = SourceLostError("gone")
        read(Told([[gone], [gone], [batch("a"), gone], [batch("a"), batch("b")]]))
        kinds = [type(one) for one in take(posted, 6)]
        # Lost again after it was back, it says so again.
        assert kinds == [SourceLost, BatchRead, SourceLost, BatchRead, BatchRead, SourceScanned]

    def test_a_source_that_is_lost_is_followed_again_and_not_read_again(
        self, read: Callable[[Told], SourceReader], posted: queue.Queue[Message]
    ) -> None:
        gone = SourceLostError("gone")
        read(Told([[batch("a")]], [[Change(), gone], [gone], [Change()]]))
        kinds = [type(one) for one in take(posted, 5)]
        assert kinds == [BatchRead, SourceScanned, SourceChanged, SourceLost, SourceChanged]

    @pytest.mark.parametrize(
        ("scan", "follow"),
        [([batch("a"), ZeroDivisionError("odd bytes")], []), ([batch("a")], [ZeroDivisionError("odd bytes")])],
        ids=["scan", "follow"],
    )
    def test_an_adapter_that_fails_leaves_a_source_that_is_lost(
        self,
        read: Callable[[Told], SourceReader],
        posted: queue.Queue[Message],
        scan: list[Answer],
        follow: list[Answer],
    ) -> None:
        reader = read(Told([scan], [follow]))
        reader.join(SECONDS)
        assert not reader.is_alive()
        *_, lost, failed = take(posted, posted.qsize())
        assert isinstance(lost, SourceLost)
        assert lost.source == "s"
        assert "ZeroDivisionError" in lost.error.message
        assert lost.error.remedy
        assert isinstance(failed, ReaderFailed)
        assert failed.details.splitlines()[-1] == "ZeroDivisionError: odd bytes"

    def test_held_back_changes_come_later(self, posted: queue.Queue[Message]) -> None:
        source = Told([[batch("a")]], [[Change(removed=("a",))]])
        reader = SourceReader(OpenSource("s", "told", source), Focus(), posted.put)
        reader.follow(False)
        reader.start()
        assert [type(one) for one in take(posted, 2)] == [BatchRead, SourceScanned]
        reader.follow(True)
        (changed,) = take(posted, 1)
        assert isinstance(changed, SourceChanged)
        reader.close()
        reader.join(SECONDS)
        assert not reader.is_alive()

    def test_a_closed_source_is_not_lost(
        self, read: Callable[[Told], SourceReader], posted: queue.Queue[Message]
    ) -> None:
        class Ends(Told):
            def follow(self, focus: Focus) -> Iterator[Any]:
                yield Change()
                self.closed.wait(SECONDS)
                raise SourceLostError("closed")

        reader = read(Ends([[]]))
        take(posted, 2)
        reader.close()
        reader.join(SECONDS)
        assert posted.empty()


class Points:
    """A source whose curves have three points; a read gives one of them, when the test lets it."""

    uri, kind = "/store", "a test's"

    def __init__(self) -> None:
        self.reads: queue.Queue[tuple[str, int]] = queue.Queue()
        self._go: queue.Queue[Exception | None] = queue.Queue()

    def scan(self) -> Iterator[RunBatch]:
        raise NotImplementedError

    def follow(self, focus: Focus) -> Iterator[Change]:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        (run_id,), (metric,) = run_ids, metrics or ("",)
        place = (cursor or {}).get((run_id, metric), 0)
        self.reads.put((run_id, place))
        error = self._go.get(timeout=SECONDS)
        if error is not None:
            raise error
        frame = conform(pl.DataFrame([{"run_id": run_id, "key": metric, "step": place, "value": 0.0}]), HISTORY)
        return History(frame, {(run_id, metric): place + 1}, complete=place == 2)

    def begun(self) -> tuple[str, int]:
        """Of which run, and from which point on, it is read now."""
        return self.reads.get(timeout=SECONDS)

    def go_on(self, error: Exception | None = None) -> None:
        """End the read that is begun."""
        self._go.put(error)


def request(run_id: str) -> HistoryRequest:
    return HistoryRequest("s", (run_id,), ("m",), {})


class TestHistoryReader:
    @pytest.fixture
    def source(self) -> Points:
        return Points()

    @pytest.fixture
    def reader(self, source: Points, posted: queue.Queue[Message]) -> Iterator[HistoryReader]:
        reader = HistoryReader({"s": source}, posted.put)
        reader.start()
        yield reader
        reader.close()
        source.go_on()
        reader.join(SECONDS)
        assert not reader.is_alive()

    def went(self, source: Points, count: int) -> list[tuple[str, int]]:
        """Let it read so many times; gives what."""
        reads = []
        for _ in range(count):
            reads.append(source.begun())
            source.go_on()
        return reads

    def test_every_part_of_an_answer_is_posted(
        self, reader: HistoryReader, source: Points, posted: queue.Queue[Message]
    ) -> None:
        reader.ask([request("a"), request("b")])
        assert not reader.idle
        assert self.went(source, 6) == [(run, place) for run in "ab" for place in range(3)]
        for run in "ab":
            for place, message in enumerate(take(posted, 3)):
                assert isinstance(message, HistoryRead)
                assert message.request.run_ids == (run,)
                assert message.request.cursor == ({} if place == 0 else {(run, "m"): place})
                assert message.history.frame["step"].to_list() == [place]

    def test_what_was_asked_for_last_takes_the_place_of_what_waits(self, reader: HistoryReader, source: Points) -> None:
        reader.ask([request("a"), request("never")])
        assert source.begun() == ("a", 0)
        reader.ask([request("b")])
        source.go_on()
        assert self.went(source, 5) == [("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]

    def test_what_is_for_later_gives_way_between_two_reads_and_goes_on_afterwards(
        self, reader: HistoryReader, source: Points
    ) -> None:
        reader.ask_for_later([request("later"), request("last")])
        assert self.went(source, 1) == [("later", 0)]
        assert source.begun() == ("later", 1)
        reader.ask([request("now")])
        source.go_on()
        assert self.went(source, 4) == [("now", 0), ("now", 1), ("now", 2), ("later", 2)]
        assert source.begun() == ("last", 0)
        assert not reader.idle

    def test_what_is_for_later_takes_the_place_of_what_was(self, reader: HistoryReader, source: Points) -> None:
        reader.ask_for_later([request("old"), request("never")])
        assert source.begun() == ("old", 0)
        reader.ask_for_later([request("new")])
        source.go_on()
        assert self.went(source, 3) == [("new", 0), ("new", 1), ("new", 2)]

    def test_idle(self, source: Points, posted: queue.Queue[Message]) -> None:
        reader = HistoryReader({"s": source}, posted.put)
        assert reader.idle
        reader.ask_for_later([request("later")])
        assert not reader.idle
        reader.ask([request("now")])
        assert not reader.idle
        reader.ask_for_later([])
        reader.start()
        assert self.went(source, 2) == [("now", 0), ("now", 1)]
        assert source.begun() == ("now", 2)
        assert not reader.idle
        reader.close()
        source.go_on()
        reader.join(SECONDS)
        assert reader.idle

    def test_closed_between_two_reads(self, reader: HistoryReader, source: Points) -> None:
        reader.ask([request("a")])
        assert source.begun() == ("a", 0)
        reader.close()
        source.go_on()
        reader.join(SECONDS)
        assert not reader.is_alive()
        assert source.reads.empty()

    def test_a_failure_that_comes_again_is_said_once(
        self, reader: HistoryReader, source: Points, posted: queue.Queue[Message]
    ) -> None:
        for error in (ValueError("odd"), ValueError("odd"), SourceLostError("gone"), ValueError("even")):
            reader.ask([request("a")])
            assert source.begun() == ("a", 0)
            source.go_on(error)
        reader.ask([request("a")])
        assert self.went(source, 3) == [("a", 0), ("a", 1), ("a", 2)]
        odd, even, *points = take(posted, 5)
        assert isinstance(odd, ReaderFailed)
        assert isinstance(even, ReaderFailed)
        assert [one.details.splitlines()[-1] for one in (odd, even)] == ["ValueError: odd", "ValueError: even"]
        assert all(isinstance(one, HistoryRead) for one in points)


class Note(Message):
    """What was read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def test_details_of_each_kind_are_those_that_were_asked_for_last(posted: queue.Queue[Message]) -> None:
    reader = DetailReader(posted.put)
    for kind, text in (("details", "first"), ("preview", "a file"), ("details", "second")):
        reader.ask(kind, lambda text=text: Note(text))  # type: ignore[misc]
    assert not reader.idle
    reader.start()
    assert [getattr(one, "text", None) for one in take(posted, 2)] == ["a file", "second"]
    reader.close()
    reader.join(SECONDS)
    assert reader.idle
    assert posted.empty()
