"""The demo's store is as MLflow would have written it, its training goes by a clock, and nothing stays behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watchfiles
import yaml

from tui_runs.demo import _WRITER, Training, run_demo, write_store
from tui_runs.demo.curves import CIFAR, GPT
from tui_runs.errors import UsageError

NOW = 1_790_000_000.25
RUNS = 36
METRICS = {"train/loss", "val/loss", "val/acc", "lr", "grad_norm", "epoch", "throughput"}
PACKAGE_ROOT = str(Path(sys.modules["tui_runs"].__file__ or "").parents[1])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "mlruns"
    write_store(str(root), now=NOW, seed=7, runs=RUNS)
    return root


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Training]:
    """A small store, and what trains in it."""
    root = tmp_path / "mlruns"
    write_store(str(root), now=NOW, seed=7, runs=4)
    return root, Training(str(root), now=NOW, seed=7, runs=4)


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes().replace(os.fsencode(root), b"ROOT")
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def metas(root: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: yaml.safe_load(path.read_text()) for path in root.glob("*/*/meta.yaml")}


def statuses(root: Path) -> Counter[int]:
    return Counter(meta["status"] for meta in metas(root).values())


def run_dir(root: Path, run_id: str) -> Path:
    return next(root.glob(f"*/{run_id}"))


def lines_of(root: Path, run_id: str, key: str = "train/loss") -> list[tuple[int, float, int]]:
    lines = (run_dir(root, run_id) / "metrics" / key).read_text().splitlines()
    return [(int(ms), float(value), int(step)) for ms, value, step in map(str.split, lines)]


def advance(training: Training, start: float, end: float, tick: float = 1.0) -> None:
    for n in range(math.ceil((end - start) / tick)):
        training.advance(min(start + (n + 1) * tick, end))


class TestStore:
    def test_same_arguments_give_the_same_bytes(self, store: Path, tmp_path: Path) -> None:
        other = tmp_path / "elsewhere"
        write_store(str(other), now=NOW, seed=7, runs=RUNS)
        assert files_of(other) == files_of(store)

    def test_another_seed_gives_other_runs(self, store: Path, tmp_path: Path) -> None:
        write_store(str(tmp_path / "mlruns"), now=NOW, seed=8, runs=RUNS)
        assert not metas(tmp_path / "mlruns").keys() & metas(store).keys()

    def test_counts_and_size(self, store: Path) -> None:
        assert len(metas(store)) == RUNS
        assert statuses(store) == {1: 3, 3: RUNS - 5, 4: 1, 5: 1}
        assert sum(map(len, files_of(store).values())) < 15_000_000

    @pytest.mark.parametrize("runs", [3, 4, 10, 14, 60])
    def test_any_number_of_runs_has_three_that_train(self, tmp_path: Path, runs: int) -> None:
        write_store(str(tmp_path / "mlruns"), now=NOW, seed=1, runs=runs)
        assert len(metas(tmp_path / "mlruns")) == runs
        assert statuses(tmp_path / "mlruns")[1] == 3

    def test_too_few_runs_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="2 runs"):
            write_store(str(tmp_path / "mlruns"), now=NOW, seed=1, runs=2)
        assert not (tmp_path / "mlruns").exists()

    def test_times(self, store: Path) -> None:
        now_ms = int(NOW * 1000)
        for run_id, meta in metas(store).items():
            assert now_ms - 9 * 86_400_000 <= meta["start_time"] < now_ms
            for path in (run_dir(store, run_id) / "metrics").rglob("*"):
                if path.is_file():
                    times = [int(line.split()[0]) for line in path.read_text().splitlines()]
                    assert times == sorted(times)
                    assert meta["start_time"] < times[0]
                    assert times[-1] <= (meta["end_time"] or now_ms)
            if meta["end_time"] and meta["status"] == 3:
                assert 600_000 <= meta["end_time"] - meta["start_time"] <= 6 * 3_600_000

    def test_missing_empty_and_hostile_texts_are_there(self, store: Path) -> None:
        mixups = [path.read_text() for path in store.glob("*/*/params/augment.mixup")]
        assert 1 < len(mixups) < RUNS
        assert mixups.count("") == 1
        notes = [path.read_text() for path in store.glob("*/*/params/notes")]
        assert len(notes) == 1
        assert notes[0].startswith("[red]careful[/]")

    def test_a_failed_run_ends_in_nan_and_one_run_has_a_spike(self, store: Path) -> None:
        (failed,) = (run_id for run_id, meta in metas(store).items() if meta["status"] == 4)
        assert math.isnan(lines_of(store, failed)[-1][1])
        assert math.isnan(lines_of(store, failed, "val/loss")[-1][1])
        assert not math.isnan(lines_of(store, failed)[0][1])
        (spiked,) = (path.parents[1].name for path in store.glob("*/*/params/notes"))
        losses = [value for _, value, _ in lines_of(store, spiked)]
        assert max(losses[100:]) > 2 * max(losses[:10])
        assert losses[-1] < losses[0]

    def test_best_params_are_repeated_with_three_seeds(self, store: Path) -> None:
        def value(params: Path, key: str) -> str:
            return (params / key).read_text()

        groups = Counter(
            tuple(
                sorted((path.name, path.read_text()) for path in params.iterdir() if path.name not in ("seed", "data"))
            )
            for params in store.glob("*/*/params")
        )
        repeated = [dict(params) for params, count in groups.items() if count == 3]
        assert [(one["lr"], one["optimizer"]) for one in repeated] == [("0.001", "adam")]
        seeds = {
            value(params, "seed")
            for params in store.glob("*/*/params")
            if (params / "lr").exists() and all(value(params, key) == text for key, text in repeated[0].items())
        }
        assert seeds == {"1", "2", "3"}

    def test_learning_rate_decides(self, store: Path) -> None:
        """A comparison can find it: near the optimum the median loss is lower than two decades under it."""

        finished = {run_id for run_id, meta in metas(store).items() if meta["status"] == 3}

        def losses(*rates: str) -> list[float]:
            found = []
            for path in store.glob(f"{CIFAR.experiment_id}/*/params/lr"):
                optimizer = (path.parent / "optimizer").read_text()
                run_id = path.parents[1].name
                if path.read_text() in rates and optimizer != "sgd" and run_id in finished:
                    found.append(lines_of(store, run_id, "val/loss")[-1][1])
            return sorted(found)

        best, low = losses("0.001"), losses("3e-05", "0.0001")
        assert best
        assert low
        assert best[len(best) // 2] < low[0]


class TestAsMlflowWritesIt:
    @pytest.fixture(scope="class")
    def mlflow_client(self) -> Iterator[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
            patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
            import mlflow

            yield mlflow.MlflowClient

    def test_mlflow_reads_all_of_it(self, store: Path, mlflow_client: Any) -> None:
        client = mlflow_client(tracking_uri=store.as_uri())
        experiments = {one.name: one for one in client.search_experiments()}
        assert experiments.keys() == {"Default", CIFAR.name, GPT.name}
        runs = client.search_runs([one.experiment_id for one in experiments.values()], max_results=1000)
        assert Counter(run.info.status for run in runs) == {
            "RUNNING": 3,
            "FINISHED": RUNS - 5,
            "FAILED": 1,
            "KILLED": 1,
        }
        parents = [run for run in runs if "lr" not in run.data.params]
        assert len(parents) == 1
        children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
        assert [run.data.params["optimizer"] for run in children] == ["adamw"] * 4
        for run in runs:
            assert run.info.run_name == run.data.tags["mlflow.runName"]
            assert run.info.user_id == run.data.tags["mlflow.user"] in ("alice", "bob")
            if run not in parents:
                assert run.data.metrics.keys() == METRICS
                assert {"lr", "seed", "model.depth", "data/path", "max_steps"} <= run.data.params.keys()
            for key, last in run.data.metrics.items():
                history = client.get_metric_history(run.info.run_id, key)
                assert len(history) == len(lines_of(store, run.info.run_id, key))
                assert history[-1].value == last or math.isnan(last)
                if key == "train/loss":
                    assert 200 <= len(history) <= 2000

    def test_meta_files_are_what_mlflow_writes(self, store: Path, mlflow_client: Any, tmp_path: Path) -> None:
        """The same keys as in a store that MLflow made, and the bytes that its YAML writer makes of the values."""
        client = mlflow_client(tracking_uri=(tmp_path / "mlruns").as_uri())
        run = client.create_run(client.create_experiment("one"))
        client.log_metric(run.info.run_id, "nested/key", 0.25, step=3)
        client.set_terminated(run.info.run_id)
        for pattern in ("*/meta.yaml", "*/*/meta.yaml"):
            true = yaml.safe_load(next(iter(sorted((tmp_path / "mlruns").glob(pattern), reverse=True))).read_text())
            ours = sorted(store.glob(pattern))
            assert ours
            for path in ours:
                values = yaml.safe_load(path.read_text())
                assert values.keys() == true.keys()
                assert all(isinstance(values[key], type(true[key])) for key in true if values[key] and true[key])
                assert yaml.safe_dump(values, allow_unicode=True, default_flow_style=False) == path.read_text()
        theirs = {path.name for path in (tmp_path / "mlruns").glob("*/*/*")}
        assert {path.name for path in store.glob("*/*/*") if path.parent.name != "tags"} == theirs

    def test_our_adapter_reads_it_without_a_problem(self, store: Path) -> None:
        from tui_runs_mlflow import MlflowAdapter

        source = MlflowAdapter().open(str(store), {})
        try:
            batches = list(source.scan())
        finally:
            source.close()
        assert [problem for batch in batches for problem in batch.problems] == []
        assert len({run_id for batch in batches for run_id in batch.runs["run_id"]}) == RUNS


class TestTraining:
    def test_points_are_appended_as_time_goes_by(self, small: tuple[Path, Training]) -> None:
        root, training = small
        before = {run_id: lines_of(root, run_id) for run_id, meta in metas(root).items() if meta["status"] == 1}
        training.advance(NOW + 10)
        for run_id, old in before.items():
            new = lines_of(root, run_id)
            assert new[: len(old)] == old
            assert 20 <= len(new) - len(old) <= 35
            assert [step for _, _, step in new] == [(n + 1) * new[0][2] for n in range(len(new))]
            assert new[-1][0] <= (NOW + 10) * 1000

    def test_small_ticks_and_large_ones_write_the_same(self, tmp_path: Path) -> None:
        for name, tick in (("a", 0.2), ("b", 60.0)):
            write_store(str(tmp_path / name), now=NOW, seed=3, runs=4)
            advance(Training(str(tmp_path / name), now=NOW, seed=3, runs=4), NOW, NOW + 240, tick)
        assert files_of(tmp_path / "a") == files_of(tmp_path / "b")

    def test_one_fails_one_finishes_and_others_start(self, small: tuple[Path, Training]) -> None:
        root, training = small
        first = metas(root)
        advance(training, NOW, NOW + 60)
        assert metas(root) == first
        advance(training, NOW + 60, NOW + 100)
        assert statuses(root) - statuses_of(first) == {4: 1}
        (failed,) = (
            run_id for run_id, meta in metas(root).items() if meta["status"] == 4 != first.get(run_id, {}).get("status")
        )
        assert math.isnan(lines_of(root, failed)[-1][1])
        advance(training, NOW + 100, NOW + 130)
        assert statuses(root)[1] == 3
        assert statuses(root)[3] == statuses_of(first)[3] + 1
        new = metas(root).keys() - first.keys()
        assert len(new) == 2
        for run_id in new:
            assert len(lines_of(root, run_id)) > 10
            assert (run_dir(root, run_id) / "params" / "lr").exists()

    def test_three_always_train(self, small: tuple[Path, Training]) -> None:
        root, training = small
        for minute in range(20):
            advance(training, NOW + 60 * minute, NOW + 60 * (minute + 1), 10)
            assert statuses(root)[1] == 3
        assert statuses(root)[4] >= 2
        names = [meta["run_name"] for meta in metas(root).values()]
        assert len(names) == len(set(names)) > 10

    def test_every_write_is_whole_lines(self, small: tuple[Path, Training], monkeypatch: pytest.MonkeyPatch) -> None:
        _, training = small
        written: list[bytes] = []
        write = os.write

        def spy(descriptor: int, data: bytes) -> int:
            written.append(data)
            return write(descriptor, data)

        monkeypatch.setattr(os, "write", spy)
        advance(training, NOW, NOW + 30, 0.2)
        assert len(written) > 300
        assert all(data.endswith(b"\n") for data in written)

    def test_a_machine_that_slept_does_not_catch_up(self, small: tuple[Path, Training]) -> None:
        root, training = small
        training.advance(NOW + 1)
        before = files_of(root)
        training.advance(NOW + 86_400)
        assert files_of(root) == before
        training.advance(NOW + 86_410)
        for run_id, meta in metas(root).items():
            if meta["status"] == 1:
                lines = lines_of(root, run_id)
                assert sum(ms > (NOW + 86_399) * 1000 for ms, _, _ in lines) in range(20, 36)

    def test_stop_leaves_no_run_running(self, small: tuple[Path, Training]) -> None:
        root, training = small
        training.stop(NOW + 5)
        assert statuses(root)[1] == 0
        assert statuses(root)[5] == 3

    def test_a_store_that_is_gone_is_not_made_again(self, small: tuple[Path, Training]) -> None:
        root, training = small
        root.rename(root.with_name("moved"))
        with pytest.raises(FileNotFoundError):
            training.advance(NOW + 10)
        assert not root.exists()


def statuses_of(some: dict[str, dict[str, Any]]) -> Counter[int]:
    return Counter(meta["status"] for meta in some.values())


class TestRunDemo:
    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        place = tmp_path / "tmp"
        place.mkdir()
        monkeypatch.setenv("TMPDIR", str(place))
        monkeypatch.setattr("tempfile.tempdir", None)
        return place

    def test_the_app_sees_training_and_nothing_stays(self, temporary: Path) -> None:
        seen: list[Path] = []

        def open_app(path: str) -> int:
            seen.append(Path(path))
            for changes in watchfiles.watch(path, rust_timeout=20_000, yield_on_timeout=True):
                assert changes, "nothing was written in 20 s"
                break
            return 5

        assert run_demo(open_app, runs=4) == 5
        assert seen[0].name == "mlruns"
        assert seen[0].parent.parent == temporary
        assert seen[0].parent.name.startswith("tui-runs-demo-")
        assert list(temporary.iterdir()) == []

    def test_an_app_that_raises_leaves_nothing(self, temporary: Path) -> None:
        def open_app(path: str) -> int:
            raise RuntimeError(path)

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(RuntimeError, match="tui-runs-demo-"):
            run_demo(open_app, runs=3)
        assert list(temporary.iterdir()) == []
        assert signal.getsignal(signal.SIGTERM) is before

    def test_a_directory_that_is_named_is_kept(self, tmp_path: Path, temporary: Path) -> None:
        place = tmp_path / "new" / "demo"
        assert run_demo(lambda path: 0, runs=3, directory=str(place)) == 0
        assert len(metas(place / "mlruns")) == 3
        assert list(temporary.iterdir()) == []

    def test_a_directory_that_is_not_empty_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("keep")
        with pytest.raises(UsageError, match="not empty"):
            run_demo(lambda path: pytest.fail("opened"), directory=str(tmp_path))
        assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "tmp"}

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="cannot hold"):
            run_demo(lambda path: pytest.fail("opened"), directory=str(tmp_path / "file"))

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    def test_signals_leave_nothing(self, temporary: Path, number: signal.Signals) -> None:
        code = (
            "import signal, sys; from tui_runs.demo import run_demo\n"
            # Whoever started the tests may ignore some of these, and a child inherits that.
            "for one in (signal.SIGTERM, signal.SIGHUP): signal.signal(one, signal.SIG_DFL)\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "def show(path):\n print(path, flush=True); sys.stdin.read()\n"
            "run_demo(show, runs=3)"
        )
        app = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": PACKAGE_ROOT}, text=True,
        )  # fmt: skip
        assert app.stdout is not None
        path = Path(app.stdout.readline().strip())
        assert path.parent.parent == temporary
        app.send_signal(number)
        app.communicate(timeout=20)
        assert app.returncode == (128 + number if number is not signal.SIGINT else -signal.SIGINT)
        assert list(temporary.iterdir()) == []


class TestWriter:
    @pytest.fixture
    def writer(self, small: tuple[Path, Training]) -> Iterator[subprocess.Popen[bytes]]:
        options = ["--write", str(small[0]), "--now", repr(NOW), "--seed", "7", "--runs", "4"]
        with subprocess.Popen(
            [sys.executable, "-P", "-c", _WRITER, PACKAGE_ROOT, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            yield process
            process.kill()

    def test_it_ends_when_the_pipe_closes_as_when_the_app_is_killed(
        self, small: tuple[Path, Training], writer: subprocess.Popen[bytes]
    ) -> None:
        output, _ = writer.communicate(timeout=20)
        assert writer.returncode == 0
        assert output == b""
        assert statuses(small[0])[1] == 0

    def test_it_ends_when_the_store_is_gone(
        self, small: tuple[Path, Training], writer: subprocess.Popen[bytes]
    ) -> None:
        small[0].rename(small[0].with_name("moved"))
        assert writer.wait(timeout=20) == 0
        assert not small[0].exists()

    def test_it_imports_the_standard_library_only(self) -> None:
        code = (
            "import sys; sys.path.append(sys.argv[1]); import tui_runs.demo\n"
            "print({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__', 'tui_runs'})"
        )
        run = [sys.executable, "-S", "-P", "-c", code, PACKAGE_ROOT]
        assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == "set()"
