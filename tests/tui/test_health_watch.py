"""The watch over the health of runs, told by hand, with clocks that go as the test says."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.message import Message

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.analysis.health import Event, Finding, judge_points
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.capabilities import Details, LogFile, LogPart
from tui_runs.config import Config
from tui_runs.display import HOSTILE
from tui_runs.errors import ArtifactError, SourceLostError
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.workspace import Workspace
from tui_runs.machine.paths import local_path
from tui_runs.machine.readings import Space
from tui_runs.schema import DETAILS, HISTORY, METRICS, PARAMS, RUNS, TIME, conform, empty
from tui_runs.sources.discover import find
from tui_runs.tui.health import board as board_module
from tui_runs.tui.health.board import HealthBoard
from tui_runs.tui.health.curves import MOST_POINTS, RunCurves
from tui_runs.tui.health.desk import HealthDesk
from tui_runs.tui.health.logs import read_last_words
from tui_runs.tui.health.reader import HealthReader, Tell
from tui_runs.tui.health.watch import LOOK_SECONDS, MOST_RUNS, Findings, HealthWatch
from tui_runs.tui.messages import HealthRead, ReaderFailed

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
        read = self.watch.read() if self.watch.due else ()
        found = [*self.watch.look(), *(one for one in read if one is not None)]
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

    @pytest.mark.parametrize("back", [Change(), Change(RunBatch(*map(empty, (RUNS, PARAMS, PARAMS, METRICS))))])
    def test_nor_do_the_last_seconds_without_the_store(self, world: World, back: Change) -> None:
        world.watch.lost("s")
        world.ticks += 15
        world.watch.take_change("s", back)
        world.pass_time(590)
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
        silence = 0.0
        for seconds, wall, writes in steps:
            world.pass_time(seconds, wall=wall)
            silence += seconds
            if silence > 600 + 2 * LOOK_SECONDS:
                assert ("r", "stale") in world.wrong()
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

    def test_a_run_that_is_resumed_and_well_again(self, world: World) -> None:
        bad = [*[10.0] * 10, *[1.0] * 30, *[20.0] * 30]
        world.log("r", *bad)
        world.look()
        world.say({"run_id": "r", "status": "failed"})
        world.look()
        assert ("r", "diverging") in world.wrong()
        world.store.points["r", "loss"] = [10.0] * 10 + [1.0] * 30  # from the checkpoint on
        world.say({"run_id": "r", "status": "running"})
        world.look()
        assert not world.wrong()
        assert RunKey("s", "r") not in world.board.signs

    def test_runs_do_not_take_turns_in_being_watched(self) -> None:
        world = World()
        names = [f"r{at}" for at in range(5 * MOST_RUNS)]
        for name in names:
            world.store.points[name, "loss"] = [1.0]
        world.say(*[{"run_id": name, "status": "running"} for name in names], change=False)
        world.watch.scanned("s")
        world.look()
        luck = Random(0)
        for _ in range(10):
            world.wall += timedelta(seconds=1)
            for name in luck.sample(names, len(names)):
                world.wall += timedelta(milliseconds=1)
                world.log(name, 0.5)
            world.look()
        assert len({asked for (asked,) in world.store.asked}) == MOST_RUNS
        assert world.store.sent == 11 * MOST_RUNS

    def test_one_that_falls_silent_gives_its_place_away(self) -> None:
        world = World(HealthRules(stale_after=30))
        names = [f"r{at}" for at in range(MOST_RUNS + 1)]
        for name in names:
            world.store.points[name, "loss"] = [1.0]
        world.say(*[{"run_id": name, "status": "running"} for name in names], change=False)
        world.watch.scanned("s")
        world.look()
        watched = {asked for (asked,) in world.store.asked}
        (other,) = set(names) - watched
        world.pass_time(60)
        world.log(other, math.nan)
        world.look()
        assert (other, "nan") in world.wrong()

    def test_what_is_found_does_not_wait_for_the_next_read(self, world: World) -> None:
        for name in ("a", "b"):
            world.store.points[name, "loss"] = [math.nan]
        world.say({"run_id": "a", "status": "running"}, {"run_id": "b", "status": "running"})
        asked = []
        for one in world.watch.read():
            asked.append((len(world.store.asked), one is None))
        # None, then the read and what it found, and None again before the next read.
        assert asked == [(1, True), (2, False), (2, True), (3, False)]

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


class Trained:
    """A source of one curve that is written in numpy: a million points are read at once."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def history(self, run_ids: Sequence[str], metrics: Sequence[str], cursor: Cursor) -> History:
        first = cursor.get(("r", "loss"), 0)
        values = self.values[first : first + 7_777]
        end = first + len(values)
        frame = pl.DataFrame({"run_id": "r", "key": "loss", "step": np.arange(first, end), "value": values})
        return History(conform(frame, HISTORY), {("r", "loss"): end}, end == len(self.values))


class TestLongCurvesAreJudgedAsTheyAreWhole:
    STEPS = np.arange(1_000_000)
    NOISE = np.random.default_rng(0).normal(0, 0.1, len(STEPS))
    FALLS = 0.3 + 3 * (1.0 + STEPS) ** -0.15

    def judged(self, values: np.ndarray, *, steps: bool = True) -> tuple[list[Finding], list[Finding]]:
        """What is found in a curve as it is held, and as it is."""
        held = RunCurves(Trained(values), "r").read(["loss"], lambda: False)["loss"]  # type: ignore[arg-type]
        assert held.height <= MOST_POINTS
        whole = pl.DataFrame({"place": self.STEPS, "step": self.STEPS, "value": values}).with_columns(
            time=pl.lit(None, TIME)
        )
        curves = [one if steps else one.with_columns(step=pl.lit(None, pl.Int64)) for one in (held, whole)]
        one, other = (judge_points({"loss": curve}, {"loss": "lower"}, HealthRules()) for curve in curves)
        assert [(found.kind, found.over) for found in one] == [(found.kind, found.over) for found in other]
        return one, other

    def test_what_still_falls(self) -> None:
        assert self.judged(self.FALLS + self.NOISE) == ([], [])

    def test_noise_around_nothing(self) -> None:
        (found,), _ = self.judged(self.NOISE)
        assert found.kind == "plateau"

    def test_a_plateau(self) -> None:
        fast = 2 + 8 * np.exp(-self.STEPS / 20_000) + self.NOISE
        (held,), (whole,) = self.judged(fast)
        assert held.kind == "plateau"
        assert "500,000 points since step 500,000" in whole.sentence
        since = int(held.sentence.partition("since step ")[2].split()[0].replace(",", ""))
        assert 500_000 <= since < 501_024
        assert f"{1_000_000 - since:,} points since" in held.sentence

    def test_diverging(self) -> None:
        values = self.FALLS + self.NOISE
        values[-100:] += 5
        (held,), (whole,) = self.judged(values)
        assert held.kind == "diverging"
        assert held.sentence.partition(",")[0] == whole.sentence.partition(",")[0]

    def test_nan_since_a_point(self) -> None:
        values = self.FALLS + self.NOISE
        values[100_000:] = math.nan
        (held, *_), (whole, *_) = self.judged(values, steps=False)
        assert held == whole
        assert held.sentence == "loss is NaN since point 100,001"

    def test_nan_for_a_while(self) -> None:
        values = self.FALLS + self.NOISE
        values[100_000:700_000] = math.nan
        (held,), _ = self.judged(values, steps=False)
        assert held.sentence.startswith("loss was NaN at point 100,001, and is finite again since point 700,0")


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

    @pytest.mark.parametrize(("hours", "news"), [(1, True), (25, False)])
    def test_old_failures_that_appear_are_no_news(self, world: World, hours: float, news: bool) -> None:
        """Copied from another machine, say, while the app is open."""
        world.say({"run_id": "copied", "status": "failed", "ended": START - timedelta(hours=hours)})
        world.look()
        assert world.told == [("copied", "crashed")] * news
        world.say({"run_id": "r", "status": "failed", "ended": START - timedelta(hours=hours)})
        world.look()
        assert world.told[-1:] == [("r", "crashed")]  # that was running a moment ago

    def test_one_that_is_removed_before_its_log_was_read(self, world: World) -> None:
        world.say({"run_id": "r", "status": "failed"})
        world.watch.take_change("s", Change(removed=["r"]))
        world.look()
        assert not world.told

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


class Room:
    """What a file system of a terabyte says, of which so many gigabytes are free."""

    f_frsize, f_blocks = 10**9, 1000

    def __init__(self, free: list[int]) -> None:
        self.f_bavail = self.f_bfree = free[0]


class TestDisk:
    def stores(
        self, places: Mapping[str, tuple[Path, HealthRules]], free: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], list[tuple[str, str, bool]]]:
        """Looks a minute later: what is said, by which source, and whether it is news."""
        monkeypatch.setattr("tui_runs.tui.health.watch.local_path", local_path)
        monkeypatch.setattr("os.statvfs", lambda path: Room(free))
        monkeypatch.setattr("tui_runs.tui.health.disks._WAIT_SECONDS", 30.0)
        sources = {}
        for name, (place, rules) in places.items():
            store = Store()
            store.uri = str(place)
            sources[name] = store, rules
        ticks = [0.0]
        watch = HealthWatch(sources, lambda: START, lambda: ticks[0])  # type: ignore[arg-type]

        def look() -> list[tuple[str, str, bool]]:
            ticks[0] += 61
            return [(one.run.source, "".join(event.sentence for event in one.events), one.news) for one in watch.look()]

        return look

    def test_full_and_free_again(self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        free = [100]
        look, board, told = self.stores({"s": (tmp_path, HealthRules())}, free, monkeypatch), HealthBoard(), []
        for left, full in ((100, False), (15, True), (14, True), (22, True), (25, False), (15, True)):
            free[0] = left
            for source, sentence, news in look():
                events = (Event("disk", source, "", sentence),) if sentence else ()
                told += board.take(Findings(RunKey(source, ""), ("disk",), events, news), START)
            assert any(not entry.event.over for _, entry in board.entries) == full
            if full:
                assert f"nearly full: {left}" in board.entries[0][1].event.sentence
        assert len(told) == 2

    def test_each_store_by_its_own_rules_and_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        free, places = [500], {}
        for name, limit in (("a", 20), ("b", 200), ("c", 200)):
            (tmp_path / name).mkdir()
            places[name] = tmp_path / name, HealthRules(disk_gb=limit, disk_share=1.0)
        look = self.stores(places, free, monkeypatch)
        assert look() == []
        free[0] = 150
        ((source, sentence, news),) = look()
        assert (source, news) == ("b", True)
        assert "150" in sentence
        free[0] = 10  # the one that said it says on how it is
        assert [source for source, _, _ in look()] == ["b"]
        free[0] = 900
        assert look() == [("b", "", True)]

    def test_one_that_does_not_answer_holds_nobody_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = threading.Event()
        look = self.stores({"s": (tmp_path, HealthRules())}, [1], monkeypatch)
        monkeypatch.setattr("tui_runs.tui.health.disks._WAIT_SECONDS", 0.0)
        monkeypatch.setattr("tui_runs.machine.readings._FIRST_WAIT", 0.0)
        monkeypatch.setattr("tui_runs.machine.readings._space", lambda path: answer.wait(30) and Space(0, 1))
        assert look() == []
        assert look() == []
        answer.set()


class TestReader:
    """The thread around the watch."""

    @pytest.fixture
    def posted(self) -> queue.Queue[Message]:
        return queue.Queue()

    def begin(self, store: Store, posted: queue.Queue[Message], *first: Tell) -> HealthReader:
        """Is told of runs a and b, which are NaN, after what is to be told first."""
        for name in ("a", "b"):
            store.points[name, "loss"] = [math.nan]
        runs = conform(pl.DataFrame([{"run_id": name, "status": "running"} for name in "ab"]), RUNS)
        rows = pl.DataFrame([{"run_id": name, "key": "loss", "last": math.nan} for name in "ab"])
        batch = RunBatch(runs, empty(PARAMS), empty(PARAMS), conform(rows, METRICS))
        reader = HealthReader({"s": (store, HealthRules())}, lambda: START, posted.put)  # type: ignore[dict-item]
        for tell in first:
            reader.tell(tell)
        reader.tell(lambda watch: watch.take("s", batch))
        reader.tell(lambda watch: watch.scanned("s"))
        reader.start()
        return reader

    def test_what_fails_loses_nothing_else_that_was_told(self, posted: queue.Queue[Message]) -> None:
        def fail(watch: HealthWatch) -> None:
            raise RuntimeError("odd batch")

        reader = self.begin(Store(), posted, fail, fail)
        failed = posted.get(timeout=30)
        assert isinstance(failed, ReaderFailed)
        assert "odd batch" in failed.details
        found = set()
        while found < {"a", "b"}:
            read = posted.get(timeout=30)
            assert isinstance(read, HealthRead)
            found |= {one.run.run_id for one in read.findings if one.events}
        reader.close()
        reader.join(30)

    def test_what_is_found_is_said_before_the_next_read(self, posted: queue.Queue[Message]) -> None:
        class Slow(Store):
            def history(
                self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
            ) -> History:
                if self.asked:
                    assert said.wait(30)
                return super().history(run_ids, metrics, cursor)

        said = threading.Event()
        reader = self.begin(Slow(), posted)
        read = posted.get(timeout=30)
        assert isinstance(read, HealthRead)
        assert [event.kind for one in read.findings for event in one.events] == ["nan"]
        said.set()
        assert isinstance(posted.get(timeout=30), HealthRead)
        reader.close()
        reader.join(30)


class TestDesk:
    def test_what_is_found_of_a_run_that_is_gone_is_not_listed(self) -> None:
        desk = HealthDesk(Workspace(now=lambda: START), Config(), lambda message: None, lambda text: None)
        for run_id in ("gone", ""):
            event = Event("disk", "s", run_id, "it is full")
            desk.take(HealthRead([Findings(RunKey("s", run_id), ("disk",), (event,), news=False)]))
        assert [key.run_id for key, _ in desk.board.entries] == [""]
        desk.close()


class TestBoard:
    def test_of_a_flood_the_newest_are_kept_and_they_are_sorted_now_and_then(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board, sorts = HealthBoard(), []
        counted = lambda *what, **how: sorts.append(1) or sorted(*what, **how)  # noqa: E731
        monkeypatch.setattr(board_module, "sorted", counted, raising=False)
        for at in range(2500):
            event = Event("crashed", "s", f"r{at}", "failed", START + timedelta(seconds=at))
            board.take(Findings(RunKey("s", f"r{at}"), ("crashed",), (event,), news=False), START)
        assert len(sorts) == 3
        kept = [key.run_id for key, _ in board.entries]
        assert kept == [f"r{at}" for at in range(2499, 2499 - len(kept), -1)]
        assert 1800 <= len(kept) <= 2000

    def test_a_change_without_runs_that_are_gone_changes_nothing(self) -> None:
        board = HealthBoard()
        before = board.version
        board.forget("s", ())
        assert board.version == before
