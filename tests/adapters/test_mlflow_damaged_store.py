"""MLflow file stores as disks, writers and strangers leave them: each damage is one Problem and loses no run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adapters.contract import ODD, scan_as_nobody
from tests.adapters.ledger import DEADLINE, Ledger, read_all, read_history
from tests.adapters.metric_truth import Point, truth_of
from tests.adapters.mlflow_stores import START, HandMadeStore, exchange_when_opened, run_meta
from tui_runs.adapter import Source
from tui_runs_mlflow import MlflowAdapter

GOOD, BAD = "a" * 32, "b" * 32
LINES = b"".join(b"%d 0.5 %d\n" % (START + i, i) for i in range(5))


@pytest.fixture
def store(tmp_path: Path) -> HandMadeStore:
    """A store with one good run."""
    made = HandMadeStore(tmp_path / "mlruns")
    made.put_run(GOOD, params={"lr": "1"}, metrics={"loss": LINES}, tags={"mlflow.user": "alice"})
    return made


@pytest.fixture
def opened() -> Iterator[Callable[[HandMadeStore], Source]]:
    sources: list[Source] = []

    def open_store(store: HandMadeStore) -> Source:
        sources.append(MlflowAdapter().open(store.location, {}))
        return sources[-1]

    yield open_store
    for source in sources:
        source.close()


def in_time(read: Callable[[], Ledger]) -> Ledger:
    """The ledger of a scan that might hang: in a thread, and waited for only so long."""
    found: list[Ledger] = []
    thread = threading.Thread(target=lambda: found.append(read()), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive(), "the scan hangs"
    assert found, "the scan failed"
    return found[0]


def assert_good_run_is_whole(ledger: Ledger) -> None:
    assert ledger.runs[GOOD]["status"] == "finished"
    assert ledger.params_of(GOOD) == {"lr": "1"}
    assert ledger.count(GOOD, "loss") == 5


def only_problem(ledger: Ledger) -> tuple[str, str, str]:
    assert len(ledger.problems) == 1, ledger.problems
    problem = next(iter(ledger.problems.values()))
    return problem.uri, problem.what, problem.remedy


_BOMB = b"a0: &a0 {k: lol}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)
)
_LIST_BOMB = b"a0: &a0 [lol]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 40)
)
UNUSABLE = {
    "empty": b"",
    "blank": b"\n \n",
    "zeros, as after a power cut": b"\0" * 512,
    "truncated before the id": b"artifact_uri: /x\nend_time: 1\nexp",
    "garbage": b"}{][: - %%% \n\t@",
    "binary": bytes(range(256)) * 8,
    "not UTF-8": b"run_id: \xff\xfe\n",
    "UTF-16": "run_id: x\n".encode("utf-16"),
    "a list": b"- run_id: x\n- 1\n",
    "a word": b"run_id\n",
    "a mapping without id": b"name: x\n",
    "an id that is null": b"run_id: null\n",
    "an id that is a list": b"run_id: [a, b]\n",
    "an id that is a mapping": b"run_id:\n  a: b\n",
    "another kind of file": b"<html><body>404</body></html>\n",
    "python object": b"run_id: !!python/object/apply:os.system ['false']\n",
    "an id that is empty": b"run_id: ''\n",
    "no number": b"run_id: !!int ''\n",
    "unknown anchor": b"run_id: *nowhere\n",
    "merge bomb": _BOMB,
    "alias bomb": _LIST_BOMB,
    "deep": b"a: " + b"[" * 100_000,
    "deep mapping": b"".join(b" " * i + b"a:\n" for i in range(1200)),
    "longer than it may be": b"run_id: x\nrun_name: '" + b"x" * (1 << 20) + b"'\n",
}


class TestRunMeta:
    @pytest.mark.parametrize("meta", UNUSABLE.values(), ids=UNUSABLE.keys())
    def test_unusable_is_one_problem(self, store: HandMadeStore, opened: Callable[..., Source], meta: bytes) -> None:
        store.put_run(BAD, meta=meta, params={"lr": "2"}, metrics={"loss": LINES})
        ledger = in_time(lambda: read_all(opened(store)))
        assert list(ledger.runs) == [GOOD]
        assert_good_run_is_whole(ledger)
        uri, what, remedy = only_problem(ledger)
        assert uri == str(store.run_dir(BAD) / "meta.yaml")
        assert "meta.yaml" in what
        assert remedy

    def test_bombs_need_little_memory(self, store: HandMadeStore) -> None:
        """In a process that may not have much: else the machine, not the test, would find out."""
        store.put_run(BAD, meta=_BOMB)
        store.put_run("c" * 32, meta=_LIST_BOMB)
        store.put_run("d" * 32, meta=b"a: " + b"[" * 1_000_000)
        code = (
            "import resource, sys; from tui_runs_mlflow import MlflowAdapter\n"
            "import polars, tui_runs_mlflow.file_store, yaml\n"
            "held = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
            "resource.setrlimit(resource.RLIMIT_AS, (held + (600 << 20), -1))\n"
            "print(sum(batch.runs.height for batch in MlflowAdapter().open(sys.argv[1], {}).scan()))"
        )
        if not os.path.exists("/proc/self/statm"):
            pytest.skip("the limit is set from /proc")
        command = [sys.executable, "-c", code, store.location]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["1"]

    def test_missing_is_one_problem(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD, params={"lr": "2"})
        (store.run_dir(BAD) / "meta.yaml").unlink()
        ledger = read_all(opened(store))
        assert_good_run_is_whole(ledger)
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / "meta.yaml")

    def test_directory_in_its_place_is_one_problem(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD)
        (store.run_dir(BAD) / "meta.yaml").unlink()
        (store.run_dir(BAD) / "meta.yaml").mkdir()
        ledger = read_all(opened(store))
        assert_good_run_is_whole(ledger)
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / "meta.yaml")

    def test_long_but_whole(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        """1 MB of it, half of that in lines that need the YAML library."""
        where = store.root / "0" / BAD
        extra = b"".join(b"x%d: '%s\\n'\n" % (i, b"y" * 92) for i in range(9_800))
        store.put_run(BAD, meta=run_meta(where, BAD) + extra)
        assert 990_000 < (where / "meta.yaml").stat().st_size < 1 << 20
        begin = time.process_time()
        ledger = read_all(opened(store))
        assert time.process_time() - begin < 10
        assert ledger.runs.keys() == {GOOD, BAD}
        assert ledger.problems == {}

    @pytest.mark.parametrize(
        "status",
        ["99", "0", "-1", "null", "FINISHED", "'3'", "3.0", "9" * 5000, "0x" + "f" * 5000],
        ids=lambda status: status[:10],
    )
    def test_status_that_mlflow_does_not_define(
        self, store: HandMadeStore, opened: Callable[..., Source], status: str
    ) -> None:
        store.put_run(BAD, status=status, params={"lr": "2"})
        ledger = read_all(opened(store))
        assert ledger.runs[BAD]["status"] == "unknown"
        assert ledger.params_of(BAD) == {"lr": "2"}
        assert_good_run_is_whole(ledger)
        uri, what, _ = only_problem(ledger)
        assert uri == str(store.run_dir(BAD) / "meta.yaml")
        assert "status" in what
        assert len(what) < 200

    @pytest.mark.parametrize("when", ["null", "''", "soon", "9" * 30, "-" + "9" * 30, "1e400", "2026-01-01", "[1]"])
    def test_times_that_are_none(self, store: HandMadeStore, opened: Callable[..., Source], when: str) -> None:
        store.put_run(BAD, start=when, end=when)
        ledger = read_all(opened(store))
        assert (ledger.runs[BAD]["started"], ledger.runs[BAD]["ended"]) == (None, None)
        assert ledger.runs[BAD]["status"] == "finished"
        assert ledger.problems == {}

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("2026-01-01", "2026-01-01"),
            ("1.10", "1.10"),
            ("yes", "yes"),
            ("007", "007"),
            ("0x10", "16"),
            ("1e5", "1e5"),
            ("'a: b'", "a: b"),
            ('"a\\tb # c"', "a\tb # c"),
            ("λ-学習", "λ-学習"),
            ("a\n  b", "a b"),
            ("''", None),
            ("null", None),
            ("!!bool maybe", "maybe"),
            ("!!timestamp soon", "soon"),
            ("!!int x", "x"),
            ("!!float ''", None),
            ("2026-99-99", "2026-99-99"),
        ],
    )
    def test_name_that_yaml_may_take_for_something_else(
        self, store: HandMadeStore, opened: Callable[..., Source], written: str, meant: str | None
    ) -> None:
        store.put_run(BAD, name=written)
        name = read_all(opened(store)).runs[BAD]["name"]
        assert name == meant or (written, name) == ("007", "7")  # unquoted, it is YAML's number

    def test_run_uuid_alone_as_mlflow_1_wrote_it(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        meta = run_meta(store.root / "0" / BAD, BAD).replace(b"run_id:", b"run_uuid:")
        store.put_run(BAD, meta=meta)
        assert read_all(opened(store)).runs.keys() == {GOOD, BAD}


class TestExperimentMeta:
    @pytest.mark.parametrize("kind", ["empty", "garbage", "merge bomb", "binary", "a list", "deep"])
    def test_unusable_is_one_problem(self, store: HandMadeStore, opened: Callable[..., Source], kind: str) -> None:
        store.add_experiment("1")
        store.put_run(BAD, experiment="1")
        (store.root / "1" / "meta.yaml").write_bytes(UNUSABLE[kind])
        ledger = in_time(lambda: read_all(opened(store)))
        assert ledger.runs.keys() == {GOOD, BAD}
        assert ledger.runs[BAD]["experiment"] == "1"
        assert only_problem(ledger)[0] == str(store.root / "1" / "meta.yaml")

    def test_other_directories_in_the_store_are_none_of_ours(
        self, store: HandMadeStore, opened: Callable[..., Source]
    ) -> None:
        for path in (".git/refs/tags", ".git/objects/aa", ".ipynb_checkpoints", "models/m/version-1", "plots/a", "x"):
            (store.root / path).mkdir(parents=True)
        (store.root / "models" / "m" / "meta.yaml").write_text("name: m\n")
        (store.root / "README.md").write_text("hello")
        ledger = read_all(opened(store))
        assert list(ledger.runs) == [GOOD]
        assert ledger.problems == {}


class TestTexts:
    def test_bytes_that_are_no_text(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD, params={"lr": b"caf\xe9", "ok": "1"})
        ledger = read_all(opened(store))
        assert ledger.params_of(BAD) == {"lr": "caf�", "ok": "1"}
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / "params" / "lr")

    def test_very_long_value(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD, params={"long": "é" * (1 << 20), "just": "x" * ((1 << 20) - 1)})
        ledger = read_all(opened(store))
        assert len(ledger.params_of(BAD)["just"]) == (1 << 20) - 1
        assert set(ledger.params_of(BAD)["long"]) <= {"é", "�"}
        assert only_problem(ledger)[0].endswith("long")

    @pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
    def test_names_that_are_no_text(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        """Two names that differ in such a byte only are two params, two metrics; and can be asked for."""
        odd = [os.fsdecode(b"p\xff"), os.fsdecode(b"p\xfe"), os.fsdecode(b"dir\xff/x")]
        store.put_run(BAD, params=dict.fromkeys(odd, "1"), metrics=dict.fromkeys(odd, LINES))
        source = opened(store)
        ledger = read_all(source)
        assert len(ledger.params_of(BAD)) == 3
        names = [key for run_id, key in ledger.metrics if run_id == BAD]
        assert len(names) == 3
        points, _, _ = read_history(source, [BAD], names)
        assert {series: len(part) for series, part in points.items()} == {(BAD, name): 5 for name in names}
        assert ledger.problems == {}

    @pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
    def test_problem_with_a_name_that_is_no_text(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        odd = os.fsdecode(b"p\xff")
        store.put_run(BAD, params={odd: b"\xff"}, metrics={odd: b"x\n"})
        ledger = read_all(opened(store))  # it checks that what is said of them is plain text
        assert len(ledger.problems) == 2

    def test_finder_leaves_its_file_everywhere(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD, metrics={"loss": LINES})
        for where in [store.root, *(path for path in store.root.rglob("*") if path.is_dir())]:
            (where / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        source = opened(store)
        ledger = read_all(source)
        assert ledger.runs.keys() == {GOOD, BAD}
        assert {key for _, key in ledger.metrics} == {"loss"}
        assert {key for _, key in read_history(source, [GOOD, BAD])[0]} == {"loss"}
        assert ledger.problems == {}


class TestMetricFiles:
    @pytest.mark.parametrize(
        ("data", "points", "bad"),
        [
            (b"1 0.5\n2 0.25\n", [(0, 1, 0.5), (0, 2, 0.25)], 0),
            (b"1 0.5 7 name digest\n", [(7, 1, 0.5)], 0),
            (b"1 0.5 7 name\n", [(7, 1, 0.5)], 0),
            (b"1 0.5 7 a name digest\n", [(7, 1, 0.5)], 0),
            (b"1 0.5 7\r\n2 0.25 8\r\n", [(7, 1, 0.5), (8, 2, 0.25)], 0),
            (b"\n1 0.5 7\n\n\n2 0.25 8\n\n", [(7, 1, 0.5), (8, 2, 0.25)], 0),
            (b"17900\n1 0.5 7\n", [(7, 1, 0.5)], 1),
            (b"1 0.5 7\n1 x 8\n1 0.5 8.5\nx 0.5 9\n2 0.25 10\n", [(7, 1, 0.5), (10, 2, 0.25)], 3),
            (b"1 0.5 7\n\0\0\0\0\n", [(7, 1, 0.5)], 1),
            (b"1 0.5 99999999999999999999\n1 0.5 7\n", [(7, 1, 0.5)], 1),
            (b"\xff\xfe\n1 0.5 7\n", [(7, 1, 0.5)], 1),
        ],
    )
    def test_lines(
        self, store: HandMadeStore, opened: Callable[..., Source], data: bytes, points: list[object], bad: int
    ) -> None:
        store.put_run(BAD, metrics={"odd": data, "loss": LINES})
        source = opened(store)
        ledger = read_all(source)
        assert ledger.count(BAD, "odd") == len(points)
        assert ledger.count(BAD, "loss") == 5
        assert_good_run_is_whole(ledger)
        assert read_history(source, [BAD], ["odd"])[0] == {(BAD, "odd"): points}
        if bad:
            uri, what, _ = only_problem(ledger)
            assert uri == str(store.run_dir(BAD) / "metrics" / "odd")
            assert what.startswith(f"{bad} of its lines")
        else:
            assert ledger.problems == {}

    @pytest.mark.parametrize("data", [b"", b"17900", b"1 0.5"], ids=["empty", "half a line", "no newline"])
    def test_no_whole_line(self, store: HandMadeStore, opened: Callable[..., Source], data: bytes) -> None:
        """A Problem where the run has ended; where it is running, the line is being written."""
        store.put_run(BAD, metrics={"loss": data}, status=3)
        running = store.put_run("c" * 32, metrics={"loss": data}, status=1)
        source = opened(store)
        ledger = read_all(source)
        assert ledger.runs.keys() == {GOOD, BAD, running}
        assert (ledger.count(BAD, "loss"), ledger.count(running, "loss")) == (0, 0)
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / "metrics" / "loss")
        assert read_history(source, [BAD, running])[0] == {}

    def test_long_file_says_its_end_first_and_is_exact_later(
        self, store: HandMadeStore, opened: Callable[..., Source]
    ) -> None:
        count = 170_000
        points = [Point(i, START + i, ((i * 7919) % 100_003) / 3) for i in range(count)]
        # The latest is in the middle; the least and the greatest are near the beginning.
        points[100] = Point(100, START, float("nan"))
        points[200], points[300] = Point(200, START, -1e9), Point(300, START, 1e9)
        points[80_000] = Point(10**9, START, 0.125)
        data = "".join(f"{ms} {value!r} {step}\n" for step, ms, value in points).encode()
        assert len(data) > 5 << 20
        store.put_run(BAD, metrics={"long": data, "loss": LINES})
        source = opened(store)
        ledger, seen = Ledger(), []
        for batch in source.scan():
            ledger.apply(batch)
            if (BAD, "long") in ledger.metrics:
                seen.append(dict(ledger.metrics[BAD, "long"]))
        early, exact = seen[0], seen[-1]
        assert early["exact"] is False
        assert (early["last_step"], early["last"]) == (count - 1, points[-1].value)
        assert exact["exact"] is True
        assert ledger.metrics[BAD, "loss"]["exact"] is True
        truth = truth_of(points)
        said = tuple(exact[name] for name in ("last", "last_step", "min", "min_step", "max", "max_step", "count"))
        assert said == (truth.last, truth.last_step, *truth[3:])
        told = source.history([BAD], ["long"])
        assert told.complete
        assert told.frame["step"].to_list() == [point.step for point in points]
        assert ledger.problems == {}

    def test_long_file_that_is_one_line(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD, metrics={"long": b"x" * (5 << 20), "zeros": b"\0" * (5 << 20) + b"\n"})
        ledger = in_time(lambda: read_all(opened(store)))
        assert_good_run_is_whole(ledger)
        assert BAD in ledger.runs
        assert all(len(problem.what) < 300 for problem in ledger.problems.values())

    def test_long_file_with_a_line_that_is_no_point_by_its_length(
        self, store: HandMadeStore, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tui_runs.follow.LONGEST_LINE", 1 << 20)
        store.put_run(BAD, metrics={"long": b"x" * (17 << 20) + b"\n" + LINES, "loss": LINES})
        source = opened(store)
        ledger = read_all(source)
        assert_good_run_is_whole(ledger)
        assert ledger.count(BAD, "loss") == 5
        uri, what, _ = only_problem(ledger)
        assert uri == str(store.run_dir(BAD) / "metrics" / "long")
        assert "longer than 1 MiB" in what
        assert [key for _, key in read_history(source, [BAD])[0]] == ["loss"]

    def test_bad_line_in_a_long_file_is_counted_in_the_whole_file(
        self, store: HandMadeStore, opened: Callable[..., Source]
    ) -> None:
        lines = [b"%d 0.123456789012 %d\n" % (START + i, i) for i in range(130_000)]
        lines[2] = b"oops\n"
        assert sum(map(len, lines)) > 4 << 20
        store.put_run(BAD, metrics={"long": b"".join(lines)})
        ledger = read_all(opened(store))
        assert ledger.count(BAD, "long") == len(lines) - 1
        assert "line 3: 'oops'" in only_problem(ledger)[1]


class TestLinksAndSpecialFiles:
    def test_twin_by_a_link_is_counted_once(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.add_experiment("1")
        (store.root / "1" / GOOD).symlink_to(store.root / "0" / GOOD)
        (store.root / "linked").symlink_to(store.root / "0")
        store.put_run(BAD, params={"lr": b"\xff"})
        ledger = read_all(opened(store))
        assert ledger.runs.keys() == {GOOD, BAD}
        assert_good_run_is_whole(ledger)
        assert len(ledger.problems) == 1, "the broken param, once"

    def test_copy_with_the_same_id_is_a_problem(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.add_experiment("1")
        shutil.copytree(store.root / "0" / GOOD, store.root / "1" / "copy")
        ledger = read_all(opened(store))
        assert_good_run_is_whole(ledger)
        uri, what, _ = only_problem(ledger)
        both = {str(store.root / "0" / GOOD), str(store.root / "1" / "copy")}
        assert uri in both
        assert (both - {uri}).pop() in what

    def test_run_that_moved_is_found_by_a_later_scan(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        source = opened(store)
        read_all(source)
        store.add_experiment("1", name="elsewhere")
        (store.root / "0" / GOOD).rename(store.root / "1" / GOOD)
        ledger = read_all(source)
        assert_good_run_is_whole(ledger)
        assert ledger.runs[GOOD]["experiment"] == "elsewhere"
        assert ledger.problems == {}
        assert len(read_history(source, [GOOD])[0][GOOD, "loss"]) == 5

    @pytest.mark.parametrize("place", ["params/secret", "tags/secret", "metrics/secret", "metrics/deep/secret"])
    def test_linked_file_is_not_followed(
        self, store: HandMadeStore, opened: Callable[..., Source], tmp_path: Path, place: str
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(LINES)
        store.put_run(BAD)
        link = store.run_dir(BAD) / place
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(secret)
        source = opened(store)
        ledger = read_all(source)
        assert BAD in ledger.runs
        assert ledger.params_of(BAD) == {}
        assert ledger.count(BAD, "secret") == ledger.count(BAD, "deep/secret") == 0
        uri, what, _ = only_problem(ledger)
        assert uri == str(link)
        assert "link" in what
        assert read_history(source, [BAD])[0] == {}

    def test_link_put_in_place_of_a_long_metric_file_is_not_followed(
        self,
        store: HandMadeStore,
        opened: Callable[..., Source],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        store.put_run(BAD, metrics={"long": LINES * 50_000})
        path, secret = store.run_dir(BAD) / "metrics" / "long", tmp_path / "secret"
        secret.write_bytes(LINES.replace(b"0.5", b"0.7") * 50_000)
        exchange_when_opened(monkeypatch, path, secret, times=2)  # for its first bytes, and for more of them
        ledger = read_all(opened(store))
        assert path.is_symlink()
        assert BAD in ledger.runs
        assert ledger.metrics.get((BAD, "long"), {}).get("last") is None
        assert only_problem(ledger) == (str(path), "It is a symbolic link.", only_problem(ledger)[2])

    @pytest.mark.parametrize("part", ["params", "tags", "metrics"])
    def test_linked_directory_is_not_followed(
        self, store: HandMadeStore, opened: Callable[..., Source], part: str
    ) -> None:
        store.put_run(BAD)
        (store.run_dir(BAD) / part).rmdir()
        (store.run_dir(BAD) / part).symlink_to(store.run_dir(GOOD) / part)
        source = opened(store)
        ledger = read_all(source)
        assert BAD in ledger.runs
        assert (ledger.params_of(BAD), ledger.tags_of(BAD), ledger.count(BAD, "loss")) == ({}, {}, 0)
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / part)
        assert read_history(source, [BAD])[0] == {}

    def test_links_in_circles_lose_nothing(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        (store.root / "circle").symlink_to("circle")
        (store.root / "0" / "circle").symlink_to("circle")
        (store.root / "nowhere").symlink_to("no such thing")
        (store.root / "0" / "up").symlink_to("..")
        assert MlflowAdapter().match(store.location) is not None
        ledger = read_all(opened(store))
        assert_good_run_is_whole(ledger)

    @pytest.mark.parametrize("part", ["params", "tags", "metrics"])
    def test_named_pipe_does_not_hang(self, store: HandMadeStore, opened: Callable[..., Source], part: str) -> None:
        store.put_run(BAD)
        os.mkfifo(store.run_dir(BAD) / part / "pipe")
        source = opened(store)
        ledger = in_time(lambda: read_all(source))
        assert BAD in ledger.runs
        assert_good_run_is_whole(ledger)
        assert ledger.params_of(BAD) == ledger.tags_of(BAD) == {}
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / part / "pipe")
        assert read_history(source, [BAD])[0] == {}

    def test_named_pipe_for_a_meta(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD)
        (store.run_dir(BAD) / "meta.yaml").unlink()
        os.mkfifo(store.run_dir(BAD) / "meta.yaml")
        ledger = in_time(lambda: read_all(opened(store)))
        assert list(ledger.runs) == [GOOD]
        only_problem(ledger)

    def test_what_is_in_a_pipe_is_left_there(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD)
        pipe = store.run_dir(BAD) / "params" / "pipe"
        os.mkfifo(pipe)
        end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        try:
            os.write(end, b"for somebody else")
            in_time(lambda: read_all(opened(store)))
            assert os.read(end, 100) == b"for somebody else"
        finally:
            os.close(end)

    @pytest.mark.parametrize("part", ["params", "tags", "metrics"])
    def test_file_where_a_directory_should_be(
        self, store: HandMadeStore, opened: Callable[..., Source], part: str
    ) -> None:
        store.put_run(BAD)
        (store.run_dir(BAD) / part).rmdir()
        (store.run_dir(BAD) / part).write_text("not a directory")
        source = opened(store)
        ledger = read_all(source)
        assert ledger.runs.keys() == {GOOD, BAD}
        assert only_problem(ledger)[0] == str(store.run_dir(BAD) / part)
        assert read_history(source, [BAD])[0] == {}

    def test_very_deep_keys_end_somewhere(self, store: HandMadeStore, opened: Callable[..., Source]) -> None:
        store.put_run(BAD, params={"/".join("d" * 20): "1", "/".join("e" * 60): "2"})
        ledger = read_all(opened(store))
        assert ledger.params_of(BAD)["/".join("d" * 20)] == "1"
        assert ledger.runs.keys() == {GOOD, BAD}


class TestUnreadable:
    """Each scanned in a process without root's rights, as a user who may not read it would."""

    @pytest.mark.parametrize("mode", [0o000, 0o300], ids=["closed", "not listable"])
    def test_each_is_one_problem_and_loses_no_other(self, store: HandMadeStore, mode: int) -> None:
        places = ["params", "tags", "metrics", "metrics/deep", "params/lr", "metrics/loss", "meta.yaml", "."]
        runs: dict[str, str] = {}
        for number, place in enumerate(places):
            runs[place] = store.put_run(
                f"{number:031x}b", params={"lr": "2"}, metrics={"loss": LINES, "deep/loss": LINES}
            )
            path = store.run_dir(runs[place]) / place
            path.chmod(mode if path.is_dir() else 0)
        for experiment in ("1", "2"):
            store.add_experiment(experiment)
        in_closed = store.put_run("c" * 32, experiment="1")
        in_nameless = store.put_run("d" * 32, experiment="2")
        (store.root / "1").chmod(mode)
        (store.root / "2" / "meta.yaml").chmod(0)

        answer = scan_as_nobody(MlflowAdapter, store)
        hidden = {os.path.normpath(f"0/{run_id}/{place}") for place, run_id in runs.items()}
        if mode == 0:  # a run's directory that cannot be entered is told by what was looked for in it
            hidden = hidden - {f"0/{runs['.']}"} | {f"0/{runs['.']}/meta.yaml"}
        uris = [uri.removeprefix(answer["prefix"]) for uri, _, _ in answer["problems"]]
        assert sorted(uris) == sorted([*hidden, "1", "2/meta.yaml"])
        assert all("denied" in what and remedy for _, what, remedy in answer["problems"])
        lost = {runs["meta.yaml"], in_closed} | ({runs["."]} if mode == 0 else set())
        assert sorted(answer["runs"]) == sorted({GOOD, in_nameless, in_closed, *runs.values()} - lost)
        assert answer["match"]

    def test_whole_store(self, store: HandMadeStore) -> None:
        store.root.chmod(0)
        with pytest.raises(AssertionError, match=r"LocationError: .*Permission denied"):
            scan_as_nobody(MlflowAdapter, store)

    def test_other_peoples_directory_beside_the_experiments(self, store: HandMadeStore) -> None:
        (store.root / "lost+found").mkdir(mode=0o300)
        answer = scan_as_nobody(MlflowAdapter, store)
        assert answer["runs"] == [GOOD]
        assert len(answer["problems"]) <= 1


def test_all_damages_at_once_lose_nothing(store: HandMadeStore, opened: Callable[..., Source], tmp_path: Path) -> None:
    """As many Problems as damages, and every good run whole."""
    damages = 0
    for number, meta in enumerate(UNUSABLE.values()):
        store.put_run(f"{number:031x}f", meta=meta)
        damages += 1
    good = [store.put_run(f"{number:031x}f", params={"lr": "1"}, metrics={"x": LINES}) for number in range(500, 600)]
    bad_lines = store.put_run("e" * 32, metrics={"odd": b"x\n", "good": LINES})
    damages += 1
    ledger = in_time(lambda: read_all(opened(store)))
    assert ledger.runs.keys() == {GOOD, bad_lines, *good}
    assert all(ledger.count(run_id, "x") == 5 for run_id in good)
    assert len(ledger.problems) == damages
    points, _, _ = read_history(opened_and_read(opened, store), [bad_lines, good[0]])
    assert {key for _, key in points} == {"good", "x"}


def opened_and_read(opened: Callable[..., Source], store: HandMadeStore) -> Source:
    source = opened(store)
    read_all(source)
    return source


def test_run_that_vanishes_while_the_store_is_listed(
    store: HandMadeStore, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing of an experiment and the look at a run in it."""
    from tui_runs_mlflow import store_layout

    store.put_run(BAD)
    looks_like_run = store_layout.looks_like_run

    def and_is_removed(directory: str) -> bool:
        said = looks_like_run(directory)
        if directory.endswith(BAD):
            shutil.rmtree(directory, ignore_errors=True)
        return said

    monkeypatch.setattr(store_layout, "looks_like_run", and_is_removed)
    ledger = read_all(opened(store))
    assert list(ledger.runs) == [GOOD]
    assert ledger.problems == {}


def test_run_that_vanishes_while_it_is_scanned(store: HandMadeStore, opened: Callable[..., Source]) -> None:
    for number in range(100):
        store.put_run(f"{number:031x}f", metrics={"odd": b"".join(b"1 %r 2\n" % point.step for point in ODD)})
    source = opened(store)
    scan = source.scan()
    ledger = Ledger([next(scan)])
    for number in range(100):
        run_id = f"{number:031x}f"
        if run_id not in ledger.runs:
            store.remove_run(run_id)
    for batch in scan:
        ledger.apply(batch)
    assert 1 < len(ledger.runs) < 101
    assert ledger.problems == {}
