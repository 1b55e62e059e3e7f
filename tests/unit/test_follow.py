"""Real files, real threads, and no sleeping: every wait ends with what it waits for."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.conftest import MakeWatch
from tui_runs import follow
from tui_runs.follow import FileWatch, read_appended
from tui_runs.follow import events as file_events

ENOUGH = 20.0
"""Seconds: no test waits so long unless it fails."""


@pytest.fixture(params=[None, 0.02], ids=["events", "polling"])
def watch(request: pytest.FixtureRequest, make_watch: MakeWatch) -> FileWatch:
    return make_watch(request.param)


def append(path: Path, text: str = "1 0.5 1\n") -> str:
    with path.open("a") as file:
        file.write(text)
    return str(path)


def collect(watch: FileWatch, *wanted: str | Path) -> set[str]:
    """Wait until all of these were reported; returns all that was."""
    missing, end = {str(path) for path in wanted}, time.monotonic() + ENOUGH
    seen: set[str] = set()
    while missing:
        assert time.monotonic() < end, f"never reported: {missing}; reported: {seen}"
        changed = watch.wait(ENOUGH)
        seen |= changed
        missing -= changed
    return seen


class SilentNotifier:
    """A RustNotify that never tells anything, as after an overflow of the kernel's queue."""

    def watch(self, debounce: int, step: int, timeout: int, stop: threading.Event) -> str:
        while not stop.is_set():
            time.sleep(step / 1000)
        return "stop"

    def close(self) -> None:
        pass


class TestReadAppended:
    @given(
        content=st.lists(st.sampled_from([b"\n", b"1 0.5 1", b"x" * 9, b"\r\n", b"\xff"])).map(b"".join),
        cuts=st.lists(st.integers(0, 200)),
        limit=st.integers(1, 40),
    )
    def test_data_is_all_whole_lines_wherever_the_writer_stops(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int], limit: int
    ) -> None:
        path = tmp_path_factory.mktemp("cut") / "loss"
        path.touch()
        offset, data, written = 0, b"", 0
        for cut in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
            with path.open("ab") as file:
                file.write(content[written:cut])
            written = cut
            more = True
            while more:
                appended = read_appended(path, offset, limit)
                assert not appended.restarted
                assert appended.offset == offset + len(appended.data)
                assert appended.data[-1:] in (b"", b"\n")
                data, offset, more = data + appended.data, appended.offset, appended.more
            assert data == content[: content.rfind(b"\n", 0, written) + 1]

    def test_half_a_line_waits_for_its_end(self, tmp_path: Path) -> None:
        path = tmp_path / "loss"
        path.write_bytes(b"1 2 3\n4 5")
        first = read_appended(path, 0)
        assert (first.data, first.offset, first.more) == (b"1 2 3\n", 6, False)
        assert read_appended(path, 6).data == b""
        append(path, " 6\n")
        assert read_appended(path, 6).data == b"4 5 6\n"

    def test_a_line_longer_than_the_limit_comes_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "loss"
        path.write_bytes(b"x" * 1000 + b"\nshort\n")
        first = read_appended(path, 0, limit=10)
        assert (first.data, first.more) == (b"x" * 1000 + b"\n", True)
        assert read_appended(path, first.offset, limit=10).data == b"short\n"

    @pytest.mark.parametrize("limit", [10, 1 << 24, 1 << 40])
    def test_a_line_without_an_end_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
    ) -> None:
        """As a sparse file that claims to be large: what is read of it has a bound."""
        monkeypatch.setattr(follow, "LONGEST_LINE", 1 << 20)
        path = tmp_path / "loss"
        path.write_bytes(b"1 2 3\n")
        os.truncate(path, 1 << 25)
        tracemalloc.start()
        with pytest.raises(OSError, match="longer than 1 MiB") as caught:
            read_appended(path, 6, limit)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert caught.value.errno == errno.EFBIG
        assert peak < min(limit, 1 << 25) + (1 << 21)
        os.truncate(path, 1 << 20)
        assert read_appended(path, 6, 10).data == b""
        append(path, "\n1 2 3\n")
        assert len(read_appended(path, 6, 10).data) == (1 << 20) - 6 + 1

    def test_the_limit_bounds_what_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "loss"
        path.write_bytes(b"1 2 3\n" * 1000)
        first = read_appended(path, 0, limit=100)
        assert (len(first.data), first.more) == (96, True)

    def test_a_shorter_file_is_read_from_its_start(self, tmp_path: Path) -> None:
        path = tmp_path / "loss"
        path.write_bytes(b"9 9 9\n")
        again = read_appended(path, 600)
        assert (again.data, again.offset, again.restarted) == (b"9 9 9\n", 6, True)
        path.write_bytes(b"")
        emptied = read_appended(path, 6)
        assert (emptied.data, emptied.offset, emptied.restarted) == (b"", 0, True)

    def test_a_missing_file_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_appended(tmp_path / "loss", 0)

    @pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links cannot be told here")
    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("1 2 3\n")
        (tmp_path / "loss").symlink_to(tmp_path / "secret")
        with pytest.raises(OSError, match="symbolic links"):
            read_appended(tmp_path / "loss", 0)

    @pytest.mark.parametrize("half", [False, True], ids=["whole lines", "half a line"])
    def test_no_more_memory_is_taken_than_there_is_to_read(self, tmp_path: Path, half: bool) -> None:
        """The limit is for what may come; thousands of files are read on in which there are some bytes."""
        path = tmp_path / "loss"
        path.write_bytes(b"1 2 3\n" * 1000)
        append(path, "4 5" if half else "4 5 6\n")
        tracemalloc.start()
        appended = read_appended(path, 6000, limit=1 << 26)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert appended.data == (b"" if half else b"4 5 6\n")
        assert peak < 100_000

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_named_pipe_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert read_appended(tmp_path / "pipe", 0).data == b""


class TestEntries:
    def test_created_modified_and_removed(self, watch: FileWatch, folder: Path) -> None:
        watch.watch([folder])
        path = folder / "loss"
        append(path)
        assert collect(watch, path) == {str(path)}
        append(path)
        collect(watch, path)
        path.unlink()
        collect(watch, path)

    def test_a_new_directory_counts_and_what_is_in_it_does_not(self, watch: FileWatch, folder: Path) -> None:
        (folder / "old").mkdir()
        watch.watch([folder])
        append(folder / "old" / "deep")
        (folder / "new").mkdir()
        assert collect(watch, folder / "new") == {str(folder / "new")}

    def test_a_burst_collapses(self, watch: FileWatch, folder: Path) -> None:
        watch.watch([folder])
        path = folder / "loss"
        for _ in range(3000):
            append(path)
        collect(watch, path)
        reports = 1
        while watch.wait(0.1):
            reports += 1
        assert reports < 20

    def test_nothing_means_an_empty_set_in_time(self, watch: FileWatch, folder: Path) -> None:
        append(folder / "loss")
        watch.watch([folder])
        assert watch.wait(0) == frozenset()
        start = time.monotonic()
        assert watch.wait(0.05) == frozenset()
        assert time.monotonic() - start < ENOUGH / 4

    def test_a_replaced_file(self, watch: FileWatch, folder: Path) -> None:
        append(folder / "meta.yaml")
        watch.watch([folder])
        append(folder.parent / "fresh", "xxxxxxxx")
        os.replace(folder.parent / "fresh", folder / "meta.yaml")
        collect(watch, folder / "meta.yaml")

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_a_name_that_is_not_utf8(self, watch: FileWatch, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        watch.watch([folder, tmp_path / "other"])
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/loss\xff"))
        append(odd)
        collect(watch, odd)
        append(odd)
        append(folder / "acc")
        append(tmp_path / "other" / "f")
        collect(watch, odd, folder / "acc", tmp_path / "other" / "f")

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_it_says_that_it_polls_where_a_name_is_not_utf8(
        self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follow, "POLL_SECONDS", 0.02)
        monkeypatch.setattr(follow, "POLL_SHARE", 1.0)
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/loss\xff"))
        append(odd)
        watch = make_watch()
        watch.watch([folder])
        assert (watch.polling, watch.reason) == (True, "a file name is not UTF-8: no events there")
        odd.unlink()
        collect(watch, odd)
        assert (watch.polling, watch.reason) == (False, "events")
        collect(watch, append(folder / "acc"))

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_a_directory_whose_name_is_not_utf8(self, watch: FileWatch, folder: Path) -> None:
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/run\xff"))
        odd.mkdir()
        watch.watch([folder, odd])
        collect(watch, append(odd / "loss"), append(folder / "acc"))


class TestSpelling:
    def test_a_relative_path(self, watch: FileWatch, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder.parent)
        watch.watch(["metrics"])
        append(folder / "loss")
        assert collect(watch, os.path.join("metrics", "loss")) == {os.path.join("metrics", "loss")}

    def test_a_link_and_what_it_points_to(self, watch: FileWatch, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(folder)
        watch.watch([tmp_path / "link", folder])
        append(folder / "loss")
        collect(watch, tmp_path / "link" / "loss", folder / "loss")

    def test_a_link_that_points_elsewhere_now(self, watch: FileWatch, folder: Path, tmp_path: Path) -> None:
        link, other = tmp_path / "latest", tmp_path / "other"
        other.mkdir()
        link.symlink_to(folder)
        watch.watch([link])
        link.unlink()
        link.symlink_to(other)
        collect(watch, link)
        append(other / "loss")
        collect(watch, link / "loss")


class TestChangingSet:
    def test_changes_in_a_kept_directory_survive_a_new_set(
        self, watch: FileWatch, folder: Path, tmp_path: Path
    ) -> None:
        others = [tmp_path / f"other{number}" for number in range(40)]
        for other in others:
            other.mkdir()
        watch.watch([folder])
        for number, other in enumerate(others):
            append(folder / f"loss{number}")
            watch.watch([folder, other])
        collect(watch, *(folder / f"loss{number}" for number in range(40)))

    def test_an_added_directory_counts_from_now(self, watch: FileWatch, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "new").mkdir()
        append(tmp_path / "new" / "before")
        watch.watch([folder])
        watch.watch([folder, tmp_path / "new"])
        append(tmp_path / "new" / "after")
        assert str(tmp_path / "new" / "before") not in collect(watch, tmp_path / "new" / "after")

    def test_a_directory_left_out_is_silent(self, watch: FileWatch, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "kept").mkdir()
        watch.watch([folder, tmp_path / "kept"])
        watch.watch([tmp_path / "kept"])
        append(folder / "loss")
        assert collect(watch, append(tmp_path / "kept" / "loss")) == {str(tmp_path / "kept" / "loss")}

    def test_nothing_is_lost_while_the_set_settles(
        self, make_watch: MakeWatch, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_events, "SETTLE_SECONDS", 0.03)
        others = [tmp_path / f"other{number}" for number in range(30)]
        for other in others:
            other.mkdir()
        watch = make_watch()
        watch.watch([folder])
        written, done = [], threading.Event()

        def write() -> None:
            for number in range(300):
                written.append(append(folder / f"loss{number}"))
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        seen: set[str] = set()
        for number in range(len(others)):
            watch.watch([folder, *others[number : number + 7]])
            seen |= watch.wait(0.02)
        assert done.wait(ENOUGH)
        writer.join()
        if missing := set(written) - seen:
            collect(watch, *missing)


class TestVanishing:
    def test_a_removed_directory_is_reported_once_and_breaks_nothing(
        self, watch: FileWatch, folder: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        append(folder / "loss")
        watch.watch([folder, tmp_path / "other"])
        shutil.rmtree(folder)
        collect(watch, folder)
        append(tmp_path / "other" / "f")
        assert str(folder) not in collect(watch, tmp_path / "other" / "f")

    def test_a_directory_that_comes_back(self, watch: FileWatch, folder: Path) -> None:
        watch.watch([folder])
        folder.rmdir()
        collect(watch, folder)
        folder.mkdir()
        collect(watch, folder)
        collect(watch, append(folder / "loss"))

    def test_a_renamed_directory_and_a_new_one_in_its_place(self, watch: FileWatch, folder: Path) -> None:
        watch.watch([folder])
        folder.rename(folder.with_name("elsewhere"))
        folder.mkdir()
        collect(watch, folder)
        collect(watch, append(folder / "loss"))

    def test_a_directory_that_does_not_exist_yet(self, watch: FileWatch, folder: Path) -> None:
        late = folder / "late"
        watch.watch([late, folder])
        late.mkdir()
        collect(watch, late)
        collect(watch, append(late / "loss"))


class TestClose:
    def test_wakes_a_blocked_wait(self, watch: FileWatch, folder: Path) -> None:
        watch.watch([folder])
        results: list[frozenset[str]] = []
        waiter = threading.Thread(target=lambda: results.append(watch.wait(None)))
        waiter.start()
        watch.close()
        waiter.join(ENOUGH)
        assert results == [frozenset()]

    def test_ends_everything_and_may_be_called_twice(self, watch: FileWatch, folder: Path) -> None:
        watch.watch([folder])
        watch.close()
        watch.close()
        append(folder / "loss")
        assert watch.wait(None) == frozenset()
        watch.watch([folder, folder.parent])
        assert watch.wait(None) == frozenset()

    def test_ctrl_c_is_not_swallowed(
        self, make_watch: MakeWatch, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Interrupted(SilentNotifier):
            def watch(self, *_: object) -> str:
                return "signal"

        monkeypatch.setattr(file_events, "make_notifier", lambda paths: Interrupted())
        watch = make_watch()
        watch.watch([folder])
        with pytest.raises(KeyboardInterrupt):
            watch.wait(ENOUGH)


class TestTimes:
    @pytest.mark.parametrize("when", [0, 4_000_000_000], ids=["1970", "2096"])
    def test_times_of_files_may_be_anything(self, watch: FileWatch, folder: Path, when: int) -> None:
        path = folder / "loss"
        append(path)
        os.utime(path, (when, when))
        watch.watch([folder])
        for _ in range(3):
            append(path)
            os.utime(path, (when, when))
            collect(watch, path)

    def test_same_size_and_an_older_time_is_a_change(self, watch: FileWatch, folder: Path) -> None:
        """As `rsync -a` leaves a file: beside it first, then moved over it, with the time that it had elsewhere."""
        path = folder / "loss"
        append(path, "1 0.5 1\n")
        watch.watch([folder])
        append(folder.parent / "new", "1 0.9 1\n")
        os.utime(folder.parent / "new", (0, 0))
        os.replace(folder.parent / "new", path)
        collect(watch, path)


def test_importing_it_does_not_import_watchfiles() -> None:
    code = "import sys, tui_runs.follow; sys.exit(len({'watchfiles', 'asyncio', 'polars'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_leaving_it_open_does_not_crash_the_interpreter(tmp_path: Path) -> None:
    code = (
        "import sys, threading; from tui_runs.follow import FileWatch; watch = FileWatch();"
        "watch.watch([sys.argv[1]]);"
        "threading.Thread(target=watch.wait, args=(None,), daemon=True).start()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
