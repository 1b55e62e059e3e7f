"""The watch over the health of runs, told by hand, with clocks that go as the test says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.capabilities import Details, LogFile, LogPart
from tui_runs.display import HOSTILE
from tui_runs.errors import ArtifactError, SourceLostError
from tui_runs.frames.catalog import RunKey
from tui_runs.schema import DETAILS, HISTORY, METRICS, PARAMS, RUNS, conform, empty
from tui_runs.sources.discover import find
from tui_runs.tui.health.board import HealthBoard
from tui_runs.tui.health.curves import MOST_POINTS, RunCurves
from tui_runs.tui.health.logs import read_last_words
from tui_runs.tui.health.watch import LOOK_SECONDS, MOST_RUNS, Findings, HealthWatch, local_path

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Store:
    """A source held in memory, which counts what is read of it."""

    uri, kind = "memory://store", "store in memory"

    def __init__(self) -> None:
        self.points: dict[tuple[str, str], list[float]] = {}
        self.rows: list[tuple[str, str, str, str, str]] = []
        self.texts: dict[str, bytes] = {}
        self.asked: list[tuple[str, ...]] = []
        self.sent = 0
        self.budget = 10**9
        self.error: Exception | None = None
        self.log_error: Exception | None = None

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        if self.error is not None:
            raise self.error
        self.asked.append(tuple(run_ids))
        places, rows, budget = dict(cursor or {}), [], self.budget
        for run_id in run_ids:
            for key in metrics or ():
                values = self.points.get((run_id, key), [])
                first = places.get((run_id, key), 0)
                taken = values[first : first + budget]
                budget -= len(taken)
                rows += [(run_id, key, first + at, START, value) for at, value in enumerate(taken)]
                places[run_id, key] = first + len(taken)
        self.sent += len(rows)
        frame = pl.DataFrame(rows, schema=dict(HISTORY), orient="row")
        complete = all(place == len(self.points.get(key, ())) for key, place in places.items())
        return History(frame, places, complete)

    def details(self, run_ids: Sequence[str]) -> Details:
        return Details(pl.DataFrame(self.rows, schema=dict(DETAILS), orient="row"))

    def logs(self, run_id: str) -> Sequence[LogFile]:
        return [LogFile("output.log")] if run_id in self.texts else []

    def read_log(self, run_id: str, name: str, start: int, limit: int) -> LogPart:
        if self.log_error is not None:
            raise self.log_error
        data = self.texts[run_id]
        first = max(len(data) + start, 0)
        return LogPart(data[first : first + limit], first, len(data))

    def scan(self) -> Iterator[RunBatch]:
        return iter(())

    def follow(self, focus: Focus) -> Iterator[Change]:
        return iter(())

    def close(self) -> None:
        pass


class World:
    """A watch over one store, two clocks, and a board that shows what comes of it."""

    def __init__(self, rules: HealthRules | None = None) -> None:
        self.wall, self.ticks = START, 0.0
        self.store = Store()
        self.board = HealthBoard()
        self.told: list[tuple[str, str]] = []
        self.watch = HealthWatch(
            {"s": (self.store, rules or HealthRules())},
            lambda: self.wall,
            lambda: self.ticks,  # type: ignore[dict-item]
        )

    def say(self, *runs: Mapping[str, Any], change: bool = True) -> None:
        """Tell of runs, whole."""
        batch = RunBatch(
            conform(pl.DataFrame([{"updated": self.wall, **run} for run in runs]), RUNS), empty(PARAMS), empty(PARAMS),
            self._metrics([run["run_id"] for run in runs]),
        )  # fmt: skip
        if change:
            self.watch.take_change("s", Change(batch))
        else:
            self.watch.take("s", batch)

    def _metrics(self, run_ids: Sequence[str]) -> pl.DataFrame:
        rows = [
            {"run_id": run_id, "key": key, "last": values[-1], "last_time": self.wall}
            for (run_id, key), values in self.store.points.items()
            if run_id in run_ids
        ]
        return conform(
            pl.DataFrame(rows, schema={name: METRICS[name] for name in ("run_id", "key", "last", "last_time")}), METRICS
        )

    def log(self, run_id: str, *values: float, key: str = "loss") -> None:
        """Write points, and tell of the metric that grew."""
        self.store.points.setdefault((run_id, key), []).extend(values)
        metrics = self._metrics([run_id]).filter(pl.col("key") == key)
        self.watch.take_change("s", Change(RunBatch(empty(RUNS), empty(PARAMS), empty(PARAMS), metrics)))

    def look(self) -> list[Findings]:
        found = [*self.watch.look(), *(self.watch.read() if self.watch.due else ())]
        for one in found:
            self.told += [(event.run_id, event.kind) for event in self.board.take(one, self.wall)]
        return found

    def pass_time(self, seconds: float, *, wall: float | None = None) -> None:
        """Time goes by as in the app: the watch looks every few seconds. The clock on the wall may go otherwise."""
        ends = self.ticks + seconds
        self.wall += timedelta(seconds=seconds if wall is None else wall)
        while self.ticks < ends:
            self.ticks = min(self.ticks + LOOK_SECONDS, ends)
            self.look()

    def wrong(self) -> set[tuple[str, str]]:
        """What is wrong now, as the board has it."""
        return {(key.run_id, key.kind) for key, entry in self.board.entries if not entry.event.over}


@pytest.fixture
def world() -> World:
    """A store of one run that is running, read whole."""
    made = World()
    made.store.points["r", "loss"] = [1.0]
    made.say({"run_id": "r", "status": "running"}, change=False)
    made.watch.scanned("s")
    made.look()
    return made


class TestSilence:
    def test_after_ten_minutes_once(self, world: World) -> None:
        world.pass_time(599)
        assert not world.wrong()
        world.pass_time(10)
        assert world.wrong() == {("r", "stale")}
        world.pass_time(5000)
        assert world.told == [("r", "stale")]
        assert world.board.signs[RunKey("s", "r")].text == "▲ stale"

    def test_a_write_ends_it_and_another_silence_is_another_event(self, world: World) -> None:
        world.pass_time(700)
        world.log("r", 0.9)
        world.look()
        assert not world.wrong()
        assert not world.board.signs
        world.pass_time(700)
        assert world.told == [("r", "stale")] * 2

    def test_what_was_so_at_the_start_is_shown_and_not_told(self) -> None:
        world = World()
        world.say({"run_id": "old", "status": "running", "updated": START - timedelta(hours=2)}, change=False)
        world.say({"run_id": "new", "status": "running", "updated": START - timedelta(minutes=9)}, change=False)
        world.watch.scanned("s")
        world.look()
        assert world.wrong() == {("old", "stale")}
        world.pass_time(90)
        assert world.wrong() == {("old", "stale"), ("new", "stale")}
        assert world.told == [("new", "stale")]

    @pytest.mark.parametrize("jump", [-7200.0, 7200.0, 86400.0 * 365])
    def test_a_clock_that_is_set_raises_nothing(self, world: World, jump: float) -> None:
        world.pass_time(60)
        world.wall += timedelta(seconds=jump)
        world.pass_time(500)
        assert not world.wrong()
        world.pass_time(60)
        assert world.wrong() == {("r", "stale")}  # 620 s after its last write, whatever the clock says

    def test_nor_does_a_program_that_was_stopped(self, world: World) -> None:
        """A laptop that slept, where the monotonic clock counts that; or ctrl+z."""
        world.ticks += 9 * 3600
        world.wall += timedelta(hours=9)
        world.look()
        assert not world.wrong()
        world.log("r", 0.9)
        world.pass_time(599)
        assert not world.wrong()

    def test_nor_a_store_that_is_not_followed(self, world: World) -> None:
        for begin, end in (
            (lambda: world.watch.follow(False), lambda: world.watch.follow(True)),
            (lambda: world.watch.lost("s"), lambda: world.watch.take_change("s", Change())),
        ):
            begin()
            world.pass_time(5000)
            end()
            world.look()
        assert not world.wrong()
        world.pass_time(605)
        assert world.wrong() == {("r", "stale")}

    def test_an_adapter_that_goes_by_the_clock_on_the_wall_is_not_believed_at_once(self, world: World) -> None:
        world.wall += timedelta(hours=2)
        world.say({"run_id": "r", "status": "stale", "updated": START})
        world.look()
        assert not world.wrong()
        world.pass_time(605)
        (entry,) = [entry for _, entry in world.board.entries]
        assert entry.event.sentence == "no write for more than 10m: it ended without saying so"

    def test_runs_that_fell_silent_long_ago_are_history(self) -> None:
        world = World()
        world.say({"run_id": "r", "status": "stale", "updated": START - timedelta(days=30)}, change=False)
        world.say({"run_id": "q", "status": "stale", "updated": START - timedelta(hours=1)}, change=False)
        world.watch.scanned("s")
        world.pass_time(60)
        assert world.wrong() == {("q", "stale")}

    def test_how_long_is_for_the_user_to_say(self) -> None:
        for rules, stale in ((HealthRules(stale_after=30), True), (HealthRules(stale=False), False)):
            world = World(rules)
            world.say({"run_id": "r", "status": "running"}, change=False)
            world.watch.scanned("s")
            world.pass_time(10_000)
            assert (("r", "stale") in world.wrong()) == stale

    @given(st.lists(st.tuples(st.floats(0, 400), st.floats(-1e6, 1e6), st.booleans()), max_size=12))
    def test_only_time_that_was_watched_counts(self, steps: list[tuple[float, float, bool]]) -> None:
        """Against the sum of the steps since the last write, whatever the clock on the wall does meanwhile."""
        world = World()
        world.say({"run_id": "r", "status": "running"}, change=False)
        world.watch.scanned("s")
        silence, ever = 0.0, 0
        for seconds, wall, writes in steps:
            world.pass_time(seconds, wall=wall)
            silence += seconds
            if silence > 600 + 2 * LOOK_SECONDS:
                assert ("r", "stale") in world.wrong()
                ever += 1
            elif silence < 600 - LOOK_SECONDS:
                assert ("r", "stale") not in world.wrong()
            if writes:
                world.wall += timedelta(microseconds=1)
                world.say({"run_id": "r", "status": "running"})
                world.look()
                silence = 0.0
                assert not world.wrong()


class TestPoints:
    def test_nan_is_told_once(self, world: World) -> None:
        world.log("r", 0.9, math.nan)
        world.look()
        assert world.told == [("r", "nan")]
        assert world.board.signs[RunKey("s", "r")].text == "▲ NaN"
        for value in (math.nan, 0.8, math.nan, 0.7):
            world.log("r", value)
            world.look()
        assert world.told == [("r", "nan")]
        assert not world.wrong()
        assert not world.board.signs

    def test_nan_that_came_and_went_between_two_looks_is_told(self, world: World) -> None:
        world.log("r", math.nan, 0.8)
        world.look()
        assert world.told == [("r", "nan")]
        assert not world.wrong()
        (entry,) = [entry for _, entry in world.board.entries]
        assert entry.event.over

    def test_nan_of_any_metric(self, world: World) -> None:
        world.log("r", math.nan, key="grad_norm")
        world.look()
        assert world.told == [("r", "nan")]
        world.log("r", 1.0, key="grad_norm")
        world.look()
        assert not world.wrong()

    def test_what_was_so_at_the_start_is_not_told_and_what_turns_in_a_new_run_is(self) -> None:
        world = World()
        world.store.points["r", "loss"] = [math.nan]
        world.say({"run_id": "r", "status": "running"}, change=False)
        world.watch.scanned("s")
        world.look()
        assert world.wrong() == {("r", "nan")}
        assert not world.told
        world.store.points["n", "loss"] = [math.nan]
        world.say({"run_id": "n", "status": "running"})
        world.look()
        assert world.told == [("n", "nan")]

    def test_only_what_is_new_is_read(self, world: World) -> None:
        world.store.budget = 7
        world.log("r", *[1.0 / at for at in range(1, 100)])
        world.look()
        assert world.store.sent == 100
        asked = len(world.store.asked)
        world.pass_time(3600, wall=0)
        assert len(world.store.asked) == asked  # nothing was written: nothing is read
        world.log("r", 0.5)
        world.look()
        assert world.store.sent == 101

    def test_diverging_and_which_way_is_better(self, world: World) -> None:
        world.log("r", *[10.0] * 10, *[1.0] * 30, *[20.0] * 30)
        world.look()
        assert world.told == [("r", "diverging")]
        world.watch.judge_by({"loss": "higher"})
        world.look()
        assert ("r", "diverging") not in world.wrong()

    def test_the_latest_runs_are_watched_and_no_others(self) -> None:
        world = World()
        for at in range(MOST_RUNS + 30):
            world.store.points[f"r{at}", "loss"] = [1.0]
        world.say(
            *[
                {"run_id": f"r{at}", "status": "running", "updated": START - timedelta(seconds=at)}
                for at in range(MOST_RUNS + 30)
            ],
            change=False,
        )
        world.watch.scanned("s")
        # The metrics say that all were written now; of the same age, the first come first.
        world.look()
        assert len({asked for (asked,) in world.store.asked}) == MOST_RUNS
        assert not world.watch.due

    def test_a_run_that_ends_is_judged_once_more_and_then_left(self, world: World) -> None:
        world.store.points["r", "loss"].append(math.nan)
        world.say({"run_id": "r", "status": "finished"})
        world.look()
        assert world.told == [("r", "nan")]
        asked = len(world.store.asked)
        world.pass_time(3600)
        assert len(world.store.asked) == asked
        assert ("r", "stale") not in world.wrong()

    def test_a_store_that_is_lost_says_nothing_and_takes_no_one_down(self, world: World) -> None:
        world.store.error = SourceLostError("gone", "")
        world.log("r", math.nan)
        world.look()
        world.store.error = None
        world.log("r", math.nan)
        world.look()
        assert world.told == [("r", "nan")]

    def test_an_adapter_that_fails_is_asked_no_more_than_once_for_each_write(self, world: World) -> None:
        world.store.error = KeyError("bug")
        world.log("r", 1.0)
        with pytest.raises(KeyError):
            world.look()
        assert not world.watch.due

    def test_rules_that_are_off(self) -> None:
        world = World(HealthRules(nan=False, diverging=False, plateau=False))
        world.store.points["r", "loss"] = [math.nan]
        world.say({"run_id": "r", "status": "running"}, change=False)
        world.watch.scanned("s")
        world.look()
        assert not world.store.asked

    def test_a_run_that_is_removed(self, world: World) -> None:
        world.log("r", math.nan)
        world.look()
        world.watch.take_change("s", Change(removed=["r"]))
        world.board.forget("s", ["r"])
        world.pass_time(5000)
        assert not world.board.entries


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=8))
def test_a_long_curve_is_held_in_little_and_keeps_its_shape(lengths: list[int]) -> None:
    store = Store()
    curves = RunCurves(store, "r")  # type: ignore[arg-type]
    total = 0
    for length in lengths:
        store.points.setdefault(("r", "loss"), []).extend(float(at) for at in range(total, total + length))
        total += length
        held = curves.read(["loss"], lambda: False)["loss"]
        assert held.height == total if total <= MOST_POINTS else held.height <= MOST_POINTS
        values = held["value"]
        assert values.is_sorted()  # of a straight line, means of neighbours lie on it
        assert values[-1] == total - 1
        assert values[0] is not None
        assert held["step"].is_sorted()
    assert store.sent == total


class TestCrashes:
    def test_exit_code_and_the_end_of_the_log(self, world: World) -> None:
        text = (
            "".join(f"line {at}\r\n" for at in range(5000)) + "\x1b[31mTraceback:\n\n  RuntimeError: no memory\x1b[0m"
        )
        world.store.texts["r"] = text.encode()
        world.store.rows = [("r", "environment", "", "exit code", "137")]
        world.say({"run_id": "r", "status": "failed", "ended": START})
        world.look()
        assert world.told == [("r", "crashed")]
        (event,) = world.board.of(RunKey("s", "r"))
        assert event.sentence == "failed with exit code 137: RuntimeError: no memory"
        assert event.lines[-3:] == ("line 4999", "Traceback:", "  RuntimeError: no memory")
        assert len(event.lines) == 12

    def test_without_either(self, world: World) -> None:
        world.store.texts["r"] = b"x"
        world.store.log_error = ArtifactError("unreadable", "")
        world.say({"run_id": "r", "status": "killed"})
        world.look()
        assert [event.sentence for event in world.board.of(RunKey("s", "r"))] == ["killed"]

    @pytest.mark.parametrize(
        ("store", "says"), [("dirs_sacred", "ValueError: boom"), ("dirs_ray", "ValueError: boom at iteration 5")]
    )
    def test_the_error_that_a_tool_kept(self, data: Path, store: str, says: str) -> None:
        """Of Sacred and of Ray Tune themselves: what they wrote when a trial raised that."""
        (found,) = find([str(data / store)])
        source = found.adapter.open(found.location, {})
        runs = pl.concat([batch.runs for batch in source.scan()])
        failed = runs.filter(pl.col("status") == "failed")["run_id"][0]
        code, lines = read_last_words(source, failed)
        source.close()
        assert code == ""
        assert lines[-1] == says
        assert not any(HOSTILE.search(line) for line in lines)

    def test_once_however_often_it_is_said_and_again_when_it_was_resumed(self, world: World) -> None:
        for _ in range(3):
            world.say({"run_id": "r", "status": "failed"})
            world.look()
        assert world.told == [("r", "crashed")]
        world.say({"run_id": "r", "status": "running"})
        world.look()
        world.say({"run_id": "r", "status": "failed"})
        world.look()
        assert world.told == [("r", "crashed")] * 2

    def test_what_failed_before_is_shown_for_a_day_and_not_told(self) -> None:
        world = World()
        runs = {"now": 1, "before": 23, "long ago": 25}
        for name, hours in runs.items():
            ended = START - timedelta(hours=hours)
            world.say({"run_id": name, "status": "failed", "ended": ended}, change=False)
        world.watch.scanned("s")
        world.look()
        assert world.wrong() == {("now", "crashed"), ("before", "crashed")}
        assert not world.told


class TestDisk:
    @pytest.mark.parametrize(
        ("uri", "path"),
        [
            ("/data/mlruns", "/data/mlruns"),
            ("file:///data/ml%20runs", "/data/ml runs"),
            ("sqlite:////data/mlflow.db", "/data/mlflow.db"),
            ("sqlite:///mlflow.db", "mlflow.db"),
            ("https://example.org/x", None),
            ("postgresql://h/x", None),
            ("wandb://team/project", None),
        ],
    )
    def test_where_a_source_is(self, uri: str, path: str | None) -> None:
        assert local_path(uri) == path

    def test_full_and_free_again(self, world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs.tui.health.watch.local_path", local_path)
        world.store.uri = str(tmp_path)
        free = [100]

        class Room:
            f_frsize, f_blocks = 10**9, 1000

            @property
            def f_bavail(self) -> int:
                return free[0]

        monkeypatch.setattr("os.statvfs", lambda path: Room())
        for left, wrong in ((100, False), (15, True), (14, True), (22, True), (25, False), (15, True)):
            free[0] = left
            world.pass_time(65, wall=0)
            assert (("", "disk") in world.wrong()) == wrong
            world.log("r", 1.0)
        assert world.told == [("", "disk")] * 2
