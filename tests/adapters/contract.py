"""One suite that every adapter passes.

Subclass `AdapterContract`, name the adapter, and give the three fixtures at its top; what an adapter's store cannot
do at all (be truncated, say) its `StoreWriter` skips.

    class TestOurs(AdapterContract):
        adapter_class = OurAdapter

        @pytest.fixture
        def empty(self, tmp_path): return OurWriter(tmp_path / "store")
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import pytest

from tests.adapters.ledger import DEADLINE, Following, Ledger, read_all, read_history, snapshot
from tests.adapters.metric_truth import Point, same, truth_of
from tui_runs.adapter import Adapter, Focus, Match, Option, Source
from tui_runs.errors import LocationError, SourceLostError

Points = Sequence[Point]

NAN, INF = float("nan"), float("inf")
LOSS = [Point(step, 1_700_000_000_000 + 1000 * step, 1.0 / (step + 1)) for step in range(50)]
ODD = [
    Point(0, 1_700_000_000_000, NAN),
    Point(3, 1_700_000_003_000, INF),
    Point(1, 1_700_000_001_000, -2.5),
    Point(1, 1_700_000_001_500, 1e22),
    Point(3, 1_700_000_003_000, -INF),
]

ODD_LOCATIONS = {
    "empty": "",
    "NUL": "\0",
    "NUL inside": "a\0b",
    "very long": "x" * 100_000,
    "very long path": "/x" * 100_000,
    "surrogate": "\ud800",
    "undecodable": os.fsdecode(b"\xff\xfe"),
    "newline": "a\nb",
    "http": "http://localhost:5000",
    "half an IPv6 URL": "http://[",
    "file URL, odd host": "file://[/x",
    "file URL with NUL": "file:///%00",
    "file URL without path": "file:",
    "separator alone": "://",
    "unknown scheme": "gopher://runs/1",
    "bucket": "s3://bucket/mlruns",
    "home of nobody": "~nobody-at-all/x",
    "device": os.devnull,
    "missing": "/nonexistent/at all",
    "this file": __file__,
    "its directory": os.path.dirname(__file__),
    "root": "/",
}


class NewRun(NamedTuple):
    """A run that is to be written."""

    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, Points]
    status: str


class StoreWriter(ABC):
    """Writes a store as the tool writes it. What its format does not know, it skips."""

    location: str
    """What the adapter is to open."""
    root: Path
    """The file or directory that holds all of it, for what must stay untouched; and to be moved away."""

    def add_run(
        self,
        name: str,
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, Points] | None = None,
        status: str = "running",
    ) -> str:
        """Write a new run; the run id under which the source is to show it."""
        return self.write_run(NewRun(name, params or {}, tags or {}, metrics or {}, status))

    @abstractmethod
    def write_run(self, run: NewRun) -> str:
        """What `add_run` does."""

    @abstractmethod
    def append(self, run_id: str, key: str, points: Points) -> None:
        """Log more points."""

    def append_half(self, run_id: str, key: str, point: Point) -> Callable[[], None]:
        """Write the beginning of a point, as a writer does that is interrupted; returns what writes the rest."""
        self._cannot("be half written")

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._cannot("change a tag")

    def set_status(self, run_id: str, status: str) -> None:
        self._cannot("change a status")

    def remove_run(self, run_id: str) -> None:
        self._cannot("remove a run")

    def rewrite(self, run_id: str, key: str, points: Points) -> None:
        """Replace a metric by fewer points than it had."""
        self._cannot("be truncated")

    def break_run(self, run_id: str) -> Callable[[], None]:
        """Damage a run so that nothing of it can be shown; returns what repairs it."""
        self._cannot("be broken")

    def hide_part(self, run_id: str) -> Path:
        """Take the right to read some file of a run away, one without which the run can still be shown."""
        self._cannot("have an unreadable part")

    def lose(self) -> Callable[[], None]:
        """Move the store away; returns what brings it back."""
        away = self.root.with_name(self.root.name + ".away")
        self.root.rename(away)

        def bring_back() -> None:
            away.rename(self.root)

        return bring_back

    @staticmethod
    def _cannot(what: str) -> NoReturn:
        pytest.skip(f"a store of this kind cannot {what}")


class AdapterContract:
    """See the module."""

    adapter_class: type[Any]
    sorts_by_time: ClassVar[bool] = False
    """The store keeps no order of writing, and gives the points of a series by time."""
    options: Mapping[str, Any] = {}
    heavy_modules: tuple[str, ...] = ("polars", "textual", "watchfiles", "mlflow", "wandb", "yaml", "numpy")
    """What importing the adapter's module must not import."""

    # ------------------------------------------------------------------ what a subclass gives

    @pytest.fixture
    def empty(self) -> StoreWriter:
        """A store without any run."""
        raise NotImplementedError

    @pytest.fixture
    def many(self) -> StoreWriter:
        """A store of at least 80 runs, the last one added being named "newest"."""
        raise NotImplementedError

    @pytest.fixture
    def small_budget(self) -> None:
        """Make one call of `history` read less than 200 points; without effect where that cannot be set."""
        pytest.skip("the budget cannot be made small")

    # ------------------------------------------------------------------ tools

    @pytest.fixture
    def adapter(self) -> Adapter:
        made: Adapter = self.adapter_class()
        return made

    @pytest.fixture
    def opened(self, adapter: Adapter) -> Iterator[Callable[[StoreWriter], Source]]:
        """Opens stores, and closes them at the end."""
        sources: list[Source] = []

        def open_store(writer: StoreWriter) -> Source:
            sources.append(adapter.open(writer.location, self.options))
            return sources[-1]

        yield open_store
        for source in sources:
            source.close()

    @pytest.fixture
    def follow(self) -> Iterator[Callable[..., Following]]:
        """Scans a source and follows it; at the end of the test it is closed and must have ended."""
        started: list[tuple[Source, Following]] = []

        def start(source: Source, ledger: Ledger | None = None, focus: Focus | None = None) -> Following:
            ledger = read_all(source) if ledger is None else ledger
            started.append((source, Following(source, ledger, focus or Focus())))
            return started[-1][1]

        yield start
        for source, following in started:
            source.close()
            following.ends()

    # ------------------------------------------------------------------ the adapter itself

    def test_keeps_the_protocol(self, adapter: Adapter, empty: StoreWriter, opened: Any) -> None:
        assert isinstance(adapter, Adapter)
        for option in adapter.options:
            assert isinstance(option, Option)
            assert option.name == option.name.lower()
            assert option.help.strip()
            assert " " not in option.name
            assert "_" not in option.name
        source = opened(empty)
        assert isinstance(source, Source)
        assert source.kind.strip()
        assert source.uri.strip()

    def test_is_registered_under_its_name(self, adapter: Adapter) -> None:
        points = entry_points(group="tui_runs.adapters", name=adapter.name)
        assert [point.load() for point in points] == [self.adapter_class]

    def test_importing_its_module_is_light(self) -> None:
        code = f"import sys, {self.adapter_class.__module__}; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        assert loaded.isdisjoint(self.heavy_modules)

    def test_match_recognises_its_store(self, adapter: Adapter, many: StoreWriter) -> None:
        match = adapter.match(many.location)
        assert isinstance(match, Match)
        assert match.reason.strip()
        assert 0.0 < match.certainty <= 1.0

    def test_match_recognises_its_empty_store(self, adapter: Adapter, empty: StoreWriter) -> None:
        assert adapter.match(empty.location) is not None

    def test_match_claims_nothing_else(self, adapter: Adapter, tmp_path: Path) -> None:
        (tmp_path / "unrelated" / "directory").mkdir(parents=True)
        (tmp_path / "unrelated" / "file.txt").write_text("nothing")
        for path in (tmp_path / "unrelated", tmp_path / "unrelated" / "file.txt", tmp_path / "not there"):
            assert adapter.match(str(path)) is None

    @pytest.mark.parametrize("location", ODD_LOCATIONS.values(), ids=ODD_LOCATIONS.keys())
    def test_match_never_raises(self, adapter: Adapter, location: str) -> None:
        assert isinstance(adapter.match(location), Match | None)

    @pytest.mark.parametrize("kind", ["missing", "NUL", "undecodable", "this file", "half an IPv6 URL", "very long"])
    def test_open_says_why_it_cannot(self, adapter: Adapter, kind: str) -> None:
        with pytest.raises(LocationError) as caught:
            adapter.open(ODD_LOCATIONS[kind], {})
        assert caught.value.message.strip()
        assert caught.value.remedy.strip()
        assert caught.value.exit_code == 2

    # ------------------------------------------------------------------ scan

    def test_empty_store_has_no_runs(self, empty: StoreWriter, opened: Any) -> None:
        source = opened(empty)
        ledger = read_all(source)
        assert ledger.state() == {}
        assert ledger.problems == {}
        points, _, answers = read_history(source, [])
        assert points == {}
        assert answers[-1].complete

    def test_scan_tells_what_was_written(self, empty: StoreWriter, opened: Any) -> None:
        params = {"lr": "3e-4", "layers.0 width": "64", "empty": "", "lines": "a\nb\n", "λ": "naïve ✓"}
        tags = {"team": "vision", "odd key": "x = 'y'"}
        run_id = empty.add_run("one", params=params, tags=tags, metrics={"loss": LOSS, "odd": ODD}, status="finished")
        bare = empty.add_run("bare")
        ledger = read_all(opened(empty))
        assert ledger.runs.keys() == {run_id, bare}
        run = ledger.runs[run_id]
        assert (run["name"], run["status"]) == ("one", "finished")
        assert ledger.runs[bare]["status"] == "running"
        assert ledger.runs[bare]["ended"] is None
        assert run["started"] <= run["ended"]
        assert ledger.params_of(run_id) == params
        assert tags.items() <= ledger.tags_of(run_id).items()
        assert ledger.params_of(bare) == {}
        assert {key for _, key in ledger.metrics} == {"loss", "odd"}
        for key, points in (("loss", LOSS), ("odd", ODD)):
            said, truth = ledger.metrics[run_id, key], truth_of(points)
            for name in ("last", "last_step", "min", "min_step", "max", "max_step", "count"):
                assert same(said[name], getattr(truth, name)), (key, name)
            assert said["last_time"].timestamp() * 1000 == truth.last_ms
            assert said["exact"] is True
        assert ledger.problems == {}

    def test_first_batch_is_small_and_has_the_newest_run(self, many: StoreWriter, opened: Any) -> None:
        batches = list(opened(many).scan())
        ledger = Ledger(batches)
        assert len(ledger.runs) >= 80
        assert 1 <= batches[0].runs.height <= 64
        assert batches[0].runs.height < len(ledger.runs)
        assert "newest" in batches[0].runs["name"].to_list()
        assert all(batch.total in (None, len(ledger.runs)) for batch in batches)

    def test_run_ids_are_unique_over_all_batches(self, many: StoreWriter, opened: Any) -> None:
        run_ids = [run_id for batch in opened(many).scan() for run_id in batch.runs["run_id"]]
        assert len(run_ids) == len(set(run_ids))

    def test_scanning_again_says_the_same(self, many: StoreWriter, opened: Any) -> None:
        source = opened(many)
        assert read_all(source).state() == read_all(source).state() == read_all(opened(many)).state()

    def test_one_broken_run_is_one_problem_and_loses_no_other(self, many: StoreWriter, opened: Any) -> None:
        before = read_all(opened(many))
        victim = before.named("newest")[0]["run_id"]
        many.break_run(victim)
        after = read_all(opened(many))
        assert after.runs.keys() == before.runs.keys() - {victim}
        assert {key for key in after.params if key[0] != victim} == {key for key in before.params if key[0] != victim}
        assert len(after.problems) == 1
        problem = next(iter(after.problems.values()))
        assert many.root.name in problem.uri

    def test_unreadable_part_is_one_problem_and_loses_no_other(self, empty: StoreWriter) -> None:
        """In a process of its own that is not root's: root may read everything."""
        others = [empty.add_run(f"run {i}", params={"lr": "1"}, metrics={"loss": LOSS}) for i in range(3)]
        hidden = empty.hide_part(others[1])
        answer = scan_as_nobody(self.adapter_class, empty)
        assert sorted(answer["runs"]) == sorted(others)
        assert [uri for uri, _, _ in answer["problems"]] == [answer["prefix"] + str(hidden.relative_to(empty.root))]
        _, what, remedy = answer["problems"][0]
        assert "denied" in what
        assert remedy

    def test_cancelled_scan_leaves_nothing_behind(self, many: StoreWriter, opened: Any) -> None:
        source = opened(many)
        before = set(threading.enumerate())
        scan = source.scan()
        next(scan)
        scan.close()
        assert set(threading.enumerate()) <= before
        assert len(read_all(source).runs) >= 80

    def test_close_ends_a_scan(self, many: StoreWriter, opened: Any) -> None:
        total = len(read_all(opened(many)).runs)
        source = opened(many)
        seen: list[int] = []
        first, closed, ended = threading.Event(), threading.Event(), threading.Event()

        def scan() -> None:
            for batch in source.scan():
                seen.append(batch.runs.height)
                first.set()
                closed.wait(DEADLINE)
            ended.set()

        thread = threading.Thread(target=scan, daemon=True)
        thread.start()
        assert first.wait(DEADLINE)
        source.close()
        closed.set()
        assert ended.wait(DEADLINE)
        thread.join(DEADLINE)
        assert sum(seen) < total
        source.close()

    # ------------------------------------------------------------------ history

    def test_history_is_every_point_as_it_was_written(self, empty: StoreWriter, opened: Any) -> None:
        odd = sorted(ODD, key=lambda point: (point.ms, point.step, point.value)) if self.sorts_by_time else ODD
        one = empty.add_run("one", metrics={"loss": LOSS, "odd": ODD})
        two = empty.add_run("two", metrics={"loss": LOSS[:3]})
        source = opened(empty)
        read_all(source)
        points, _, _ = read_history(source, [one, two])
        assert_points(points, {(one, "loss"): LOSS, (one, "odd"): odd, (two, "loss"): LOSS[:3]})
        points, _, _ = read_history(source, [one], ["odd", "no such metric"])
        assert_points(points, {(one, "odd"): odd})

    def test_unknown_runs_and_metrics_have_no_points(self, empty: StoreWriter, opened: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS})
        source = opened(empty)
        read_all(source)
        for asked in (["no such run"], [""], ["../.."], ["\0"], []):
            points, _, answers = read_history(source, asked)
            assert points == {}
            assert len(answers) == 1
        assert read_history(source, [run_id], [])[0] == {}
        points, _, _ = read_history(source, ["no such run", run_id])
        assert_points(points, {(run_id, "loss"): LOSS})

    def test_history_comes_in_pieces(self, empty: StoreWriter, opened: Any, small_budget: None) -> None:
        lots = [Point(i, 1_700_000_000_000 + i, i / 7) for i in range(1000)]
        runs = [empty.add_run(f"run {i}", metrics={"a": lots, "b": lots[:10]}) for i in range(3)]
        source = opened(empty)
        read_all(source)
        points, cursor, answers = read_history(source, runs)
        assert len(answers) > 3
        assert all(answer.frame.height <= 200 for answer in answers)
        assert not any(answer.restarted for answer in answers)
        expected = {(run, key): part for run in runs for key, part in (("a", lots), ("b", lots[:10]))}
        assert_points(points, expected)
        assert cursor.keys() == expected.keys()

    def test_cursor_goes_on_with_exactly_what_is_new(self, empty: StoreWriter, opened: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:20], "odd": ODD})
        other = empty.add_run("two", metrics={"loss": LOSS})
        source = opened(empty)
        read_all(source)
        _, cursor, _ = read_history(source, [run_id, other])
        points, cursor, _ = read_history(source, [run_id, other], cursor=cursor)
        assert points == {}
        empty.append(run_id, "loss", LOSS[20:35])
        empty.append(run_id, "new metric", LOSS[:2])
        points, cursor, answers = read_history(source, [run_id, other], cursor=cursor)
        assert_points(points, {(run_id, "loss"): LOSS[20:35], (run_id, "new metric"): LOSS[:2]})
        assert not any(answer.restarted for answer in answers)
        empty.append(run_id, "loss", LOSS[35:])
        points, _, _ = read_history(source, [run_id], ["loss"], cursor)
        assert_points(points, {(run_id, "loss"): LOSS[35:]})

    def test_half_written_point_waits_for_its_end(self, empty: StoreWriter, opened: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:20]})
        finish = empty.append_half(run_id, "loss", LOSS[20])
        source = opened(empty)
        ledger = read_all(source)
        assert ledger.count(run_id, "loss") == 20
        points, cursor, answers = read_history(source, [run_id])
        assert_points(points, {(run_id, "loss"): LOSS[:20]})
        assert answers[-1].complete
        finish()
        points, _, _ = read_history(source, [run_id], cursor=cursor)
        assert_points(points, {(run_id, "loss"): LOSS[20:21]})

    def test_truncated_series_is_restarted(self, empty: StoreWriter, opened: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS, "odd": ODD})
        source = opened(empty)
        read_all(source)
        _, cursor, _ = read_history(source, [run_id])
        empty.rewrite(run_id, "loss", LOSS[:3])
        points, _, answers = read_history(source, [run_id], cursor=cursor)
        assert frozenset().union(*(answer.restarted for answer in answers)) == {(run_id, "loss")}
        assert_points(points, {(run_id, "loss"): LOSS[:3]})

    def test_vanished_run_has_no_points_any_more(self, empty: StoreWriter, opened: Any) -> None:
        one = empty.add_run("one", metrics={"loss": LOSS})
        two = empty.add_run("two", metrics={"loss": LOSS})
        source = opened(empty)
        read_all(source)
        empty.remove_run(one)
        points, _, _ = read_history(source, [one, two])
        assert_points(points, {(two, "loss"): LOSS})

    # ------------------------------------------------------------------ follow

    @pytest.mark.parametrize("poll", [None, 0.05], ids=["events", "polling"])
    def test_follow_reports_what_happens(
        self, empty: StoreWriter, opened: Any, follow: Any, poll: float | None
    ) -> None:
        stays = empty.add_run("stays", metrics={"loss": LOSS[:10]})
        goes = empty.add_run("goes", metrics={"loss": LOSS[:10]})
        source = opened(empty)
        following: Following = follow(source, focus=Focus(poll_seconds=poll))

        empty.append(stays, "loss", LOSS[10:20])
        following.until(lambda said: said.count(stays, "loss") == 20, "points were appended")
        empty.append(stays, "a/new one", LOSS[:1])
        following.until(lambda said: said.count(stays, "a/new one") == 1, "a metric is new")
        empty.append(stays, "a/new one", LOSS[1:2])
        following.until(lambda said: said.count(stays, "a/new one") == 2, "the point right after it")
        added = empty.add_run("added", params={"lr": "1"}, metrics={"loss": LOSS[:5]})
        following.until(lambda said: said.count(added, "loss") == 5, "a run is new")
        following.until(lambda said: said.params_of(added) == {"lr": "1"}, "its params")
        empty.set_tag(stays, "verdict", "good")
        following.until(lambda said: said.tags_of(stays).get("verdict") == "good", "a tag is new")
        empty.set_tag(stays, "verdict", "better")
        following.until(lambda said: said.tags_of(stays).get("verdict") == "better", "a tag changed")
        empty.remove_run(goes)
        following.until(lambda said: goes not in said.runs, "a run is gone")
        empty.set_status(stays, "finished")
        following.until(lambda said: said.runs[stays]["status"] == "finished", "a run has finished")
        assert following.ledger.runs[stays]["ended"] is not None
        following.until_like(opened(empty))

    def test_nothing_falls_between_scan_and_follow(self, many: StoreWriter, opened: Any, follow: Any) -> None:
        """Each change comes after the scan has read the run that it concerns, and before follow begins."""
        first = many.add_run("first", metrics={"loss": LOSS[:10]})
        second = many.add_run("second", metrics={"loss": LOSS[:10]})
        source = opened(many)
        ledger, scan = Ledger(), source.scan()
        while second not in ledger.runs or first not in ledger.runs:
            ledger.apply(next(scan))
        many.append(first, "loss", LOSS[10:])
        many.append(first, "late", ODD)
        many.set_tag(first, "late", "yes")
        for batch in scan:
            ledger.apply(batch)
        many.remove_run(second)
        late = many.add_run("late", params={"lr": "1"}, metrics={"loss": LOSS}, status="finished")
        following = follow(source, ledger)
        following.until_like(opened(many))
        assert late in following.ledger.runs
        assert second not in following.ledger.runs
        assert following.ledger.count(first, "loss") == len(LOSS)

    def test_many_changes_at_once_add_up(self, many: StoreWriter, opened: Any, follow: Any) -> None:
        source = opened(many)
        following: Following = follow(source)
        running = [many.add_run(f"burst {i}", metrics={"loss": LOSS[:1]}) for i in range(6)]
        for point in LOSS[1:12]:
            for run_id in running:
                many.append(run_id, "loss", [point])
        many.set_tag(running[0], "verdict", "good")
        many.remove_run(running[1])
        many.set_status(running[2], "failed")
        many.append(running[3], "other", ODD)
        following.until_like(opened(many))

    def test_history_goes_on_while_following(self, empty: StoreWriter, opened: Any, follow: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:1]})
        source = opened(empty)
        following: Following = follow(source)
        points, cursor, _ = read_history(source, [run_id])
        for end in range(5, 50, 5):
            empty.append(run_id, "loss", LOSS[end - 4 : end + 1])
            following.until(lambda said, count=end + 1: said.count(run_id, "loss") >= count, f"point {end}")
            new, cursor, _ = read_history(source, [run_id], cursor=cursor)
            points[run_id, "loss"] += new[run_id, "loss"]
        assert_points(points, {(run_id, "loss"): LOSS[:46]})

    def test_run_in_focus_is_watched_though_it_has_finished(self, empty: StoreWriter, opened: Any, follow: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:10]}, status="finished")
        source, focus = opened(empty), Focus()
        following: Following = follow(source, focus=focus)
        focus.run_ids = frozenset({run_id, "no such run"})
        empty.append(run_id, "loss", LOSS[10:20])
        following.until(lambda said: said.count(run_id, "loss") == 20, "points of a run in focus")
        empty.set_tag(run_id, "verdict", "good")
        following.until(lambda said: said.tags_of(run_id).get("verdict") == "good", "a tag of a run in focus")
        focus.run_ids = frozenset()
        empty.add_run("another")
        following.until(lambda said: said.named("another"), "another run")
        following.until_like(opened(empty))

    def test_following_waits_for_the_end_of_a_point(self, empty: StoreWriter, opened: Any, follow: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:10]})
        following: Following = follow(opened(empty))
        finish = empty.append_half(run_id, "loss", LOSS[10])
        empty.append(run_id, "sentinel", LOSS[:1])
        following.until(lambda said: said.count(run_id, "sentinel") == 1, "the metric written after it")
        assert following.ledger.count(run_id, "loss") == 10
        finish()
        following.until(lambda said: said.count(run_id, "loss") == 11, "the point, now that it is whole")
        following.until_like(opened(empty))

    def test_truncated_metric_is_said_anew(self, empty: StoreWriter, opened: Any, follow: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS})
        following: Following = follow(opened(empty))
        empty.append(run_id, "sentinel", LOSS[:1])
        following.until(lambda said: said.count(run_id, "sentinel") == 1, "that it follows")
        empty.rewrite(run_id, "loss", LOSS[2:5])
        following.until(lambda said: said.count(run_id, "loss") == 3, "three points only")
        following.until_like(opened(empty))

    def test_run_that_breaks_is_a_problem_until_it_is_mended(
        self, empty: StoreWriter, opened: Any, follow: Any
    ) -> None:
        run_id = empty.add_run("one", params={"lr": "1"}, metrics={"loss": LOSS[:10]})
        following: Following = follow(opened(empty))
        mend = empty.break_run(run_id)
        following.until(lambda said: said.problems, "a problem")
        assert run_id in following.ledger.runs, "the last good state is kept"
        mend()
        following.until(lambda said: not said.problems, "that it is mended")
        following.until_like(opened(empty))

    def test_run_that_breaks_and_is_removed_is_gone(self, empty: StoreWriter, opened: Any, follow: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:10]})
        following: Following = follow(opened(empty))
        empty.break_run(run_id)
        following.until(lambda said: said.problems, "a problem")
        empty.remove_run(run_id)
        following.until(lambda said: run_id not in said.runs and not said.problems, "that it is gone")

    def test_close_ends_a_follow_that_waits(self, empty: StoreWriter, opened: Any, follow: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:1]})
        source = opened(empty)
        following: Following = follow(source)
        empty.append(run_id, "loss", LOSS[1:2])
        following.until(lambda said: said.count(run_id, "loss") == 2, "that it follows")
        closers = [threading.Thread(target=source.close) for _ in range(4)]
        for closer in closers:
            closer.start()
        following.ends(within=5.0)
        for closer in closers:
            closer.join(DEADLINE)
        source.close()
        assert list(source.follow(Focus())) == []

    def test_close_before_anything_was_read(self, many: StoreWriter, opened: Any) -> None:
        source = opened(many)
        source.close()
        source.close()
        assert list(source.follow(Focus())) == []
        assert len(read_all(source).runs) < 80

    # ------------------------------------------------------------------ the store as a whole

    def test_vanished_store_is_lost(self, empty: StoreWriter, opened: Any) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS})
        source = opened(empty)
        read_all(source)
        bring_back = empty.lose()
        for ask in (
            lambda: read_all(source),
            lambda: source.history([run_id]),
            lambda: list(source.follow(Focus())),
        ):
            with pytest.raises(SourceLostError) as caught:
                ask()
            assert caught.value.message.strip()
            assert caught.value.remedy.strip()
        bring_back()
        assert read_all(source).runs.keys() == {run_id}

    def test_store_that_is_lost_and_comes_back_is_followed_on(
        self, empty: StoreWriter, opened: Any, follow: Any
    ) -> None:
        run_id = empty.add_run("one", metrics={"loss": LOSS[:10]})
        source = opened(empty)
        following: Following = follow(source)
        bring_back = empty.lose()
        following.raises(SourceLostError)
        bring_back()
        empty.append(run_id, "loss", LOSS[10:20])
        later = empty.add_run("later", metrics={"loss": LOSS[:1]})
        again: Following = follow(source, following.ledger)
        again.until(lambda said: said.count(run_id, "loss") == 20 and later in said.runs, "what happened meanwhile")
        again.until_like(opened(empty))

    def test_store_is_left_as_it_was(self, many: StoreWriter, adapter: Adapter, opened: Any, follow: Any) -> None:
        many.break_run(many.add_run("broken"))
        running = many.add_run("running", metrics={"loss": LOSS})
        before = snapshot(many.root.parent)
        adapter.match(many.location)
        source = opened(many)
        ledger = read_all(source)
        read_history(source, list(ledger.runs))
        following: Following = follow(source, ledger, Focus(run_ids=frozenset(ledger.runs)))
        assert snapshot(many.root.parent) == before
        many.append(running, "loss", ODD)  # so that it certainly has begun to follow
        during = snapshot(many.root.parent)
        assert during != before
        following.until(lambda said: said.count(running, "loss") > len(LOSS), "that it follows")
        source.close()
        following.ends()
        assert snapshot(many.root.parent) == during


def assert_points(said: Mapping[Any, Sequence[tuple[int, int, float]]], expected: Mapping[Any, Points]) -> None:
    """Compare histories, NaN being equal to NaN."""
    assert {series: list(map(repr, points)) for series, points in said.items()} == {
        series: [repr((point.step, point.ms, float(point.value))) for point in points]
        for series, points in expected.items()
    }


_AS_NOBODY = """
import importlib, json, os, pkgutil, sys
module, name, location, options = sys.argv[1:]
import polars, tui_runs.follow, tui_runs.follow.events
package = importlib.import_module(module)
for found in pkgutil.walk_packages(getattr(package, "__path__", []), module + "."):
    importlib.import_module(found.name)
adapter = getattr(package, name)()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
problems, runs = [], []
for batch in adapter.open(location, json.loads(options)).scan():
    runs += batch.runs["run_id"].to_list()
    problems += [(problem.uri, problem.what, problem.remedy) for problem in batch.problems]
print(json.dumps({"runs": runs, "problems": problems, "match": adapter.match(location) is not None}))
"""


def scan_as_nobody(adapter: type[Any], writer: StoreWriter, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Scan a copy of a store in a process without root's rights: its runs, its problems, and the copy's path prefix.

    A copy, because nobody else gets into pytest's own temporary directory. What the owner may not do, nobody may.
    """
    place = Path(tempfile.mkdtemp(prefix="tui-runs-nobody-"))
    try:
        place.chmod(0o755)
        copy = place / writer.root.name
        modes = {path.relative_to(writer.root): mode for path, mode in _open_up(writer.root)}
        shutil.copytree(writer.root, copy, symlinks=True)
        for path, mode in reversed(modes.items()):
            (copy / path).chmod((mode >> 6 & 0o7) * 0o111)
        location = writer.location.replace(str(writer.root), str(copy))
        command = [sys.executable, "-c", _AS_NOBODY, adapter.__module__, adapter.__name__, location]
        done = subprocess.run(
            [*command, json.dumps(dict(options or {}))],
            capture_output=True, text=True, timeout=60, cwd="/", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout), "prefix": f"{copy}/"}
    finally:
        list(_open_up(place))
        shutil.rmtree(place)


def _open_up(top: Path) -> Iterator[tuple[Path, int]]:
    """Everything at and below a directory with its mode; made accessible to the owner on the way."""
    mode = top.lstat().st_mode
    if stat.S_ISLNK(mode):
        return
    yield top, stat.S_IMODE(mode)
    top.chmod(stat.S_IMODE(mode) | 0o700)
    if stat.S_ISDIR(mode):
        for entry in sorted(top.iterdir()):
            yield from _open_up(entry)
