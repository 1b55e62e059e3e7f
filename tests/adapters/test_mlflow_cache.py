"""File stores that are opened again: from a snapshot, and never as they were when they are not so any more."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.contract import AdapterContract
from tests.adapters.ledger import DEADLINE, Following, Ledger, read_all, read_history, snapshot
from tests.adapters.metric_truth import Point
from tests.adapters.mlflow_stores import EXPERIMENT_META, START, HandMadeStore, MlflowWriter, run_meta
from tui_runs.adapter import Focus, OptionValue, RunBatch, Source
from tui_runs_mlflow import MlflowAdapter, cache, keeping, portions
from tui_runs_mlflow.cache import SnapshotFile
from tui_runs_mlflow.file_store import FileStore
from tui_runs_mlflow.run_batches import read_run
from tui_runs_mlflow.snapshot import Snapshot

LINES = b"".join(b"%d 0.%d %d\n" % (START + i, 9 - i, i) for i in range(4))


def saved() -> None:
    """Wait until what was read is in its file."""
    for thread in threading.enumerate():
        if thread.name == "tui-runs-mlflow-cache":
            thread.join(DEADLINE)
            assert not thread.is_alive()


def scan(root: Path, place: Path | None, **options: Any) -> list[RunBatch]:
    """The batches of a source that is opened now; with a place to keep a snapshot in, that is written too."""
    source = FileStore(str(root), cache=str(place) if place else None, **options)
    batches = list(source.scan())
    source.close()
    saved()
    return batches


def state(root: Path, place: Path | None, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """All that is shown in the end, and the problems."""
    ledger = Ledger(scan(root, place, **options))
    return ledger.state(), ledger.problems


def loaded(root: Path, place: Path) -> Snapshot:
    return SnapshotFile(str(place), str(root), None, with_deleted=False).load()


def file_in(place: Path) -> Path:
    (found,) = place.iterdir()
    return found


def wait_for_a_tick(scratch: Path) -> None:
    """Until the file system's clock has moved on, so that what is written next has another time than all before."""
    probe = scratch / "clock"
    probe.write_bytes(b"")
    before, until = probe.stat().st_ctime_ns, time.monotonic() + DEADLINE
    while probe.stat().st_ctime_ns == before:
        assert time.monotonic() < until, "the file system's clock stands still"
        probe.write_bytes(b"")


@pytest.fixture(scope="module", autouse=True)
def _every_store_is_kept() -> Iterator[None]:
    """However small it is, and however new: tests do not wait until a store has settled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping, "_MANY_FILES", 0)
        patch.setattr(keeping, "_SETTLED_NS", -(10**18))
        patch.setattr(portions, "_FIRST_BATCH", 3)
        patch.setattr(portions, "_SNAPSHOT_BATCH", 4)
        yield


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tui-runs"


@pytest.fixture
def store(tmp_path: Path) -> HandMadeStore:
    return made_store(tmp_path / "store" / "mlruns")


def made_store(root: Path) -> HandMadeStore:
    """A store of twelve runs, of which two are running."""
    store = HandMadeStore(root)
    for number, letter in enumerate("abcdefghijkl"):
        store.put_run(
            letter * 32,
            params={"lr": f"0.{number}", "a/b": "x"},
            tags={"mlflow.user": "alice", "note": "old"},
            metrics={"loss": LINES, "eval/acc": LINES[:20]},
            status=1 if letter in "bk" else 3,
        )
    return store


class Again(MlflowAdapter):
    """Opens every store a second time, with the snapshot that the first time left."""

    place: str | None = None

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        path = location.removeprefix("file://")
        if self.place is not None and os.path.isdir(path):
            scan(Path(path), Path(self.place))
        return FileStore(os.path.abspath(path), cache=self.place)


class TestContract(AdapterContract):
    adapter_class = Again

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(portions, "_FIRST_BATCH", 32)
        monkeypatch.setattr(Again, "place", str(tmp_path / "cache"))

    @pytest.fixture
    def empty(self, tmp_path: Path) -> MlflowWriter:
        return MlflowWriter(tmp_path / "store" / "mlruns")

    @pytest.fixture
    def many(self, copied_many: Path) -> MlflowWriter:
        return MlflowWriter(copied_many)

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.file_store._HISTORY_BYTES", 4000)

    # These say nothing of snapshots, and run for the adapter itself in test_mlflow_file_store.py.
    @pytest.mark.skip("only what it opens is another than MlflowAdapter's")
    def test_is_registered_under_its_name(self, adapter: Any) -> None: ...

    @pytest.mark.skip("it is the same module as MlflowAdapter's")
    def test_importing_its_module_is_light(self) -> None: ...

    @pytest.mark.skip("a process of another user cannot import this module")
    def test_unreadable_part_is_one_problem_and_loses_no_other(self, empty: Any) -> None: ...


class TestOpenedAgain:
    def test_shows_what_the_first_time_showed(self, made_rich: tuple[Path, Any], place: Path) -> None:
        root, _ = made_rich
        before = snapshot(root)
        for options in ({}, {"with_deleted": True}):
            fresh, first = frames(scan(root, None, **options)), frames(scan(root, place, **options))
            again = frames(scan(root, place, **options))
            for name, frame in fresh.items():
                assert frame.height > 5
                assert frame.equals(first[name]), name
                assert frame.equals(again[name]), name
        assert len(list(place.iterdir())) == 2
        assert snapshot(root) == before

    def test_no_file_of_a_known_run_is_opened_but_its_stamps_are_looked_at(
        self, store: HandMadeStore, place: Path
    ) -> None:
        assert len(opened_files(store.root, place)) > 12 * 7
        assert opened_files(store.root, place) == [str(store.root / "0" / "meta.yaml")]

    def test_what_was_not_looked_at_is_not_exact(self, store: HandMadeStore, place: Path) -> None:
        """The first three and those that run are looked at before they are shown."""
        scan(store.root, place)
        batches = scan(store.root, place)
        shown = pl.concat(
            [batch.metrics.filter(pl.col("run_id").is_in(batch.runs["run_id"].implode())) for batch in batches]
        )
        assert shown.height == 12 * 2
        unsure = set(shown.filter(~pl.col("exact"))["run_id"])
        first = set(batches[0].runs["run_id"])
        assert len(first) == 3
        assert unsure == {letter * 32 for letter in "acdefghijl"} - first
        assert all(row["exact"] for row in Ledger(batches).metrics.values())
        assert all(batch.total == 12 for batch in batches)

    def test_running_run_is_never_shown_as_it_was(self, store: HandMadeStore, place: Path) -> None:
        scan(store.root, place)
        with open(store.run_dir("b" * 32) / "metrics" / "loss", "ab") as file:
            file.write(b"%d 7.5 9\n" % (START + 9))
        said = pl.concat([batch.metrics for batch in scan(store.root, place)])
        lines = said.filter((pl.col("run_id") == "b" * 32) & (pl.col("key") == "loss"))
        assert lines.select("last", "count", "exact").rows() == [(7.5, 5, True)]

    def test_values_that_changed_after_the_end_of_a_run_are_said_last(self, store: HandMadeStore, place: Path) -> None:
        scan(store.root, place)
        changed = [letter * 32 for letter in "acdefghijl"]
        for run_id in changed:
            with open(store.run_dir(run_id) / "metrics" / "loss", "ab") as file:
                file.write(b"%d 7.5 9\n" % (START + 9))
        batches = scan(store.root, place)
        said = pl.concat([batch.metrics for batch in batches]).filter(pl.col("key") == "loss")
        assert said.filter(pl.col("exact") & pl.col("run_id").is_in(changed))["last"].unique().to_list() == [7.5]
        ledger = Ledger(batches)
        assert {ledger.metrics[run_id, "loss"]["last"] for run_id in changed} == {7.5}

    def test_removed_run_is_not_shown_at_all(self, store: HandMadeStore, place: Path) -> None:
        scan(store.root, place)
        store.remove_run("e" * 32)
        batches = scan(store.root, place)
        assert all("e" * 32 not in batch.runs["run_id"] for batch in batches)
        assert len(loaded(store.root, place)) == 11

    def test_run_with_a_problem_is_read_every_time(self, store: HandMadeStore, place: Path) -> None:
        (store.run_dir("d" * 32) / "metrics" / "loss").write_bytes(LINES + b"nonsense\n")
        (store.run_dir("e" * 32) / "params" / "lr").write_bytes(b"\xff")
        fresh = state(store.root, None)
        assert len(fresh[1]) == 2
        for _ in range(3):
            assert state(store.root, place) == fresh
        assert len(loaded(store.root, place)) == 10

    @pytest.mark.parametrize("newest", [True, False])
    def test_twin_is_told_of_every_time(self, store: HandMadeStore, place: Path, newest: bool) -> None:
        scan(store.root, place)
        copy = store.run_dir("d" * 32).with_name("copy")
        shutil.copytree(store.run_dir("d" * 32), copy)
        os.utime(copy, None if newest else (1, 1))
        fresh = state(store.root, None)
        assert len(fresh[1]) == 1
        assert [state(store.root, place) for _ in range(2)] == [fresh, fresh]

    def test_long_files_are_read_once(self, store: HandMadeStore, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.run_batches.WHOLE_FILE", 30)
        monkeypatch.setattr("tui_runs_mlflow.run_batches._TAIL", 30)
        fresh = state(store.root, None)
        scan(store.root, place)
        assert len(loaded(store.root, place)) == 12
        monkeypatch.setattr(portions, "read_run", None)
        assert state(store.root, place) == fresh

    def test_history_and_following_go_on_as_otherwise(self, store: HandMadeStore, place: Path) -> None:
        assert elsewhere(store, place).wait(60) == 0
        source = FileStore(str(store.root), cache=str(place))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(portions, "read_run", None)  # all of it comes from the snapshot
            ledger = read_all(source)
        fresh = FileStore(str(store.root))
        read_all(fresh)
        run_ids = sorted(ledger.runs)
        assert read_history(source, run_ids)[0] == read_history(fresh, run_ids)[0]
        following = Following(source, ledger, Focus(frozenset({"c" * 32})))
        try:
            following.until(lambda said: following.changes, "that nothing has changed")
            first = following.changes[0]
            assert (first.batch, first.removed) == (None, ()), "a run is said anew that is the same"
            assert all(uri.startswith("/proc/sys/fs/inotify/") for uri in first.mended)  # what another follower said
            for run_id in ("b" * 32, "c" * 32):
                store.append(run_id, "loss", [Point(9, START + 9, 0.25)])
            store.remove_run("d" * 32)
            following.until_like(fresh)
            assert following.ledger.count("c" * 32, "loss") == 5
        finally:
            source.close()
            following.ends()
            fresh.close()


_WRITE_SNAPSHOT = """
import sys
from tui_runs_mlflow import file_store, keeping
keeping._MANY_FILES, keeping._SETTLED_NS = 0, -(10**18)
list(file_store.FileStore(sys.argv[1], cache=sys.argv[2]).scan())
"""


def elsewhere(store: HandMadeStore, place: Path) -> subprocess.Popen[bytes]:
    """Writes the snapshot in a process of its own, whose hashes of texts are others."""
    return subprocess.Popen([sys.executable, "-c", _WRITE_SNAPSHOT, str(store.root), str(place)])


_watched: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watched is not None and isinstance(arguments[0], str):
        _watched.append(arguments[0])


def opened_files(root: Path, place: Path) -> list[str]:
    """The files of a store that are opened for a scan, as the interpreter tells."""
    global _watched
    if not _hooked:  # it cannot be taken away again
        sys.addaudithook(_note)
        _hooked.append(True)
    _watched = []
    try:
        scan(root, place)
        return [path for path in _watched if path.startswith(f"{root}/") and os.path.isfile(path)]
    finally:
        _watched = None


_hooked: list[bool] = []


def frames(batches: list[RunBatch]) -> dict[str, pl.DataFrame]:
    """The four frames that a scan adds up to, in an order of their own."""
    ids, keys = ["run_id"], ["run_id", "key"]
    every = {name: pl.concat([getattr(batch, name) for batch in batches]) for name in ("runs", "params", "tags")}
    metrics = pl.concat([batch.metrics for batch in batches]).unique(keys, keep="last")
    return {name: frame.sort(ids if name == "runs" else keys) for name, frame in {**every, "metrics": metrics}.items()}


# --- whatever is done to a store --------------------------------------------------------------------------------------

Edit = Callable[[HandMadeStore, str], Any]


def _with_old_times(path: Path, change: Callable[[], Any]) -> None:
    times = path.stat()
    change()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _replaced(path: Path, data: bytes) -> None:
    """By a file that is moved over it, with the same times."""
    times = path.stat()
    beside = path.parents[3] / "beside"
    beside.write_bytes(data)
    os.utime(beside, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(beside, path)


def _meta(store: HandMadeStore, run_id: str, **values: Any) -> None:
    where = store.run_dir(run_id)
    (where / "meta.yaml").write_bytes(run_meta(where, run_id, **values))


def _replace_run(store: HandMadeStore, run_id: str) -> None:
    store.remove_run(run_id)
    store.put_run(run_id, tags={"note": "another"})


def _link_out(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.symlink_to("/etc")


EDITS: dict[str, Edit] = {
    "append a point": lambda store, run: store.append(run, "loss", [Point(9, START + 9, 0.25)]),
    "append half a line": lambda store, run: (store.run_dir(run) / "metrics" / "loss").open("ab").write(b"17000"),
    "append nonsense": lambda store, run: (store.run_dir(run) / "metrics" / "loss").open("ab").write(b"x y z\n"),
    "a new metric": lambda store, run: store.append(run, "deep/er/new", [Point(0, START, 1.0)]),
    "remove a metric": lambda store, run: (store.run_dir(run) / "metrics" / "loss").unlink(missing_ok=True),
    "rewrite a metric in place": lambda store, run: (store.run_dir(run) / "metrics" / "loss").write_bytes(LINES[:40]),
    "rewrite a tag in place": lambda store, run: (store.run_dir(run) / "tags" / "note").write_text("new"),
    "… and turn its time back": lambda store, run: _with_old_times(
        store.run_dir(run) / "tags" / "note", lambda: (store.run_dir(run) / "tags" / "note").write_text("odd")
    ),
    "move another param over it": lambda store, run: _replaced(store.run_dir(run) / "params" / "a" / "b", b"y"),
    "swap two files": lambda store, run: _swap(
        store.run_dir(run) / "tags" / "note", store.run_dir(run) / "tags" / "n2"
    ),
    "a new param": lambda store, run: (store.run_dir(run) / "params" / "new").write_text("1"),
    "a link among the params": lambda store, run: (store.run_dir(run) / "params" / "link").symlink_to("/etc/passwd"),
    "params become a link": lambda store, run: _link_out(store.run_dir(run) / "params"),
    "end the run": lambda store, run: _meta(store, run, status=4),
    "delete the run": lambda store, run: _meta(store, run, stage="deleted"),
    "break meta.yaml": lambda store, run: (store.run_dir(run) / "meta.yaml").write_text("}{"),
    "remove the run": lambda store, run: store.remove_run(run),
    "replace the run": lambda store, run: _replace_run(store, run),
    "add a run": lambda store, run: store.put_run(os.urandom(16).hex(), tags={"note": run}),
    "rename the experiment": lambda store, run: (store.root / "0" / "meta.yaml").write_text(
        EXPERIMENT_META.format(uri=store.root, experiment="0", name="renamed")
    ),
    "another experiment": lambda store, run: store.add_experiment(os.urandom(4).hex()),
    "only look": lambda store, run: None,
}


def _swap(one: Path, other: Path) -> None:
    beside = one.parents[3] / "beside"
    if other.exists():
        os.rename(one, beside)
        os.rename(other, one)
        os.rename(beside, other)
    else:
        other.write_bytes(one.read_bytes())


class TestWhateverIsDone:
    @settings(max_examples=settings().max_examples // 6)
    @given(
        steps=st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.sampled_from("abcdefl"), st.booleans()), max_size=6)
    )
    def test_a_scan_ends_as_one_without_a_snapshot(self, steps: list[tuple[str, str, bool]]) -> None:
        top = Path(tempfile.mkdtemp(prefix="tui-runs-cache-"))
        try:
            store = made_store(top / "mlruns")
            scan(store.root, top / "cache")
            for edit, letter, look in steps:
                wait_for_a_tick(top)
                try:
                    EDITS[edit](store, letter * 32)
                except (FileNotFoundError, StopIteration, FileExistsError, NotADirectoryError):
                    continue  # an earlier step took it away
                if look:
                    assert state(store.root, top / "cache") == state(store.root, None), edit
            assert state(store.root, top / "cache") == state(store.root, None)
        finally:
            shutil.rmtree(top)

    @pytest.mark.parametrize("edit", EDITS)
    def test_each_alone(self, store: HandMadeStore, place: Path, tmp_path: Path, edit: str) -> None:
        scan(store.root, place)
        before = state(store.root, place)
        wait_for_a_tick(tmp_path)
        EDITS[edit](store, "c" * 32)
        fresh = state(store.root, None)
        if edit not in ("only look", "append half a line", "another experiment", "swap two files"):
            assert fresh != before
        assert state(store.root, place) == fresh
        assert state(store.root, place) == fresh

    def test_file_written_just_now_is_not_kept(
        self, store: HandMadeStore, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next write might leave it with the same size and times."""
        monkeypatch.setattr(keeping, "_SETTLED_NS", 3600 * 10**9)
        fresh = state(store.root, None)
        assert [state(store.root, place) for _ in range(2)] == [fresh, fresh]
        assert len(loaded(store.root, place)) == 0

    def test_what_is_written_while_it_is_read_is_found_the_next_time(
        self, store: HandMadeStore, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The training writes between the moment when a file is read and the end of the scan."""

        def read_and_write(directory: str, *args: Any, **options: Any) -> Any:
            run = read_run(directory, *args, **options)
            wait_for_a_tick(tmp_path)
            with open(os.path.join(directory, "metrics", "loss"), "ab") as file:
                file.write(b"%d 7.5 9\n" % (START + 9))
            return run

        with monkeypatch.context() as patch:
            patch.setattr(portions, "read_run", read_and_write)
            scan(store.root, place)
        assert len(loaded(store.root, place)) == 12
        ledger = Ledger(scan(store.root, place))
        assert {row["last"] for key, row in ledger.metrics.items() if key[1] == "loss"} == {7.5}


# --- the file ---------------------------------------------------------------------------------------------------------


class TestFile:
    def test_is_for_its_owner_alone(self, store: HandMadeStore, place: Path) -> None:
        scan(store.root, place)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert stat.S_IMODE(file_in(place).stat().st_mode) == 0o600

    def test_is_written_only_when_something_changed(self, store: HandMadeStore, place: Path) -> None:
        scan(store.root, place)
        written = file_in(place).stat().st_ino
        scan(store.root, place)
        assert file_in(place).stat().st_ino == written
        (store.run_dir("c" * 32) / "tags" / "note").write_text("changed")
        scan(store.root, place)
        assert file_in(place).stat().st_ino != written

    def test_small_store_has_none(self, store: HandMadeStore, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "_MANY_FILES", 5000)
        scan(store.root, place)
        assert not place.exists()
        monkeypatch.setattr(keeping, "_MANY_BYTES", 1000)
        scan(store.root, place)
        assert file_in(place)

    def test_scan_that_is_not_finished_leaves_none(self, store: HandMadeStore, place: Path) -> None:
        source = FileStore(str(store.root), cache=str(place))
        batches = source.scan()
        next(batches)
        source.close()
        list(batches)
        saved()
        assert not place.exists()

    def test_never_lies_in_the_store(self, store: HandMadeStore, tmp_path: Path) -> None:
        before = snapshot(store.root)
        (tmp_path / "link").symlink_to(store.root)
        for inside in (store.root, store.root / "0", store.root / "cache" / "deep", tmp_path / "link" / "cache"):
            scan(store.root, inside)
        assert snapshot(store.root) == before

    def test_no_byte_of_it_can_be_changed_unnoticed(self, store: HandMadeStore, place: Path) -> None:
        fresh = state(store.root, None)
        scan(store.root, place)
        path = file_in(place)
        good = path.read_bytes()
        assert len(loaded(store.root, place)) == 12
        step = max(1, len(good) // 200)
        for at in [*range(0, 40), *range(40, len(good), step)]:
            for bad in (good[:at], good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :]):
                path.write_bytes(bad)
                assert len(loaded(store.root, place)) == 0
        for bad in (b"", good[:-1], good + b"\0", good[: len(good) // 2]):
            path.write_bytes(bad)
            assert state(store.root, place) == fresh
            assert path.read_bytes() != bad, "it was not made anew"

    @pytest.mark.parametrize("body", [b"", b"\n", b"[]\n", b"\xff\n", b"[1, 1, 1, 1]\n", b"[0, 0, 0, 0]\n"])
    def test_nonsense_with_the_right_checksum(self, store: HandMadeStore, place: Path, body: bytes) -> None:
        scan(store.root, place)
        head = file_in(place).read_bytes()[16:].partition(b"\n")[0] + b"\n"
        for nonsense in (body, head + body):
            file_in(place).write_bytes(blake2b(nonsense, digest_size=16).digest() + nonsense)
            assert len(loaded(store.root, place)) == 0

    def test_other_version_is_none(self, store: HandMadeStore, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        scan(store.root, place)
        assert len(loaded(store.root, place)) == 12
        with monkeypatch.context() as patch:
            patch.setattr(cache, "FORMAT", cache.FORMAT + 1)
            assert len(loaded(store.root, place)) == 0
        with monkeypatch.context() as patch:
            patch.setattr(pl, "__version__", "99.0")
            assert len(loaded(store.root, place)) == 0

    def test_that_of_another_store_is_none(self, store: HandMadeStore, place: Path, tmp_path: Path) -> None:
        scan(store.root, place)
        other = SnapshotFile(str(place), str(tmp_path), None, with_deleted=False)
        shutil.copy(file_in(place), other.path)
        assert len(other.load()) == 0

    @pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
    def test_something_else_in_its_place(self, store: HandMadeStore, place: Path, kind: str) -> None:
        fresh = state(store.root, None)
        scan(store.root, place)
        path = file_in(place)
        good = path.rename(place.with_name("moved"))
        if kind == "directory":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(good)
        else:
            os.mkfifo(path)
        assert len(loaded(store.root, place)) == 0
        assert state(store.root, place) == fresh

    @pytest.mark.parametrize("why", ["no directory", "read-only", "full"])
    def test_that_it_cannot_be_written_costs_nothing_else(
        self, store: HandMadeStore, place: Path, why: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: Any, **__: Any) -> Any:
            raise OSError(errno.EROFS if why == "read-only" else errno.ENOSPC, "no")

        fresh = state(store.root, None)
        if why == "no directory":
            place.parent.parent.joinpath("cache").write_text("a file")
        elif why == "read-only":
            monkeypatch.setattr(os, "makedirs", fails)
        else:
            monkeypatch.setattr(os, "replace", fails)
        assert [state(store.root, place) for _ in range(2)] == [fresh, fresh]
        assert not place.is_dir() or not list(place.iterdir())

    def test_written_by_several_at_once(self, store: HandMadeStore, place: Path) -> None:
        both = [elsewhere(store, place), elsewhere(store, place)]
        assert [process.wait(60) for process in both] == [0, 0]
        assert file_in(place)
        assert len(loaded(store.root, place)) == 12

    def test_old_ones_and_too_many_are_let_go(
        self, store: HandMadeStore, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scan(store.root, place)
        own = file_in(place)
        size, now = own.stat().st_size, time.time()
        days = {"unused": 91, "older": 3, "newer": 2, "half": 1}
        for name, age in days.items():
            path = place / f"{name}.mlflow-snapshot{'.new' if name == 'half' else ''}"
            path.write_bytes(b"x" * size)
            os.utime(path, (now - age * 86400, now - age * 86400))
        (place / "of something else").write_text("")
        monkeypatch.setattr(cache, "_MOST_BYTES", size * 5 // 2)
        (store.run_dir("c" * 32) / "tags" / "note").write_text("changed")
        scan(store.root, place)
        left = {path.name.partition(".")[0] for path in place.iterdir()}
        assert left == {own.name.partition(".")[0], "newer", "of something else"}

    def test_one_that_is_used_is_not_old(self, store: HandMadeStore, place: Path) -> None:
        scan(store.root, place)
        os.utime(file_in(place), (1, 1))
        scan(store.root, place)
        assert file_in(place).stat().st_mtime > 1

    def test_one_that_is_too_large_is_not_written(
        self, store: HandMadeStore, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "_MOST_BYTES", 1000)
        scan(store.root, place)
        assert not place.exists()
